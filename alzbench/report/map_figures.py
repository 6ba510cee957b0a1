"""Figures of maps over slices: right and wrong images of a class, class means, and the same images side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from alzbench.explain.overlay import blended
from alzbench.report.columns import PROBABILITY
from alzbench.report.document import Cell, printable
from alzbench.report.examples import ClassMean, Example, MapColumn
from alzbench.report.names import short_names, shortened
from alzbench.report.sheet import SCALE_HEIGHT, Pixels, Sheet

PAIRS = 4  # slices with their maps, side by side in the grid of a class
SCALE = "share of the largest value of the map"
_GAP = 0.08
_CELL = 1.2  # longest side of a picture
_LINE = 0.14  # height of a line of text
_RIGHT, _WRONG = "#1a6e2e", "#b3261e"
_MANY = 5  # columns from which pictures are smaller
_PX, _SMALL_PX = 144, 84  # an inch

Names = Mapping[str, str]  # class -> its short name


def grid_figure(label: str, method: str, wrong: Sequence[Example], right: Sequence[Example], names: Names) -> Figure:
    """Draw images of a class beside their maps, the wrong ones above the right ones.

    Args:
        label: The class.
        method: Method of the maps.
        wrong, right: The examples, in the order in which they are shown; the first PAIRS are.
        names: Class -> its short name.
    """
    rows = [
        (title, found[:PAIRS]) for title, found in (("predicted wrong", wrong), ("predicted right", right)) if found
    ]
    width, height = _cell([example for _, found in rows for example in found])
    pair, across = 2 * width + _GAP, max((len(found) for _, found in rows), default=1)
    row_height = height + 3 * _LINE + 0.12
    full_width = max(0.1 + across * (pair + 3 * _GAP), 5.2)
    sheet = Sheet(full_width, 0.3 + len(rows) * (row_height + 0.25) + SCALE_HEIGHT)
    sheet.text(f"true class {plain(label)}", 0.1, 0.05, 10, weight="bold")
    y = 0.32
    for title, found in rows:
        sheet.text(title, 0.1, y, 8, style="italic")
        for k, example in enumerate(found):
            x = 0.1 + k * (pair + 3 * _GAP)
            sheet.picture(example.picture, x, y + 0.2, width, height)
            sheet.picture(_over(example, method), x + width + _GAP, y + 0.2, width, height)
            _describe(sheet, example, names, x, y + 0.24 + height)
        y += row_height + 0.25
    sheet.colour_scale(0.15, y + 0.1, SCALE)
    return sheet.figure


def side_by_side_figure(columns: Sequence[MapColumn], names: Names, predictions: bool = True) -> Figure:
    """Draw the same images for several runs, or for several methods of one run: the slice, then a map a column.

    Args:
        columns: The columns; each has an example for each image.
        names: Class -> its short name.
        predictions: True to show the prediction of each column; False to show that of the first one at the slice.
    """
    first = columns[0].examples
    width, height = _cell([example for column in columns for example in column.examples])
    step = width + 2 * _GAP
    titles = [_title(column.title, step) for column in columns]
    top = 0.1 + _LINE * max(title.count("\n") + 1 for title in titles)
    row_height = height + 2 * _LINE + 0.1
    left = max(step, 1.35)  # room for the texts below a slice
    size = (left + len(columns) * step + 0.1, top + len(first) * row_height + SCALE_HEIGHT)
    sheet = Sheet(max(size[0], 5.2), size[1], _PX if len(columns) < _MANY else _SMALL_PX)
    for k, title in enumerate(titles):
        sheet.text(title, left + k * step + width / 2, top - 0.04, 8, ha="center", va="bottom")
    for row, example in enumerate(first):
        y = top + row * row_height
        sheet.picture(example.picture, 0.05, y, width, height)
        sheet.text(f"true {_short(names, example.label)}", 0.05, y + height + 0.03, 7)
        if predictions:
            sheet.text(plain(example.subject, 22), 0.05, y + height + 0.03 + _LINE, 6, color="dimgrey")
        else:
            _prediction(sheet, example, names, 0.05, y + height + 0.03 + _LINE)
        for k, column in enumerate(columns):
            x = left + k * step
            sheet.picture(_over(column.examples[row], column.method), x, y, width, height)
            if predictions:
                _prediction(sheet, column.examples[row], names, x, y + height + 0.03)
    sheet.colour_scale(0.15, top + len(first) * row_height + 0.12, SCALE)
    return sheet.figure


def mean_figure(means: Sequence[ClassMean], methods: Mapping[str, str], names: Names, small: bool = False) -> Figure:
    """Draw the mean slice of the images predicted as each class, and below it the mean map of each method over it.

    Args:
        means: The means, one a column.
        methods: Method -> its label, one a row.
        names: Class -> its short name.
        small: True for pictures of fewer pixels.
    """
    width, height = _box([mean.picture.shape[:2] for mean in means])
    step, left = width + 2 * _GAP, 1.25
    rows = 1 + len(methods)
    size = (left + len(means) * step + 0.1, 0.45 + rows * (height + _GAP) + SCALE_HEIGHT)
    sheet = Sheet(max(size[0], 5.4), size[1], _SMALL_PX if small else _PX)
    sheet.text("mean slice", left - 0.1, 0.45 + height / 2, 8, ha="right", va="center")
    for k, mean in enumerate(means):
        x = left + k * step
        title = f"{_short(names, mean.name)}\n{mean.images:,} image{'' if mean.images == 1 else 's'}"
        sheet.text(title, x + width / 2, 0.4, 8, ha="center", va="bottom")
        sheet.picture(mean.picture, x, 0.45, width, height)
    for row, (method, label) in enumerate(methods.items(), start=1):
        y = 0.45 + row * (height + _GAP)
        sheet.text(_title(label, left), left - 0.1, y + height / 2, 8, ha="right", va="center")
        most = max(float(mean.maps[method].max()) for mean in means)  # the classes of a method have one scale
        for k, mean in enumerate(means):
            relative = mean.maps[method] / most if most > 0 else mean.maps[method]
            sheet.picture(blended(mean.picture, relative), left + k * step, y, width, height)
    sheet.colour_scale(0.15, 0.45 + rows * (height + _GAP) + 0.12, "share of the largest value in the row")
    return sheet.figure


def class_names(classes: Sequence[str]) -> dict[str, str]:
    """Return class -> its short name."""
    return dict(zip(classes, short_names(classes), strict=True))


def _over(example: Example, method: str) -> Pixels:
    return blended(example.picture, example.maps[method])


def _cell(examples: Sequence[Example]) -> tuple[float, float]:
    return _box([example.picture.shape[:2] for example in examples])


def _box(shapes: Sequence[tuple[int, ...]]) -> tuple[float, float]:
    """Return width and height of the box that pictures (height, width) of their own aspect ratios fit into."""
    scales = [_CELL / max(shape) for shape in shapes]
    pairs = list(zip(shapes, scales, strict=True))
    return max(scale * shape[1] for shape, scale in pairs), max(scale * shape[0] for shape, scale in pairs)


def _describe(sheet: Sheet, example: Example, names: Names, x: float, y: float) -> None:
    _prediction(sheet, example, names, x, y)
    sheet.text(plain(example.subject, 30), x, y + _LINE, 6, color="dimgrey")
    sheet.text(plain(example.image.rpartition("/")[2], 30), x, y + 2 * _LINE - 0.02, 6, color="dimgrey")


def _prediction(sheet: Sheet, example: Example, names: Names, x: float, y: float) -> None:
    mark, colour = ("\N{CHECK MARK}", _RIGHT) if example.right else ("\N{BALLOT X}", _WRONG)
    probability = PROBABILITY.text(Cell(example.confidence))
    sheet.text(f"{mark} {_short(names, example.predicted)} {probability}", x, y, 7, color=colour)


def _short(names: Names, name: str) -> str:
    return plain(names.get(name, name), 14)


def _title(text: str, width: float) -> str:
    """Return a title in lines that fit a width in inches, which end at commas if there are some."""
    most = max(8, int(width * 14))
    parts = [plain(text, 60)] if len(text) <= most else plain(text, 60).split(", ")
    return "\n".join(line for part in parts for line in textwrap.wrap(part, most))


def plain(text: str, most: int = 40) -> str:
    """Return a name as a figure shows it: without line ends, and not too long."""
    return shortened(printable(text), most)
