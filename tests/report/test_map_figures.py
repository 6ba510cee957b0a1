"""Figures of maps over slices."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from alzbench.explain.overlay import blended
from alzbench.report.examples import ClassMean, Example, MapColumn
from alzbench.report.map_figures import PAIRS, class_names, grid_figure, mean_figure, side_by_side_figure
from tests.helpers.explanations import draw_slices
from tests.helpers.text import EVIL

HOSTILE = [r"a$\bad{$", "b\nc", EVIL]


def example(
    k: int = 0, label: str = "A", predicted: str = "A", size: tuple[int, int] = (52, 44), **about: Any
) -> Example:
    picture = draw_slices(1, k, size)[0]
    maps = {"m": np.random.default_rng(k).uniform(size=(3, 3)).astype(np.float32)}
    values = {"image": f"folder/i{k}.png", "subject": f"s{k}", "confidence": 0.25 + k / 100, **about}
    return Example(label=label, predicted=predicted, picture=picture, maps=maps, **values)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def pictures(figure: Figure) -> list[Any]:
    return [image.get_array() for image in figure.axes[0].images]


def columns(examples: Sequence[Example], count: int = 2) -> list[MapColumn]:
    return [MapColumn(f"run {k}", "m", examples) for k in range(count)]


def test_a_grid_shows_errors_above_right_images_with_their_maps() -> None:
    wrong, right = [example(1, "A", "B"), example(2, "A", "B")], [example(3)]
    figure = grid_figure("A", "m", wrong, right, class_names(["A", "B"]))
    shown = texts(figure)
    assert shown.index("predicted wrong") < shown.index("predicted right")
    assert [text for text in shown if text[0] in "✓✗"] == ["✗ B 0.260", "✗ B 0.270", "✓ A 0.280"]
    assert {"true class A", "s1", "i1.png"} <= set(shown)
    assert len(pictures(figure)) == 2 * 3 + 1  # and the colour scale
    np.testing.assert_array_equal(pictures(figure)[1], blended(wrong[0].picture, wrong[0].maps["m"]))


@pytest.mark.parametrize(("wrong", "right"), [(0, 2), (2, 0), (9, 9)])
def test_a_grid_without_errors_or_with_many(wrong: int, right: int) -> None:
    figure = grid_figure("A", "m", [example(k, "A", "B") for k in range(wrong)], [example(k) for k in range(right)], {})
    assert ("predicted wrong" in texts(figure)) == (wrong > 0)
    assert len(pictures(figure)) == 2 * (min(wrong, PAIRS) + min(right, PAIRS)) + 1


def test_pictures_keep_their_own_aspect_ratio() -> None:
    for size in ((52, 44), (30, 60)):
        figure = grid_figure("A", "m", [], [example(size=size)], {})
        left, right, bottom, top = figure.axes[0].images[0].get_extent()
        assert (right - left) / (bottom - top) == pytest.approx(size[1] / size[0])


def test_runs_are_side_by_side_with_their_predictions() -> None:
    first, second = [example(1), example(2, "B", "A")], [example(1, confidence=0.75), example(2, "B", "B")]
    figure = side_by_side_figure([MapColumn("one", "m", first), MapColumn("two", "m", second)], {"B": "short"})
    assert len(pictures(figure)) == 2 * 3 + 1
    shown = texts(figure)
    assert {"one", "two", "true A", "true short"} <= set(shown)
    assert [text for text in shown if text[0] in "✓✗"] == ["✓ A 0.260", "✓ A 0.750", "✗ A 0.270", "✓ short 0.270"]


def test_methods_of_a_run_are_side_by_side_with_one_prediction() -> None:
    figure = side_by_side_figure(columns([example(1), example(2)], 3), {}, predictions=False)
    assert sum(text[0] in "✓✗" for text in texts(figure)) == 2


def test_many_runs_have_smaller_pictures() -> None:
    examples = [example(k, size=(208, 176)) for k in range(2)]
    few, many = (max(len(p) for p in pictures(side_by_side_figure(columns(examples, n), {}))) for n in (2, 9))
    assert many < few < 208


def test_means_are_in_rows_of_methods_with_a_scale_each() -> None:
    slices = draw_slices(2)
    maps = [np.array([[0.5, 0.25]], np.float32), np.array([[0.1, 0.0]], np.float32)]
    means = [ClassMean(name, k + 1, slices[k], {"m": maps[k], "zero": 0 * maps[k]}) for k, name in enumerate("AB")]
    figure = mean_figure(means, {"m": "Method", "zero": "Nothing"}, {})
    assert {"A\n1 image", "B\n2 images", "Method", "Nothing", "mean slice"} <= set(texts(figure))
    shown = pictures(figure)
    np.testing.assert_array_equal(shown[2], blended(slices[0], maps[0] / 0.5))
    np.testing.assert_array_equal(shown[3], blended(slices[1], maps[1] / 0.5))  # the scale of the row, not its own
    np.testing.assert_array_equal(shown[4], np.repeat(slices[0][..., None], 3, axis=-1))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_drawn_as_they_are(name: str) -> None:
    one = example(1, name, name, subject=name, image=name)
    means = [ClassMean(name, 1, one.picture, one.maps)]
    drawn = [
        grid_figure(name, "m", [], [one], {name: name}),
        side_by_side_figure([MapColumn(name, "m", [one])], {name: name}),
        mean_figure(means, {"m": name}, {name: name}),
    ]
    for figure in drawn:
        content = io.BytesIO()
        figure.savefig(content, format="svg")
        assert b"<script" not in content.getvalue()
        assert not any(text.get_parse_math() for text in figure.findobj(Text) if "$" in text.get_text())
        assert not any("b\nc" in text for text in texts(figure))
