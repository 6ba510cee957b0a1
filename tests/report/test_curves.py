"""Figures of predictions."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from sklearn.metrics import average_precision_score, roc_auc_score

from alzbench.evaluation.scores import Scores, probability_scores
from alzbench.report.curves import (
    ACROSS,
    CURVE_POINTS,
    Tables,
    confusion_panels,
    precision_recall_panels,
    reliability_panels,
    roc_panels,
)


def table_of(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    """Return predictions of two classes from label, answer and probability of the answer."""
    shares = [{f"p_{answer}": p, f"p_{'B' if answer == 'A' else 'A'}": 1 - p} for _, answer, p in rows]
    about = [
        {"image": str(k), "subject": "", "label": label, "predicted": answer}
        for k, (label, answer, _) in enumerate(rows)
    ]
    return pd.DataFrame([{**a, "p_A": s["p_A"], "p_B": s["p_B"]} for a, s in zip(about, shares, strict=True)])


def with_scores(draw: Callable[[Tables, Mapping[str, Scores]], Figure], tables: Tables) -> Figure:
    """Draw tables of one seed each."""
    return draw(tables, {name: probability_scores({0: table}) for name, table in tables.items()})


reliability, roc, precision_recall = (
    partial(with_scores, draw) for draw in (reliability_panels, roc_panels, precision_recall_panels)
)
PANELS: list[Callable[[Tables], Figure]] = [confusion_panels, reliability, roc, precision_recall]


@pytest.fixture
def drawn() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    share = rng.uniform(size=2000)
    answers = np.where(share > 0.5, "A", "B")
    labels = np.where(rng.uniform(size=2000) < share, "A", "B")
    return table_of(list(zip(labels, answers, np.maximum(share, 1 - share), strict=True)))


def test_confusion_panels_show_shares_of_the_true_class() -> None:
    table = table_of([("A", "A", 0.9), ("A", "B", 0.9), ("A", "B", 0.9), ("B", "B", 0.9)])
    (axes,) = confusion_panels({"one": table}).axes
    assert [text.get_text() for text in axes.texts] == ["33", "67", "0", "100"]
    assert axes.get_title() == "one"


def test_panels_stand_in_rows(drawn: pd.DataFrame) -> None:
    tables = {f"experiment {k}": drawn for k in range(ACROSS + 1)}
    for draw in PANELS:
        figure = draw(tables)
        assert [axes.get_title().split("\n")[0] for axes in figure.axes] == list(tables)
        assert max(axes.get_subplotspec().colspan.stop for axes in figure.axes) == ACROSS


def test_curves_have_the_areas_of_scikit_learn_and_few_points(drawn: pd.DataFrame) -> None:
    drawn = drawn[(drawn["label"] == "B") | (drawn.index % 3 == 0)]  # or both areas would be alike
    truth = drawn["label"] == "A"
    (curve,), (precision,) = roc({"one": drawn}).axes, precision_recall({"one": drawn}).axes
    assert curve.get_legend().get_texts()[0].get_text() == f"A {roc_auc_score(truth, drawn['p_A']):.3f}"
    area = average_precision_score(truth, drawn["p_A"])
    assert precision.get_legend().get_texts()[0].get_text() == f"A {area:.3f}"
    for line in (*curve.lines, *precision.lines):
        x = line.get_xdata()
        assert len(x) <= CURVE_POINTS
        assert {x[0], x[-1]} == {0.0, 1.0}
    false, true = (np.asarray(curve.lines[0].get_data()[k]) for k in (0, 1))
    assert np.trapezoid(true, false) == pytest.approx(roc_auc_score(truth, drawn["p_A"]), abs=0.005)


def test_a_class_that_all_images_have_has_no_curve() -> None:
    table = table_of([("A", "A", 0.9), ("A", "B", 0.6)])
    assert len(roc({"one": table}).axes[0].lines) == 1  # the diagonal
    assert len(precision_recall({"one": table}).axes[0].lines) == 0


@pytest.mark.parametrize("draw", PANELS)
def test_names_with_dollars_are_drawn_as_they_are(draw: Callable[[Tables], Figure]) -> None:
    names = [r"a$\bad{$", "$y$", "_b"]
    table = pd.DataFrame(
        {"image": list("uvwxyz"), "subject": "", "label": names * 2, "predicted": [*names, *names[::-1]]}
    )
    shares = np.where(table["predicted"].to_numpy()[:, None] == names, 0.8, 0.1)
    table = table.assign(subject="", **{f"p_{name}": shares[:, k] for k, name in enumerate(names)})
    figure = draw({r"$\no{$": table})
    figure.savefig(io.BytesIO(), format="svg")
    drawn = [text for text in figure.findobj(Text) if "$" in text.get_text()]
    assert drawn
    assert not any(text.get_parse_math() for text in drawn)


def test_a_name_with_a_leading_dash_is_in_the_legend() -> None:
    table = table_of([("A", "A", 0.9), ("B", "B", 0.8)]).replace({"A": "_A"}).rename(columns={"p_A": "p__A"})
    for figure in (roc({"one": table}), precision_recall({"one": table})):
        legend = figure.axes[0].get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["_A 1.000", "B 1.000"]
