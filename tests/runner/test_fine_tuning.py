"""Whole runs that fine-tune, classify subjects, or train on made feature maps: what they store and how they go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alzbench.data.manifest import open_image_set
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.store import Run, RunStore, TrainingNotes, read_run
from alzbench.training.checkpoint import Checkpoint
from tests.helpers.images import CLASSES, write_image
from tests.helpers.running import Tiny, run_one

TUNED: dict[str, Any] = {
    "name": "tuned",
    "augment": {"views": 1},
    "fine_tune": {"first_block": "block_16", "epochs": 2, "lr": 1e-3},
}


@pytest.fixture
def tuned(tiny: Tiny, shared_cache: Path, shared_folder: Path) -> Run:
    """A complete run that fine-tunes, trained by the first test that needs it and found by the others."""
    del shared_cache
    return run_one(shared_folder / "runs", tiny(**TUNED))


@pytest.fixture
def subject_folder(tmp_path: Path) -> Path:
    """A set with five subjects a class, three slices of each."""
    root = tmp_path / "subjects"
    for label, name in enumerate(CLASSES):
        write_image(root / "AugmentedAlzheimerDataset" / name / "copy.jpg", 1000 * label)
        for subject in range(5):
            for k in range(3):
                file = f"sub-{label}{subject}_slice-{k}.png"
                write_image(root / "OriginalDataset" / name / file, 1000 * label + 10 * subject + k + 1)
    return root


def pixels_of(experiment: Experiment, table: pd.DataFrame) -> np.ndarray:
    """Return the pixels (n, size, size, 1) of a table's images, as the network takes them."""
    images = open_image_set(experiment.data, Progress())
    position = {name: k for k, name in enumerate(images.manifest["image"])}
    return images.pixels.take(np.array([position[name] for name in table["image"]])).astype(np.float32)


def stored_probabilities(table: pd.DataFrame) -> np.ndarray:
    return table[[f"p_{name}" for name in CLASSES]].to_numpy()


def load(run: Run) -> Any:
    import keras

    return keras.models.load_model(run.path / "model.keras", safe_mode=True)


# Fine-tuning


@pytest.mark.slow
def test_the_history_goes_on_from_head_to_fine_tuning(tuned: Run) -> None:
    history = tuned.table("history.csv")
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["stage"].tolist() == ["head", "head", "fine-tuning", "fine-tuning"]
    assert np.isfinite(history[["loss", "val_loss"]].to_numpy()).all()
    assert list(tuned.path.glob("checkpoint*")) == []


@pytest.mark.slow
def test_the_kept_epoch_is_of_the_fine_tuning_and_the_head_has_its_own(tuned: Run) -> None:
    metrics, accuracies = tuned.metrics(), tuned.table("history.csv")["val_accuracy"].to_numpy()
    assert (metrics.epochs, metrics.stopped) == (4, "all epochs")
    assert metrics.kept_epoch == 3 + accuracies[2:].argmax()  # the first of the best, counted from 1
    head_epoch = int(1 + accuracies[:2].argmax())
    assert metrics.head == TrainingNotes(kept_epoch=head_epoch, epochs=2, stopped="all epochs")
    assert metrics.validation is not None
    assert metrics.validation.scores["accuracy"] == pytest.approx(accuracies[2:].max(), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["predictions.csv", "predictions_val.csv"])
def test_the_stored_fine_tuned_model_gives_the_stored_predictions(tuned: Run, tiny: Tiny, file: str) -> None:
    table = tuned.table(file)
    answers = load(tuned).predict(pixels_of(tiny(**TUNED), table), verbose=0)
    np.testing.assert_allclose(answers, stored_probabilities(table), atol=2e-3)


@pytest.mark.slow
def test_fine_tuning_changes_the_blocks_from_the_first_one_up_and_none_below(tuned: Run, tiny: Tiny) -> None:
    from alzbench.models.prefix import build_prefix

    experiment = tiny(**TUNED)
    untrained = build_prefix(experiment.model.backbone, experiment.data).model
    before = {w.path.split("/")[-2] + "/" + w.name: w.numpy() for w in untrained.weights}
    changed: set[str] = set()
    same: set[str] = set()
    for weight in load(tuned).weights:
        name = weight.path.split("/")[-2] + "/" + weight.name
        if name in before:
            (same if np.array_equal(before[name], weight.numpy()) else changed).add(name.partition("/")[0])
    assert {name for name in changed if not name.startswith(("block_16_", "Conv_1"))} == set()
    assert {"block_16_expand", "block_16_depthwise", "block_16_project", "Conv_1"} <= changed
    assert {"Conv1", "block_1_expand", "block_15_project"} <= same
    assert not any(name.endswith(("_BN", "_bn")) for name in changed)


