"""The checks of an explained run, with other stored runs that its maps are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from alzbench.errors import AlzbenchError
from alzbench.explain.checks import run_checks
from alzbench.explain.explain import Explained, make_inputs, no_advance
from alzbench.explain.inputs import Inputs, Maps
from alzbench.explain.methods import METHODS
from alzbench.explain.results import Checked, Other
from alzbench.inference.trained import TrainedRun
from alzbench.progress import Progress
from alzbench.store import Run
from alzbench.store.explanation import Check

Siblings = Mapping[Path, Sequence[tuple[str, TrainedRun]]]  # folder of a run -> what differs, and the other run


def find_siblings(run: Run, runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """Return the stored runs that the maps of a run are compared with: one other seed, and one other variant.

    Both have the same images, protocol and fold; the first has the same settings, and the second the same seed.
    """
    card = run.card
    alike = [
        other
        for other in runs
        if other.is_scored and not other.card.sanity and (other.path / "model.keras").is_file()
        and (other.card.data, other.card.protocol_hash, other.card.fold) == (card.data, card.protocol_hash, card.fold)
    ]  # fmt: skip
    seeds = [o for o in alike if o.card.settings_hash == card.settings_hash and o.card.seed != card.seed]
    variants = [o for o in alike if o.card.seed == card.seed and o.card.variant != card.variant]
    return [(kind, found[0]) for kind, found in (("seed", seeds), ("variant", variants)) if found]


def open_siblings(
    explained: Sequence[Run], runs: Sequence[Run], opened: Callable[[Run], TrainedRun], progress: Progress
) -> Siblings:
    """Open the runs that explained runs are compared with; one that cannot be opened is named and left out."""
    siblings: dict[Path, list[tuple[str, TrainedRun]]] = {}
    trained: dict[Path, TrainedRun] = {}
    for run in explained:
        siblings[run.path] = []
        for kind, other in find_siblings(run, runs):
            try:
                if other.path not in trained:
                    trained[other.path] = opened(other)
                siblings[run.path].append((kind, trained[other.path]))
            except AlzbenchError as error:
                progress.warn(f"{other.name} is not compared: {error}")
    return siblings


def check_explained(one: Explained, progress: Progress, siblings: Siblings) -> list[Check]:
    """Check the maps of a run on its images that were chosen without looking at predictions.

    Too few subjects for any check are reported.
    """
    sample = np.flatnonzero((one.rows["group"] == "sample").to_numpy())
    rows = one.rows.iloc[sample].reset_index(drop=True)
    inputs = one.inputs.take(sample)
    checked = Checked(
        inputs=inputs,
        maps={name: maps[sample] for name, maps in one.maps.items()},
        images=rows[["image", "subject"]],
        compute=compute_maps_of,
        others=[
            Other(kind, other.run.name, replace(make_inputs(other, one.images, rows, progress), targets=inputs.targets))
            for kind, other in siblings.get(one.trained.run.path, ())
        ],
        source=one.trained.experiment.data.source,
    )
    checks = run_checks(checked, progress)
    if not checks and one.maps:
        subjects = len(set(checked.subjects))
        progress.warn(
            f"{one.trained.run.name}: no check was made, as the images for checks ({len(rows)}) are of {subjects} "
            f"{'subject' if subjects == 1 else 'subjects'}. Give more --images."
        )
    return checks


def compute_maps_of(method: str, inputs: Inputs) -> Maps | None:
    """Return the maps of a method, without progress."""
    return METHODS[method].function(inputs, no_advance)
