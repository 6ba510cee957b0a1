"""The maps on the pages of a run and of a comparison, read with everything that may be damaged in them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alzbench.compare import ExperimentRow, Group
from alzbench.compare.predictions import MOST_SIDE_BY_SIDE
from alzbench.errors import DataError
from alzbench.report.document import Section
from alzbench.report.examples import ExplainedRun, MapColumn, choose_images, columns_of_methods, columns_of_runs
from alzbench.report.explanation import checks_table
from alzbench.report.map_answer import NO_FINDING, answer
from alzbench.store import Run
from alzbench.store.explanation import read_explanation


@dataclass(frozen=True)
class ShownMaps:
    """Maps of the same images.

    Attributes:
        runs: The explained runs.
        columns: The maps, by run or by method; none if there is no image to show.
        notes: Which maps are shown, and which are missing or damaged.
        by_method: True if the columns are the methods of one run.
    """

    runs: Sequence[ExplainedRun] = ()
    columns: Sequence[MapColumn] = ()
    notes: tuple[str, ...] = ()
    by_method: bool = False

    @property
    def classes(self) -> list[str]:
        """The classes of all runs."""
        return list(dict.fromkeys(name for run in self.runs for name in run.classes))


def read_run_maps(run: Run) -> ShownMaps | None:
    """Return the maps of a run, a column for each method; None if it is not explained.

    A damaged explanation is left out, and named in a note.
    """
    try:
        explained = _explained(run, run.card.experiment)
        if explained is None:
            return None
        images = choose_images([explained])
        return ShownMaps([explained], columns_of_methods(explained, images), (NO_FINDING,), by_method=True)
    except DataError as error:
        return ShownMaps(notes=(_damaged(run, error),))


def maps_section(maps: ShownMaps) -> Section:
    """Return the section of the maps of one run."""
    if not maps.runs:
        return Section("What the model looks at", notes=maps.notes)
    table = checks_table(maps.runs[0], short=True)
    return Section("What the model looks at", answer(maps.runs), (table,) if table.rows else (), maps.notes)


def read_group_maps(group: Group) -> ShownMaps | None:
    """Return the maps of the first experiments of a group, a column for each; None if no run is explained.

    All are of one seed: the first one for which most experiments are explained. Damaged explanations are left out, and
    named in a note.
    """
    rows = [row for row in group.rows if row.seeds and not row.sanity][:MOST_SIDE_BY_SIDE]
    read: dict[tuple[str, int], ExplainedRun] = {}
    damaged: list[str] = []
    for row in rows:
        for run in row.runs:
            try:
                explained = _explained(run, row.label)
                if explained is not None:
                    read.setdefault((row.label, run.card.seed), explained)
            except DataError as error:
                damaged.append(_damaged(run, error))
    if not read:
        return ShownMaps(notes=tuple(damaged)) if damaged else None
    seeds = [seed for _, seed in read]
    seed = max(sorted(set(seeds)), key=seeds.count)
    shown = _side_by_side([read[row.label, seed] for row in rows if (row.label, seed) in read], seed)
    missing = [row for row in rows if (row.label, seed) not in read]
    return replace(shown, notes=(*shown.notes, *damaged, *_without(missing, seed)))


def _side_by_side(runs: Sequence[ExplainedRun], seed: int) -> ShownMaps:
    """Return the maps of runs of a seed: of a method that all have, else of each one's first, which its title names."""
    images = choose_images(runs)
    common = [method for method in runs[0].methods if all(method in run.methods for run in runs)]
    columns, whole, damaged = [], [], []
    for run in runs:
        try:
            for method in [*common, *run.methods][:1]:
                title = run.name if common else f"{run.name}, {run.methods[method]}"
                columns += [replace(column, title=title) for column in columns_of_runs([run], images, method)]
            whole.append(run)
        except DataError as error:
            damaged.append(_damaged(run.run, error))
    if images:
        about = f"Maps of {runs[0].methods[common[0]]}" if common else "Maps"
        about += f", seed {seed}, for {len(images)} images that all of these runs explain. {NO_FINDING}"
    else:
        about = f"The runs with maps of seed {seed} have no explained image in common; explain them in one command."
    return ShownMaps(whole, columns, (*((about,) if whole else ()), *damaged))


def _without(rows: Sequence[ExperimentRow], seed: int) -> tuple[str, ...]:
    """Return a note about experiments without maps of a seed, with the command that makes them."""
    if not rows:
        return ()
    names = [run.name for row in rows for run in row.runs if run.card.seed == seed]
    command = f"; make them by `alzbench explain {shlex.join(names)}`" if names else ""
    return (f"Without maps of seed {seed}: {', '.join(row.label for row in rows)}{command}.",)


def _explained(run: Run, name: str) -> ExplainedRun | None:
    explanation = read_explanation(run.path)
    if explanation is None:
        return None
    explained = ExplainedRun(run, explanation, name)
    return explained if len(explained.one_by_subject) else None


def _damaged(run: Run, error: DataError) -> str:
    return f"The maps of {run.name} are left out: {error}"
