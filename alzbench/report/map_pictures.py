"""The figures of maps on the pages of explanations, runs and comparisons, with their captions and places."""

from __future__ import annotations

from collections.abc import Sequence

from alzbench.report.attention_figures import attention_figure, read_attended, read_weighed, slice_weights_figure
from alzbench.report.check_figures import MOST_PANELS, check_figure, has_steps, randomisation_figure
from alzbench.report.examples import (
    ExplainedRun,
    choose_by_class,
    choose_images,
    columns_of_methods,
    columns_of_runs,
    explained_runs,
    mean_maps,
    read_examples,
    with_common_images,
)
from alzbench.report.map_answer import methods_of
from alzbench.report.map_figures import PAIRS, class_names, grid_figure, mean_figure, side_by_side_figure
from alzbench.report.pictures import Placed
from alzbench.report.shown_maps import ShownMaps
from alzbench.store import Run
from alzbench.store.explanation import Explanation

MOST_METHODS = 4  # whose maps are shown for the same images
MOST_DETAILED = 3  # runs on a page with grids and attention; with more it would be larger than 2 MB
_MEAN = "Mean maps of the images that are predicted as each class, over their mean slice. Each row has its own scale."


def maps_figures(maps: ShownMaps | None) -> list[Placed]:
    """Return the figure of the maps on the page of a run or of a comparison; none without maps."""
    if maps is None or not maps.columns:
        return []
    drawn = side_by_side_figure(maps.columns, class_names(maps.classes), predictions=not maps.by_method)
    of = "each method" if maps.by_method else "the first experiments"
    return [Placed(drawn, f"Maps of {of} for the same images.", "checks" if maps.by_method else "maps", images=True)]


def explanation_figures(runs: Sequence[tuple[Run, Explanation]]) -> list[list[Placed]]:
    """Return the figures of each section of `explanation_document`.

    Raises:
        DataError: A file of an explanation is damaged.
    """
    explained = explained_runs(runs)
    detailed = len(explained) <= MOST_DETAILED
    own = [[*run_grids(run), *run_figures(run)] if detailed else mean_figures(run, small=True) for run in explained]
    return [[], _checks(explained), same_images(runs), *own]


def same_images(runs: Sequence[tuple[Run, Explanation]]) -> list[Placed]:
    """Return the figures of the same images, for each group of runs that explain some in common.

    For several runs a figure for each method that they have, and for one run a figure of its methods; fewer methods if
    there are many groups.

    Raises:
        DataError: A file of an explanation is damaged.
    """
    groups = with_common_images(explained_runs(runs))
    most = max(1, MOST_METHODS // len(groups))
    return [placed for group in groups for placed in _of_group(group, most)]


def _of_group(runs: Sequence[ExplainedRun], most: int) -> list[Placed]:
    images = choose_images(runs)
    names = class_names(list(dict.fromkeys(name for run in runs for name in run.classes)))
    if len(runs) == 1:
        columns = columns_of_methods(runs[0], images)[:most]
        if not columns:
            return []
        drawn = side_by_side_figure(columns, names, predictions=False)
        return [
            Placed(
                drawn,
                f"Maps of {runs[0].name} for {len(images)} {'image' if len(images) == 1 else 'images'}.",
                images=True,
            )
        ]
    placed: list[Placed] = []
    for method, label in methods_of(runs).items():
        columns = columns_of_runs(runs, images, method)
        if len(columns) > 1 and len(placed) < most:
            drawn = side_by_side_figure(columns, names)
            caption = f"{label} for the same {len(images)} images: {'; '.join(column.title for column in columns)}."
            placed.append(Placed(drawn, caption, images=True))
    return placed


def run_grids(run: ExplainedRun) -> list[Placed]:
    """Return a figure of right and wrong images for each class, with the maps of the first method.

    Raises:
        DataError: A file is damaged.
    """
    if not run.methods:
        return []
    method, label = next(iter(run.methods.items()))
    placed: list[Placed] = []
    for name in run.classes:
        wrong, right = (
            read_examples(run, choose_by_class(run, name, is_right, PAIRS), [method]) for is_right in (False, True)
        )
        if wrong or right:
            drawn = grid_figure(name, method, wrong, right, class_names(run.classes))
            placed.append(Placed(drawn, f"{name}: {label}, the most confident predictions first.", "errors", True))
    return placed


def mean_figures(run: ExplainedRun, small: bool = False) -> list[Placed]:
    """Return the figure of the mean maps of each class; `small` for fewer pixels. Raises DataError as `run_figures`."""
    means = mean_maps(run)
    if not means or not run.methods:
        return []
    return [Placed(mean_figure(means, run.methods, class_names(run.classes), small), _MEAN, "methods", True)]


def run_figures(run: ExplainedRun) -> list[Placed]:
    """Return the figures of one explained run beside its grids: means, attention weights and slice weights.

    Raises:
        DataError: A file is damaged.
    """
    names, placed = class_names(run.classes), mean_figures(run)
    if attended := read_attended(run):
        caption = "Attention weights: mean over queries, each head, and single queries (ringed) over all positions."
        placed.append(Placed(attention_figure(attended, names), caption, "methods", True))
    if weighed := read_weighed(run):
        caption = "Weight of each slice of a subject, and the slices of the highest weights."
        placed.append(Placed(slice_weights_figure(weighed, names), caption, "methods", True))
    return placed


def _checks(runs: Sequence[ExplainedRun]) -> list[Placed]:
    checks, methods = {run.name: run.explanation.contents.checks for run in runs}, methods_of(runs)
    placed: list[Placed] = []
    if any(checks.values()):
        caption = "Each check's value and baseline, with 95 % intervals over subjects."
        if len(runs) > 1:
            caption += f" In each row the runs are, from the top: {'; '.join(checks)}."
        placed.append(Placed(check_figure(checks, methods), caption))
    if any(map(has_steps, checks.values())):
        caption = (
            "Weights are made random from the last layer down. A map that depends on the model then becomes as unlike "
            "the first one as the map of another image is."
        )
        with_steps = sum(map(has_steps, checks.values()))
        if with_steps > MOST_PANELS:
            caption += f" Shows the first {MOST_PANELS} of {with_steps} runs."
        placed.append(Placed(randomisation_figure(checks, methods), caption))
    return placed
