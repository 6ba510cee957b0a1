"""A trial of a sweep: a run whose test part is never read, scored on its validation part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from alzbench import atomic
from alzbench.data.manifest import ImageSet, ImageSets
from alzbench.data.protocols import split_of_run
from alzbench.environment import describe_environment
from alzbench.evaluation.metrics import score
from alzbench.evaluation.subjects import combine
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.runner.network import AfterEpoch, NetworkRun
from alzbench.runner.plan import make_card, resolved_yaml
from alzbench.runner.tracker import Tracker, begin_tracked
from alzbench.store import Run, RunStore, read_run

Scores = dict[str, Any]


@dataclass(frozen=True)
class Trials:
    """The trials of one command: what they share is made once.

    Attributes:
        images: The sets; a trial may search the size of its images.
        store: Where run folders lie.
        progress: Where to report.
        tracker: Follows each run.
    """

    images: ImageSets
    store: RunStore
    progress: Progress
    tracker: Tracker | None = None

    def run(self, experiment: Experiment, number: int, seed: int, fold: int | None, watch: AfterEpoch | None) -> Run:
        """Run one seed and fold of a trial, or find it complete, or go on where it was stopped.

        Args:
            experiment: With the sweep's name and the trial's settings.
            number: Of the trial.
            seed, fold: Which run of it.
            watch: See `NetworkRun.validation`; may raise `Pruned`.

        Raises:
            RunError: It failed.
            Pruned: It was given up.
        """
        images = self.images.open(experiment.data)
        split = _split(images, experiment, seed, fold)
        # without the rows of the test part, nothing below can read them
        seen = split[split["part"] != "test"]
        card = replace(make_card(experiment, seed, fold, images, split), trial=number)
        if found := self.store.find_complete(card):
            return found
        network = NetworkRun(experiment, seed, images, seen, self.progress)
        network.prepare()
        with begin_tracked(self.store, card, self.tracker, experiment, images) as writer:
            atomic.write_text(writer.path / "experiment.yaml", resolved_yaml(experiment))
            writer.write_json("environment.json", describe_environment())
            table, notes = network.validation(writer, watch)
            writer.write_table("predictions_val.csv", table)
            writer.write_json("metrics.json", {**validation_scores(table), **notes, "duration_s": network.seconds})
            writer.forget_checkpoints()
        return read_run(writer.path)


def _split(images: ImageSet, experiment: Experiment, seed: int, fold: int | None) -> pd.DataFrame:
    key = ("split", experiment.protocol, seed, fold)
    if key not in images.derived:
        images.derived[key] = split_of_run(images.manifest, experiment.protocol, seed, fold)
    found: pd.DataFrame = images.derived[key]
    return found


def validation_scores(table: pd.DataFrame) -> Scores:
    """Return the scores of a predictions table by slice and by subject; None for those where a subject is not known."""
    known = not (table["subject"] == "").any()
    return {"validation": score(table), "validation_by_subject": score(combine(table, "mean")) if known else None}
