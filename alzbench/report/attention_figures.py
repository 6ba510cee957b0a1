"""Figures of attention weights: those of positions of the feature map, and those of a subject's slices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from alzbench.explain.overlay import blended
from alzbench.report.examples import ExplainedRun, choose_images
from alzbench.report.map_figures import Names, plain
from alzbench.report.sheet import SCALE_HEIGHT, Sheet

ATTENDED = 3  # images, or subjects, that are shown
HEADS = 4
MOST_QUERIES = 16
STRONGEST = 3  # slices of a subject
_CELL = 1.35
_GAP = 0.15


@dataclass(frozen=True)
class Attended:
    """The attention weights of an image: of each query in each head (heads, queries, positions), on a grid (h, w)."""

    label: str
    predicted: str
    picture: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.floating]
    grid: tuple[int, int]


def read_attended(run: ExplainedRun, count: int = ATTENDED) -> list[Attended]:
    """Read the attention weights of some images; none without weights of positions on a grid.

    Raises:
        DataError: A file is damaged.
    """
    weights = run.explanation.attention_weights
    grid = None if weights is None else _grid(run, weights.shape[-1])
    if weights is None or grid is None or weights.shape[2] != weights.shape[3]:
        return []
    rows = [row for image in choose_images([run], count) if (row := run.explanation.row_of(image)) is not None]
    images = run.explanation.images
    return [
        Attended(
            images["label"].iloc[row], images["predicted"].iloc[row], run.explanation.picture(row),
            weights[row].astype(np.float32), grid,
        )
        for row in rows
    ]  # fmt: skip


def _grid(run: ExplainedRun, positions: int) -> tuple[int, int] | None:
    """Return height and width of the feature map: those of a map with as many values, else of a square."""
    shapes = [run.explanation.maps(method).shape[1:] for method in run.methods]
    side = math.isqrt(positions)
    fitting = [(h, w) for h, w in shapes if h * w == positions] + ([(side, side)] if side**2 == positions else [])
    return fitting[0] if fitting else None


def attention_figure(attended: Sequence[Attended], names: Names) -> Figure:
    """Draw, for each image, its mean attention over all queries, that of each head, and single queries' own.

    Every panel of an image has its own colour scale; its title has the largest weight, and equal weights' one.
    """
    heads = min(HEADS, max(len(one.weights) for one in attended))
    panels = 2 + (heads if heads > 1 else 0)
    step = _CELL + _GAP
    sheet = Sheet(max(0.1 + (panels + 1) * step + 0.3, 5.6), 0.5 + len(attended) * (_CELL + 0.55) + SCALE_HEIGHT)
    for row, one in enumerate(attended):
        y = 0.4 + row * (_CELL + 0.55)
        label, predicted = (names.get(name, name) for name in (one.label, one.predicted))
        title = f"{plain(label, 14)}\npredicted {plain(predicted, 12)}"
        sheet.text(title, 0.1, y - 0.04, 7, va="bottom")
        sheet.picture(one.picture, 0.1, y, _CELL, _CELL)
        by_head = one.weights.mean(axis=1)
        shown = [("mean over queries", by_head.mean(axis=0))]
        shown += [(f"head {k}", weights) for k, weights in enumerate(by_head[:heads], start=1)] if heads > 1 else []
        for k, (name, weights) in enumerate(shown, start=1):
            x = 0.1 + k * step
            most = float(weights.max())
            sheet.text(f"{name}\nlargest {most:.3f}", x, y - 0.04, 7, va="bottom")
            relative = (weights / most if most > 0 else weights).reshape(one.grid)
            sheet.picture(blended(one.picture, relative), x, y, _CELL, _CELL)
        _queries(sheet, one, 0.1 + (len(shown) + 1) * step, y)
    y = 0.3 + len(attended) * (_CELL + 0.55)
    sheet.colour_scale(0.15, y, "share of the largest weight, over a slice")
    sheet.colour_scale(0.15, y + 0.4, "share of the largest weight, of single queries", below=0)
    return sheet.figure


def _queries(sheet: Sheet, one: Attended, x: float, y: float) -> None:
    """Draw the weights of some queries, mean over heads; each map is where its query is, which is marked."""
    height, width = one.grid
    weights = one.weights.mean(axis=0)
    chosen_rows, chosen_columns = _spread(height), _spread(width)
    tiles = np.full((len(chosen_rows) * (height + 1) - 1, len(chosen_columns) * (width + 1) - 1), np.nan, np.float32)
    marks = []
    for i, row in enumerate(chosen_rows):
        for j, column in enumerate(chosen_columns):
            top, left = i * (height + 1), j * (width + 1)
            tiles[top : top + height, left : left + width] = weights[row * width + column].reshape(height, width)
            marks.append((left + column + 0.5, top + row + 0.5))
    most, equal = float(np.nanmax(tiles)), 1 / weights.shape[-1]
    shown = len(chosen_rows) * len(chosen_columns)
    which = f"each of {shown} queries" if shown == len(weights) else f"{shown} of {len(weights)} queries"
    sheet.text(f"{which}\nlargest {most:.3f}, equal {equal:.3f}", x, y - 0.04, 7, va="bottom")
    sheet.tiles(tiles, x, y, _CELL, most)
    scale = _CELL / max(tiles.shape)
    for mark_x, mark_y in marks:
        sheet.mark(x + scale * mark_x, y + scale * mark_y)


def _spread(size: int) -> list[int]:
    """Return all places along a side, or three of them, if all queries would be too many."""
    return list(range(size)) if size <= math.isqrt(MOST_QUERIES) else [size // 6, size // 2, size - 1 - size // 6]


@dataclass(frozen=True)
class WeighedSubject:
    """A subject with the weight of each of its slices, and the pictures of the strongest."""

    subject: str
    label: str
    predicted: str
    slices: Sequence[str]
    weights: npt.NDArray[np.floating]
    strongest: Sequence[tuple[int, npt.NDArray[np.uint8]]]


def read_weighed(run: ExplainedRun, count: int = ATTENDED) -> list[WeighedSubject]:
    """Read the slice weights of some subjects, of all classes if there are enough; none without such weights.

    Raises:
        DataError: A file is damaged.
    """
    weights = run.explanation.slice_weights
    if weights is None:
        return []
    images = run.explanation.images
    chosen = [run.explanation.row_of(image) for image in choose_images([run], count)]
    subjects = list(dict.fromkeys(images["subject"].iloc[row] for row in chosen if row is not None))
    found = []
    for subject in subjects:
        rows = np.flatnonzero(images["subject"] == subject)
        numbers = images["slice"].iloc[rows].tolist()
        if all(number.isdecimal() for number in numbers):
            rows = rows[np.argsort([int(number) for number in numbers], kind="stable")]
        own = weights[rows].astype(np.float64)
        first = images.iloc[rows[0]]
        order = np.argsort(-own, kind="stable")[:STRONGEST]
        strongest = [(int(place), run.explanation.picture(int(rows[place]))) for place in order]
        names = images["slice"].iloc[rows].tolist()
        found.append(WeighedSubject(subject, first["label"], first["predicted"], names, own, strongest))
    return found


def slice_weights_figure(subjects: Sequence[WeighedSubject], names: Names) -> Figure:
    """Draw the weight of each slice of some subjects, beside the slices of the highest weights."""
    bars, row_height = 3.2, _CELL + 0.75
    sheet = Sheet(0.6 + bars + STRONGEST * (_CELL + _GAP) + 0.2, 0.1 + len(subjects) * row_height)
    for k, one in enumerate(subjects):
        y = 0.35 + k * row_height
        about = f"true {names.get(one.label, one.label)}, predicted {names.get(one.predicted, one.predicted)}"
        sheet.text(f"{plain(one.subject)}: {plain(about, 60)}", 0.1, y - 0.06, 8, va="bottom")
        axes = sheet.axes(0.6, y, bars, _CELL)
        strong = {place for place, _ in one.strongest}
        colours = ["tab:orange" if place in strong else "tab:blue" for place in range(len(one.weights))]
        axes.bar(range(len(one.weights)), one.weights, color=colours)
        axes.axhline(1 / len(one.weights), color="black", linestyle=":", linewidth=0.9)
        axes.set_ylabel("weight; dotted: equal", fontsize=7)
        shown = range(0, len(one.slices), max(1, math.ceil(len(one.slices) / 12)))
        axes.set_xticks(list(shown), [plain(one.slices[place], 6) for place in shown], fontsize=6)
        axes.set_xlabel("slice", fontsize=7, labelpad=1)
        axes.tick_params(axis="y", labelsize=6)
        for place, (number, picture) in enumerate(one.strongest):
            x = 0.75 + bars + place * (_CELL + _GAP)
            sheet.picture(picture, x, y, _CELL, _CELL)
            text = f"slice {plain(one.slices[number], 6)}: {one.weights[number]:.3f}"
            sheet.text(text, x + _CELL / 2, y + _CELL + 0.03, 7, ha="center")
    return sheet.figure
