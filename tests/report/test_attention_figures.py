"""Figures of attention weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from alzbench.report.attention_figures import (
    ATTENDED,
    HEADS,
    Attended,
    WeighedSubject,
    attention_figure,
    read_attended,
    read_weighed,
    slice_weights_figure,
)
from alzbench.report.examples import ExplainedRun, explained_runs
from alzbench.store import read_run
from alzbench.store.explanation import read_explanation
from tests.helpers.explanations import draw_slices, make_images, write_explanation
from tests.helpers.runs import write_run


def explained(path: Path, **options: Any) -> ExplainedRun:
    run = write_run(path)
    write_explanation(run, **options)
    explanation = read_explanation(run)
    assert explanation is not None
    return explained_runs([(read_run(run), explanation)])[0]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def attended(weights: npt.NDArray[np.floating], grid: tuple[int, int]) -> Attended:
    return Attended("A", "B", draw_slices(1)[0], weights, grid)


def test_weights_are_read_with_the_grid_of_their_positions(tmp_path: Path) -> None:
    run = explained(tmp_path, side=4, heads=2)
    read = read_attended(run)
    assert len(read) == ATTENDED
    assert {one.grid for one in read} == {(4, 4)}
    assert read[0].weights.shape == (2, 16, 16)
    assert len({one.label for one in read}) == 2


def test_other_models_have_no_attention(tmp_path: Path) -> None:
    run = explained(tmp_path, heads=0)
    assert (read_attended(run), read_weighed(run)) == ([], [])


def test_a_figure_names_the_largest_weights() -> None:
    weights = np.full((2, 4, 4), 0.25, np.float32)
    weights[0] = [0.7, 0.1, 0.1, 0.1]
    shown = texts(attention_figure([attended(weights, (2, 2))], {"A": "short"}))
    assert "short\npredicted B" in shown
    assert {"mean over queries\nlargest 0.475", "head 1\nlargest 0.700", "head 2\nlargest 0.250"} <= set(shown)
    assert "each of 4 queries\nlargest 0.475, equal 0.250" in shown


@pytest.mark.parametrize(
    ("heads", "grid", "panels", "queries"),
    [(1, (4, 4), 0, "each of 16 queries"), (2, (4, 4), 2, "each of 16 queries"), (9, (7, 7), HEADS, "9 of 49 queries")],
    ids=["one-head", "two-heads", "many"],
)
def test_panels_and_queries_are_few_enough_to_read(
    heads: int, grid: tuple[int, int], panels: int, queries: str
) -> None:
    positions = grid[0] * grid[1]
    weights = np.random.default_rng(0).dirichlet(np.ones(positions), (heads, positions))
    shown = texts(attention_figure([attended(weights, grid)], {}))
    assert sum(text.startswith("head ") for text in shown) == panels
    assert sum(text.startswith(queries) for text in shown) == 1


def test_a_query_is_marked_where_it_is() -> None:
    """Each query attends to its own position: the ring is on the brightest cell of each map."""
    figure = attention_figure([attended(np.eye(16, dtype=np.float32)[None], (4, 4))], {})
    axes = figure.axes[0]
    tiles = next(image for image in axes.images if image.get_array().shape[:2] == (19, 19))
    left, right, bottom, top = tiles.get_extent()
    bright = {(int(x), int(y)) for y, x in np.argwhere(np.asarray(tiles.get_array()).sum(-1) > 300)}
    bright -= {(x, y) for x in range(19) for y in range(19) if x % 5 == 4 or y % 5 == 4}  # the gaps
    marks = [line.get_xydata()[0] for line in axes.lines]
    found = {(int((x - left) / (right - left) * 19), int((y - top) / (bottom - top) * 19)) for x, y in marks}
    assert len(found) == 16
    assert found == bright


def weighed(weights: Sequence[float]) -> WeighedSubject:
    slices = [str(k + 1) for k in range(len(weights))]
    picture = draw_slices(1)[0]
    return WeighedSubject("s1", "A", "B", slices, np.array(weights), [(1, picture)])


def test_slices_stand_in_their_order_with_their_weights() -> None:
    figure = slice_weights_figure([weighed([0.25, 0.5, 0.25])], {"A": "short"})
    axes = figure.axes[1]
    assert [bar.get_height() for bar in axes.patches] == [0.25, 0.5, 0.25]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "3"]
    assert axes.lines[0].get_ydata()[0] == pytest.approx(1 / 3)
    assert {"s1: true short, predicted B", "slice 2: 0.500"} <= set(texts(figure))


def test_subjects_are_read_with_their_strongest_slices(tmp_path: Path) -> None:
    images = make_images(subjects=6, slices=11)
    run = explained(tmp_path, images=images.iloc[::-1].reset_index(drop=True), subject=True)
    first = read_weighed(run)[0]
    assert list(first.slices) == [str(k) for k in range(11)]  # 10 after 9
    assert first.weights.sum() == pytest.approx(1, abs=1e-5)
    places = [place for place, _ in first.strongest]
    assert places == np.argsort(-first.weights)[:3].tolist()
    assert len({one.subject for one in read_weighed(run)}) == ATTENDED
