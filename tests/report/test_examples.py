"""The explained images that figures show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alzbench.errors import DataError
from alzbench.report.examples import (
    ExplainedRun,
    choose_by_class,
    choose_images,
    explained_runs,
    mean_maps,
    read_examples,
    with_common_images,
)
from alzbench.store import read_run
from alzbench.store.explanation import MethodInfo, read_explanation
from tests.helpers.explanations import make_images, write_explanation
from tests.helpers.runs import write_run

Explain = Callable[..., ExplainedRun]


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    """Store a run with an explanation, and return it: ``explain(images, classes=("A", "B"), seed=1)``."""

    def make(images: pd.DataFrame, classes: Sequence[str] = ("A", "B"), seed: int = 0, **options: Any) -> ExplainedRun:
        path = write_run(tmp_path, 0.5, [0.5] * len(classes), classes, seed=seed)
        write_explanation(path, images, **options)
        explanation = read_explanation(path)
        assert explanation is not None
        (run,) = explained_runs([(read_run(path), explanation)])
        return run

    return make


def table(*rows: tuple[str, str, str, str, float]) -> pd.DataFrame:
    """Return explained images from image, subject, label, predicted and confidence."""
    named = pd.DataFrame(rows, columns=["image", "subject", "label", "predicted", "confidence"])
    return named.assign(slice="1", group="sample")


def test_images_cover_classes_right_and_wrong_and_subjects(explain: Explain) -> None:
    images = make_images(("A", "B", "C"), subjects=18)
    run = explain(images, ("A", "B", "C"))
    chosen = images.set_index("image").loc[choose_images([run])]
    assert chosen["label"].tolist() == ["A", "A", "B", "B", "C", "C"]
    assert (chosen["label"] != chosen["predicted"]).sum() == 3
    assert chosen["subject"].nunique() == 6


def test_the_most_confident_image_of_each_kind_is_chosen(explain: Explain) -> None:
    images = table(
        ("low", "s1", "A", "B", 0.6), ("high", "s2", "A", "B", 0.9), ("right", "s3", "B", "B", 0.7),
        ("sure", "s4", "B", "B", 0.8),
    )  # fmt: skip
    run = explain(images)
    assert choose_images([run], 2) == ["high", "sure"]
    assert choose_by_class(run, "A", right=False, count=5) == ["high", "low"]
    assert choose_by_class(run, "A", right=True, count=5) == []


def test_without_errors_and_other_subjects_the_same_are_shown_again(explain: Explain) -> None:
    run = explain(table(*((f"i{k}", "s", "A", "A", 0.5 + k / 10) for k in range(4))), ("A",))
    assert choose_images([run], 3) == ["i3", "i2", "i1"]


def test_only_common_images_are_shown_for_several_runs(explain: Explain) -> None:
    images = make_images()
    first, second = explain(images), explain(images.iloc[[3, 4, 5]], seed=1)
    third = explain(images.assign(image="other " + images["image"]), seed=2)
    assert set(choose_images([first, second])) == set(images["image"].iloc[[3, 4, 5]])
    assert choose_images([first, third]) == []
    assert with_common_images([first, third, second]) == [[first, second], [third]]


def test_a_subject_is_shown_by_its_slice_of_the_highest_weight(explain: Explain) -> None:
    images = make_images(subjects=4, slices=5)
    run = explain(images, subject=True)
    weights = run.explanation.slice_weights
    assert weights is not None
    for image in choose_images([run]):
        own = images["subject"] == images.loc[images["image"] == image, "subject"].iloc[0]
        assert images["image"][own].iloc[int(np.argmax(weights[own]))] == image
    assert len(run.one_by_subject) == 4


def test_examples_hold_the_image_its_prediction_and_its_maps(explain: Explain) -> None:
    images = make_images()
    run = explain(images)
    (example,) = read_examples(run, ["1-1.png"], ["grad_cam"])
    row = images.set_index("image").loc["1-1.png"]
    assert (example.subject, example.label, example.predicted) == (row["subject"], row["label"], row["predicted"])
    assert example.confidence == pytest.approx(row["confidence"])
    assert example.picture.shape == (52, 44)
    position = images["image"].tolist().index("1-1.png")
    np.testing.assert_array_equal(example.maps["grad_cam"], run.explanation.maps("grad_cam")[position])
    run.explanation.picture_file(position).write_text("no picture")
    with pytest.raises(DataError, match="is damaged"):
        read_examples(run, ["1-1.png"], ["grad_cam"])


def test_means_are_of_the_sample_by_predicted_class(explain: Explain) -> None:
    images = table(
        ("a", "s1", "A", "A", 0.6), ("b", "s2", "B", "A", 0.9), ("c", "s3", "A", "A", 0.7), ("d", "s4", "B", "B", 0.8)
    )
    images.loc[2, "group"] = "right"
    pictures = [np.full((20, 10), value, np.uint8) for value in (100, 50, 0, 7)]
    run = explain(images, pictures=pictures, methods={"m": MethodInfo(label="M")})
    first, second = mean_maps(run)
    assert [(mean.name, mean.images) for mean in (first, second)] == [("A", 2), ("B", 1)]
    assert np.unique(first.picture).tolist() == [75]
    maps = run.explanation.maps("m").astype(float)
    np.testing.assert_allclose(first.maps["m"], (maps[0] + maps[1]) / 2, atol=1e-3)


def test_means_without_a_sample_are_of_all_images(explain: Explain) -> None:
    run = explain(make_images().assign(group="error"))
    assert sum(mean.images for mean in mean_maps(run)) == 24
