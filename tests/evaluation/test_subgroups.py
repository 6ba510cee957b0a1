"""Subgroups by age and sex, against a count by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alzbench.evaluation.subgroups import find_subgroups, score_subgroups


def about(ages: list[str], sexes: str = "", slices: int = 1) -> pd.DataFrame:
    """Return one row per image: subject `s<k>` has the k-th age and sex."""
    rows = [
        {"subject": f"s{k}", "age": age, **({"sex": sexes[k].strip()} if sexes else {})}
        for k, age in enumerate(ages)
        for _ in range(slices)
    ]
    return pd.DataFrame(rows, index=[f"i{k}" for k in range(len(rows))])


def sizes(covariates: pd.DataFrame) -> dict[str, int]:
    return {name: len(images) for name, images in find_subgroups(covariates).items()}


def test_bands_of_age_begin_at_60_70_and_80() -> None:
    ages = ["59", "59.9", "60", "69", "69.9", "70", "79", "80", "95", ""] + ["65"] * 4 + ["75"] * 4
    assert sizes(about(ages)) == {"age below 60": 2, "age 60 to 69": 7, "age 70 to 79": 6, "age 80 or more": 2}


def test_thirds_if_fewer_than_two_bands_have_five_subjects() -> None:
    ages = [str(70 + k) for k in range(9)] + ["65"]  # many slices do not make a band thicker
    assert sizes(about(ages, slices=7)) == {"age below 72": 21, "age 72 to 74": 21, "age 75 or more": 28}
    assert sizes(about(["70"] * 9)) == {"age 70 or more": 9}
    assert sizes(about([""] * 3)) == {}


def test_sexes_and_missing_values() -> None:
    assert sizes(about([""] * 4, "FMF ")) == {"sex F": 2, "sex M": 1}
    assert sizes(about([""] * 11, "ABCDEFGHIJK")) == {}  # too many values to be a sex


def predictions(covariates: pd.DataFrame, right: list[bool]) -> pd.DataFrame:
    """Return predictions of classes A and B: the k-th image is predicted right or wrong."""
    label = np.where(covariates["subject"].str[1:].astype(int) % 2 == 0, "A", "B")
    predicted = np.where(right, label, np.where(label == "A", "B", "A"))
    table = pd.DataFrame(
        {"image": covariates.index, "subject": covariates["subject"].to_numpy(), "slice": "", "label": label}
    )
    return table.assign(predicted=predicted, p_A=np.where(predicted == "A", 0.8, 0.2)).assign(
        p_B=lambda t: 1 - t["p_A"]
    )


def test_scores_and_interval_by_hand() -> None:
    covariates = about(["65"] * 6 + ["75"] * 6, "FM" * 6, slices=2)
    wrong = {0, 1, 5, 12}  # both images of s0, one of s2, one of s6
    table = predictions(covariates, [k not in wrong for k in range(24)])
    scored = {s.name: s for s in score_subgroups({0: table}, find_subgroups(covariates))}
    assert list(scored) == ["age 60 to 69", "age 70 to 79", "sex F", "sex M"]
    young = scored["age 60 to 69"]
    assert (young.images, young.scores.subjects, young.scores.by) == (12, 6, "subject")
    accuracy = young.scores.overall["accuracy"]
    assert accuracy.mean == pytest.approx(9 / 12)
    # the jackknife over six subjects of two images each, by hand
    left_out = np.array([9 / 10, 7 / 10, 8 / 10, 7 / 10, 7 / 10, 7 / 10])
    error = np.sqrt(5 / 6 * ((left_out - left_out.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, 5) * error
    assert accuracy.interval is not None
    assert accuracy.interval.low == pytest.approx(9 / 12 - half)
    assert accuracy.interval.high == pytest.approx(min(1, 9 / 12 + half))
    assert scored["sex F"].scores.overall["accuracy"].mean == pytest.approx(8 / 12)
    assert scored["sex M"].scores.overall["accuracy"].mean == 1


def test_a_seed_without_images_of_a_subgroup_does_not_count() -> None:
    covariates = about(["65"] * 6 + ["75"] * 6)
    table = predictions(covariates, [True] * 12)
    scored = {s.name: s for s in score_subgroups({0: table, 1: table[:6]}, find_subgroups(covariates))}
    assert scored["age 60 to 69"].scores.overall["accuracy"].n == 2
    assert scored["age 70 to 79"].scores.overall["accuracy"].n == 1