class _StopAfter:
    """In the place of `Checkpoint.save`: saves, and stops when a stage has saved so often."""

    def __init__(self, stage: str, epochs: int) -> None:
        self._save, self._stage, self._epochs = Checkpoint.save, stage, epochs

    def __call__(self, state: Checkpoint, path: Path) -> None:
        self._save(state, path)
        if path.name == f"checkpoint-{self._stage}.npz" and len(state.history) == self._epochs:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "epochs"), [("head", 2), ("fine-tuning", 1)], ids=["between", "within"])
def test_an_interrupted_fine_tuning_goes_on_and_ends_with_the_same_numbers(
    tuned: Run, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, epochs: int
) -> None:
    stop = _StopAfter(stage, epochs)
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save", lambda state, path: stop(state, path))
        with pytest.raises(KeyboardInterrupt):
            run_one(tmp_path / "runs", tiny(**TUNED))
    (broken,) = RunStore(tmp_path / "runs").runs()
    assert broken.card.state == "interrupted"
    assert (broken.path / f"checkpoint-{stage}.npz").is_file()
    resumed = read_run(run_one(tmp_path / "runs", tiny(**TUNED)).path)
    assert (resumed.path, resumed.card.state) == (broken.path, "complete")
    assert (resumed.path / "predictions.csv").read_bytes() == (tuned.path / "predictions.csv").read_bytes()
    ours, theirs = (stored.table("history.csv").drop(columns="duration_s") for stored in (resumed, tuned))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


# Subjects


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"fine_tune": {**TUNED["fine_tune"], "epochs": 1}}], ids=["head", "tuned"])
def test_a_run_on_subjects_answers_alike_for_all_slices_of_one_and_its_model_takes_sets(
    tiny: Tiny, subject_folder: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    experiment = tiny(
        data={"source": str(subject_folder)},
        protocol={"name": "subject"},
        augment={"views": 1},
        model={"variant": "subject_attention", "options": {"units": 8, "key_dim": 8, "slices": 3}},
        train={"epochs": 1 if changes else 2, "batch_size": 4},
        **changes,
    )
    run = run_one(tmp_path / "runs", experiment)
    metrics = run.metrics()
    assert metrics.images == {"train": 36, "validation": 12, "test": 12}
    assert metrics.test_by_subject is not None
    assert metrics.test_by_subject.subjects == 4
    assert metrics.kept_epoch in ((2,) if changes else (1, 2))
    assert (metrics.head is not None) == bool(changes)
    table = run.table("predictions.csv").sort_values(["subject", "image"])
    expected = stored_probabilities(table).reshape(4, 3, 4)
    assert (expected == expected[:, :1]).all()
    sets = pixels_of(experiment, table).reshape(4, 3, 32, 32, 1)
    np.testing.assert_allclose(load(run).predict(sets, verbose=0), expected[:, 0], atol=2e-3)


# Made feature maps


@pytest.mark.slow
def test_a_run_with_smote_says_how_many_it_made_and_tests_on_none_of_them(
    tiny: Tiny, image_folder: Path, tmp_path: Path
) -> None:
    for k in range(4):
        (image_folder / "AugmentedAlzheimerDataset" / "ModerateDemented" / f"copy{k}.jpg").unlink()
    experiment = tiny(augment={"views": 1}, imbalance={"name": "smote", "neighbours": 2})
    run = run_one(tmp_path / "runs", experiment)
    split = run.table("split.csv")
    counts = split[split["part"] == "train"]["label"].value_counts()
    assert counts[3] < counts.max()
    metrics = run.metrics()
    assert metrics.imbalance == "smote"
    assert metrics.made == {name: int(counts.max() - counts[k]) for k, name in enumerate(CLASSES)}
    assert metrics.made_from_subjects == dict.fromkeys(CLASSES, 0)  # smooth noise is of nobody known
    assert (run.evaluation().images.n, metrics.epochs) == (12, 2)
    assert metrics.kept_epoch in (1, 2)
    assert "stage" not in run.table("history.csv")
    table = run.table("predictions.csv")
    answers = load(run).predict(pixels_of(experiment, table), verbose=0)
    np.testing.assert_allclose(answers, stored_probabilities(table), atol=2e-3)
