"""The figures of maps on the pages of explanations, runs and comparisons, with their captions and places."""

from __future__ import annotations

from collections.abc import Sequence

from alzbench.report.attention_figures import attention_figure, read_attended, read_weighed, slice_weights_figure
from alzbench.report.check_figures import check_figure, has_steps, randomisation_figure
from alzbench.report.examples import (
    ExplainedRun,
    choose_by_class,
    choose_images,
    columns_of_methods,
    columns_of_runs,
    explained_runs,
    mean_maps,
    read_examples,
)
from alzbench.report.explanation import methods_of
from alzbench.report.map_figures import PAIRS, class_names, grid_figure, mean_figure, side_by_side_figure
from alzbench.report.pictures import Placed
from alzbench.report.shown_maps import ShownMaps
from alzbench.store import Run
from alzbench.store.explanation import Explanation

MOST_DETAILED = 3  # runs on a page with a grid for each class; more would make it too large
_MEAN = "Mean maps of the images that are predicted as each class, over their mean slice. Each row has its own scale."


def maps_figures(maps: ShownMaps | None) -> list[Placed]:
    """Return the figure of the maps on the page of a run or of a comparison; none without maps."""
    if maps is None or not maps.columns:
        return []
    alone = len(maps.runs) == 1
    drawn = side_by_side_figure(maps.columns, class_names(maps.classes), predictions=not alone)
    of = "every method" if alone else "the first experiments"
    return [Placed(drawn, f"Maps of {of} for the same images.", "checks" if alone else "maps", images=True)]


def explanation_figures(runs: Sequence[tuple[Run, Explanation]]) -> list[list[Placed]]:
    """Return the figures of each section of `explanation_document`.

    Raises:
        DataError: A file of an explanation is damaged.
    """
    explained = explained_runs(runs)
    detailed = len(explained) <= MOST_DETAILED
    own = [[*run_grids(run), *run_figures(run)] if detailed else run_figures(run) for run in explained]
    return [[], _checks(explained), same_images(runs), *own]


def same_images(runs: Sequence[tuple[Run, Explanation]]) -> list[Placed]:
    """Return a figure for each method that several runs have, or for one run a figure of all its methods.

    Raises:
        DataError: A file of an explanation is damaged.
    """
    explained = explained_runs(runs)
    images = choose_images(explained)
    names = class_names(list(dict.fromkeys(name for run in explained for name in run.classes)))
    if not images:
        return []
    if len(explained) == 1:
        columns = columns_of_methods(explained[0], images)
        drawn = side_by_side_figure(columns, names, predictions=False)
        return [Placed(drawn, f"Maps of every method for {len(images)} images.", images=True)]
    placed = []
    for method, label in methods_of(explained).items():
        columns = columns_of_runs(explained, images, method)
        if len(columns) > 1:
            drawn = side_by_side_figure(columns, names)
            placed.append(Placed(drawn, f"{label} of {len(columns)} runs for the same images.", images=True))
    return placed


def run_grids(run: ExplainedRun) -> list[Placed]:
    """Return a figure of right and wrong images for each class, with the maps of the first method.

    Raises:
        DataError: A file is damaged.
    """
    if not run.methods:
        return []
    method, label = next(iter(run.methods.items()))
    placed = []
    for name in run.classes:
        wrong, right = (
            read_examples(run, choose_by_class(run, name, is_right, PAIRS), [method]) for is_right in (False, True)
        )
        if wrong or right:
            drawn = grid_figure(name, method, wrong, right, class_names(run.classes))
            placed.append(Placed(drawn, f"{name}: {label}, the most confident predictions first.", "errors", True))
    return placed


def run_figures(run: ExplainedRun) -> list[Placed]:
    """Return the figures of one explained run beside its grids: means, attention weights and slice weights.

    Raises:
        DataError: A file is damaged.
    """
    names, placed = class_names(run.classes), []
    if (means := mean_maps(run)) and run.methods:
        placed.append(Placed(mean_figure(means, run.methods, names), _MEAN, "methods", True))
    if attended := read_attended(run):
        caption = "Attention weights: mean over queries, each head, and single queries (ringed) over all positions."
        placed.append(Placed(attention_figure(attended, names), caption, "methods", True))
    if weighed := read_weighed(run):
        caption = "Weight of each slice of a subject, and the slices of the highest weights."
        placed.append(Placed(slice_weights_figure(weighed, names), caption, "methods", True))
    return placed


def _checks(runs: Sequence[ExplainedRun]) -> list[Placed]:
    checks, methods = {run.name: run.explanation.contents.checks for run in runs}, methods_of(runs)
    placed = []
    if any(checks.values()):
        caption = "Each check's value and baseline, with 95 % intervals over subjects."
        placed.append(Placed(check_figure(checks, methods), caption))
    if any(map(has_steps, checks.values())):
        caption = (
            "Weights are made random from the last layer down. A map that depends on the model then becomes as unlike "
            "the first one as the map of another image is."
        )
        placed.append(Placed(randomisation_figure(checks, methods), caption))
    return placed
