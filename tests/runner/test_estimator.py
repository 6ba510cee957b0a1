"""Sanity baselines as estimators: they learn from the training part alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alzbench.data.dark_share import dark_share
from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.data.protocols import split_of_run
from alzbench.progress import Progress
from alzbench.runner import Job
from alzbench.runner.estimator import SanityBaseline
from alzbench.runner.listeners import Listeners
from alzbench.store import RunStore, RunWriter
from tests.helpers.running import Tiny, run
from tests.helpers.runs import CARD


@pytest.fixture
def writer(store: RunStore) -> RunWriter:
    return RunWriter(store.root, CARD)


def prepared(tiny: Tiny, variant: str) -> tuple[Job, ImageSet, pd.DataFrame]:
    experiment = tiny(model={"variant": variant, "options": {}})
    images = open_image_set(experiment.data, Progress())
    return Job(experiment=experiment, seed=0), images, split_of_run(images.manifest, experiment.protocol, 0, None)


def test_the_largest_class_is_that_of_the_training_part(tiny: Tiny, writer: RunWriter) -> None:
    job, images, split = prepared(tiny, "largest_class")
    training = split[split["part"] == "train"].index
    split.loc[training, "label"] = [0, *[2] * (len(training) - 1)]
    baseline = SanityBaseline(job, images, split, Progress())
    fit = baseline.fit(writer, Listeners([], lambda _: None))
    n = len(training)
    assert fit.validation == pytest.approx(
        np.tile([1 / n, 0, (n - 1) / n, 0], ((split["part"] == "validation").sum(), 1))
    )
    assert fit.history == ()
    assert fit.notes.model_fields_set == set()


def test_labels_outside_the_training_part_change_nothing(tiny: Tiny) -> None:
    job, images, split = prepared(tiny, "grey_logistic")
    test = split[split["part"] == "test"]
    first = SanityBaseline(job, images, split, Progress()).predict(test)
    other = split.assign(label=split["label"].where(split["part"] == "train", 0))
    assert (SanityBaseline(job, images, other, Progress()).predict(test) == first).all()
    assert first.shape == (len(test), 4)
    assert first.sum(axis=1) == pytest.approx(np.ones(len(test)))
    shuffled = split.assign(label=split["label"].where(split["part"] != "train", 3 - split["label"]))
    assert (SanityBaseline(job, images, shuffled, Progress()).predict(test) != first).any()


def test_a_baseline_that_does_not_fit_the_images_is_left_out_or_refused(tiny: Tiny, tmp_path: Path) -> None:
    """Noise has no dark background; the other runs go on."""
    (own,) = run(tmp_path / "own", tiny(model={"variant": "dark_share", "options": {}}))
    assert own.state == "failed"
    assert "dark_share needs grey slices of heads on a dark background" in own.error
    added = tiny(name="sanity-dark-share", model={"variant": "dark_share", "options": {}}, sanity=True)
    first, second = run(tmp_path / "added", added, tiny(name="next", model={"variant": "largest_class", "options": {}}))
    assert (first.state, second.state) == ("left out", "complete")
    assert first.sentence == ("sanity-dark-share: left out, because its images have no dark background around a head")


def test_the_dark_share_reads_the_images_that_it_predicts(tiny: Tiny) -> None:
    job, images, split = prepared(tiny, "dark_share")
    healthy = images.healthy_label
    assert healthy is not None
    test = split[split["part"] == "test"]
    pixels = images.pixels.take(test.index.to_numpy())
    expected = np.array([dark_share(image) for image in pixels])
    known = np.isfinite(expected)
    answer = SanityBaseline(job, images, split, Progress()).predict(test)
    assert answer.sum(axis=1) == pytest.approx(np.ones(len(test)))
    assert 1 - answer[known, healthy] == pytest.approx(expected[known])
