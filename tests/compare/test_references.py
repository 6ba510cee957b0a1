"""The published results that come with the package."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from statsmodels.stats.proportion import proportion_confint

from alzbench.compare import Reference, binomial_interval, load_references

VALUES = {"name": "x", "accuracy": 0.5, "test_images": 10, "protocol": "reference", "source": "a paper"}


def test_the_reference_work_is_there_with_its_figures() -> None:
    (reference,) = (r for r in load_references() if r.name == "reference work")
    assert (reference.accuracy, reference.test_images, reference.protocol) == (0.6686, 6400, "reference")
    assert "MobileNetV2" in reference.source


def test_names_differ() -> None:
    names = [reference.name for reference in load_references()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "change",
    [{"accuracy": 66.86}, {"accuracy": -0.1}, {"test_images": 0}, {"source": None}, {"other": 1}],
    ids=["per-cent", "negative", "no-images", "no-source", "unknown-key"],
)
def test_results_that_cannot_be_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Reference.model_validate({**VALUES, **change})


@given(st.integers(1, 100_000), st.floats(0, 1))
def test_the_interval_is_that_of_statsmodels(n: int, share: float) -> None:
    right = round(share * n)
    reference = Reference.model_validate({**VALUES, "accuracy": share, "test_images": n})
    expected = proportion_confint(right, n, method="wilson")
    assert binomial_interval(reference) == pytest.approx(expected, abs=1e-9)
