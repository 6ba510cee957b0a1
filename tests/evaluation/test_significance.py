"""Significance: against other packages and by hand."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import ttest_power

from alzbench.evaluation.significance import MOST, holm, mcnemar_exact, needed


def test_holm_is_the_textbook_one() -> None:
    """By hand: sorted 0.01, 0.03, 0.04 times 3, 2, 1, and never smaller than the one before."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06], abs=1e-12)
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_that_of_statsmodels(ps: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)  # statsmodels collects at each call: a second where Keras is loaded
        expected = multipletests(ps, method="holm")[1]
    assert holm(ps) == pytest.approx(expected.tolist(), abs=1e-9)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 3), (1, 9), (20, 5), (0, 60), (4000, 3800), (501, 500)])
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar_exact(first, second) == pytest.approx(expected, abs=1e-9)


def test_what_is_needed_has_the_power() -> None:
    n = needed(se=0.02, n=100, size=0.02)  # a spread of 0.2
    assert n is not None
    assert ttest_power(0.1, n, 0.05) >= 0.8 > ttest_power(0.1, n - 1, 0.05)
    assert needed(se=0.0, n=100) is None
    assert needed(se=1e-6, n=100) == 3  # fewer say nothing


@pytest.mark.parametrize(("size", "se", "n"), [(0.05, 0.03, 40), (0.02, 0.3, 30), (0.5, 0.2, 9)])
def test_power_is_that_of_statsmodels(size: float, se: float, n: int) -> None:
    found = needed(se, n, size)
    assert found is not None
    effect = size / (se * np.sqrt(n))
    assert ttest_power(effect, found, 0.05) >= 0.8
    assert (ttest_power(effect, np.arange(3, found), 0.05) < 0.8).all()


def test_more_units_than_anyone_has_are_no_number() -> None:
    assert needed(se=100, n=100) == MOST
