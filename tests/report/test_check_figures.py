"""Figures of the checks of maps."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.report.check_figures import COLOURS, MOST_PANELS, check_figure, has_steps, randomisation_figure
from alzbench.store.explanation import Estimate
from tests.helpers.explanations import make_check

METHODS = {"attention": "Attention", "grad_cam": "Grad-CAM"}


def test_a_randomisation_begins_at_the_trained_model_and_has_a_level() -> None:
    checks = [make_check("attention"), make_check("grad_cam", steps={"head": 0.9}, baseline=None)]
    figure = randomisation_figure({"one": checks}, METHODS)
    (axes,) = figure.axes
    lines = {str(line.get_label()): line for line in axes.lines}
    assert list(lines["Attention"].get_ydata()) == [1.0, 0.75, 0.25]
    assert list(lines["Grad-CAM"].get_ydata()) == [1.0, 0.9]
    levels = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in levels] == [0.5]
    assert levels[0].get_color() == lines["Attention"].get_color()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["Attention", "Grad-CAM", "level of unrelated images"]


def test_runs_without_steps_have_no_panel() -> None:
    without = [make_check("attention", steps={}), make_check("attention", "deletion", steps={"50%": 0.5})]
    assert not has_steps(without)
    figure = randomisation_figure({"with": [make_check("attention")], "without": without}, METHODS)
    assert [axes.get_title() for axes in figure.axes] == ["with"]
    many = {f"run {k}": [make_check("attention")] for k in range(MOST_PANELS + 1)}
    assert len(randomisation_figure(many, METHODS).axes) == MOST_PANELS


def test_checks_show_values_by_verdict_beside_their_baselines() -> None:
    checks = [make_check("attention", verdict="failed"), make_check("grad_cam"), make_check("grad_cam", "inside_head")]
    figure = check_figure({"one": checks}, METHODS)
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("randomisation", "inside head")
    assert [label.get_text() for label in second.get_yticklabels()] == ["Grad-CAM"]
    points = {line.get_color(): line for line in first.lines}
    assert points[COLOURS["failed"]].get_ydata()[0] < points[COLOURS["passed"]].get_ydata()[0]
    assert list(points[COLOURS["baseline"]].get_xdata()) == [0.5, 0.5]
    ends = {tuple(segment[:, 0]) for lines in first.collections for segment in lines.get_segments()}
    assert ends == {(0.125, 0.375), (0.4375, 0.5625)}


def test_one_check_against_two_baselines_has_two_panels() -> None:
    checks = [make_check("attention", against=against) for against in ("random maps", "the centre")]
    figure = check_figure({"one": checks}, METHODS)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["randomisation, against random maps", "randomisation, against the centre"]


@pytest.mark.parametrize("runs", [1, 3])
def test_points_of_several_runs_do_not_lie_over_each_other(runs: int) -> None:
    figure = check_figure({f"run {k}": [make_check(method) for method in METHODS] for k in range(runs)}, METHODS)
    places = np.concatenate([line.get_ydata() for line in figure.axes[0].lines])
    assert len(places) == len(np.unique(places.round(6))) == 2 * 2 * runs


def test_a_check_without_intervals_is_a_point() -> None:
    check = make_check("attention", value=Estimate(value=0.5), baseline=None)
    (axes,) = check_figure({"one": [check]}, METHODS).axes
    assert len(axes.collections) == 0
    assert list(axes.lines[0].get_xdata()) == [0.5]
