"""One run from experiment to run folder, on small images and a narrow random backbone. Trainings share one cache."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from alzbench.data.manifest import open_image_set
from alzbench.evaluation.evaluate import evaluate
from alzbench.experiment import load_experiment
from alzbench.progress import Progress
from alzbench.runner import resolved_yaml, settings_hash
from alzbench.store import Run, RunStore, read_run
from tests.helpers.running import Tiny, run, run_one


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def done(tiny: Tiny, shared_cache: Path, shared_folder: Path) -> Run:
    """A complete run of ``tiny()``, trained by the first test that needs it and found by the others."""
    del shared_cache
    return run_one(shared_folder / "runs", tiny())


# What a run leaves


def test_a_run_folder_holds_every_file_and_nothing_half_written(done: Run) -> None:
    assert files_below(done.path).keys() - {".lock"} == {
        "state.json", "experiment.yaml", "environment.json", "split.csv", "history.csv", "predictions.csv",
        "predictions_val.csv", "metrics.json", "subjects.json", "model.keras", "figures/confusion.png",
        "figures/history.png", "profile.npz",
    }  # fmt: skip


def test_the_card_says_what_the_run_is(done: Run, tiny: Tiny) -> None:
    card = done.card
    assert (card.experiment, card.seed, card.variant, card.protocol) == ("tiny", 0, "baseline", "reference")
    assert (card.state, card.demo, card.error) == ("complete", False, "")
    assert "the subjects are not known for 12 test images" in card.leaks  # they are smooth noise
    assert card.settings_hash == settings_hash(tiny())
    assert done.path.name == f"seed-0-{card.hash}"


def test_the_split_assigns_every_image_as_the_protocol_says(done: Run) -> None:
    split = done.table("split.csv")
    original = split["image"].str.startswith("OriginalDataset")
    assert set(split.loc[original, "part"]) == {"test"}
    assert split.loc[~original, "part"].value_counts().to_dict() == {"train": 32, "validation": 8}
    assert done.metrics().images == {"train": 32, "validation": 8, "test": 12}
    assert split["image"].is_unique


@pytest.mark.parametrize(("file", "part"), [("predictions.csv", "test"), ("predictions_val.csv", "validation")])
def test_predictions_are_those_of_the_split(done: Run, file: str, part: str) -> None:
    table, split = done.table(file), done.table("split.csv")
    wanted = split[split["part"] == part]
    classes = done.evaluation().images.classes
    assert table["image"].tolist() == wanted["image"].tolist()
    assert table["label"].tolist() == [classes[label] for label in wanted["label"]]
    assert all(label in image for label, image in zip(table["label"], table["image"], strict=True))
    probabilities = table[[f"p_{name}" for name in classes]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
    assert table["predicted"].tolist() == [classes[k] for k in probabilities.argmax(axis=1)]


@pytest.mark.parametrize(("file", "part"), [("predictions.csv", "test"), ("predictions_val.csv", "validation")])
def test_scoring_the_stored_predictions_gives_the_stored_metrics(done: Run, file: str, part: str) -> None:
    evaluation, metrics = evaluate(done.table(file)), done.metrics()
    scored, stored = (scores.model_dump() for scores in (evaluation.images, getattr(metrics, part)))
    assert scored.pop("loss") == pytest.approx(stored.pop("loss"), rel=1e-12)
    assert scored.pop("calibration_error") == pytest.approx(stored.pop("calibration_error"), rel=1e-12)
    assert scored == stored
    assert (evaluation.subjects is None) == (metrics.test_by_subject is None)


def test_the_kept_epoch_is_the_first_with_the_best_validation_accuracy(done: Run) -> None:
    history = done.table("history.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert done.metrics().epochs == 2
    assert done.metrics().kept_epoch == 1 + history["val_accuracy"].to_numpy().argmax()
    best = history["val_accuracy"].max()
    validation = done.metrics().validation
    assert validation is not None
    assert validation.scores["accuracy"] == pytest.approx(best, abs=1e-6)


def test_the_stored_model_gives_the_stored_predictions(done: Run, tiny: Tiny) -> None:
    import keras

    model = keras.models.load_model(done.path / "model.keras", safe_mode=True)
    images = open_image_set(tiny().data, Progress())
    position = {name: k for k, name in enumerate(images.manifest["image"])}
    for file in ("predictions.csv", "predictions_val.csv"):
        table = done.table(file)
        pixels = images.pixels.take(np.array([position[name] for name in table["image"]]))
        expected = table[[f"p_{name}" for name in images.classes]].to_numpy()
        np.testing.assert_allclose(model.predict(pixels.astype(np.float32), verbose=0), expected, atol=2e-3)


def test_the_environment_is_recorded(done: Run) -> None:
    about = json.loads((done.path / "environment.json").read_text())
    assert about["devices"]
    assert {"tensorflow", "keras", "numpy"} <= about["packages"].keys()


def test_the_stored_experiment_is_the_same_experiment_with_every_default_written_out(done: Run, tiny: Tiny) -> None:
    stored = load_experiment(done.path / "experiment.yaml")
    experiment = tiny()
    options = {"pooling": "mean", "units": 8, "dropout": 0.3}
    data = experiment.data.model_copy(update={"source": stored.data.source})  # another copy of the images
    assert stored == experiment.model_copy(
        update={"data": data, "model": experiment.model.model_copy(update={"options": options})}
    )
    assert settings_hash(stored) == settings_hash(experiment)
    assert resolved_yaml(stored) == (done.path / "experiment.yaml").read_text()


# Found, forced, another seed, the same again


def test_the_same_run_again_is_found_and_writes_nothing(
    done: Run, tiny: Tiny, shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alzbench.runner.recipe.Network", None)  # calling it would fail
    before = files_below(shared_folder)
    (outcome,) = run(shared_folder / "runs", tiny())
    assert (outcome.state, outcome.path) == ("stored", done.path)
    assert files_below(shared_folder) == before


def test_another_seed_finds_every_feature_map_and_splits_differently(
    done: Run, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the backbone ran again")

    monkeypatch.setattr("alzbench.training.features.make_extractor", refuse)
    other = run_one(tmp_path / "runs", tiny(seeds=[1], train={"epochs": 1}))
    assert other.card.hash != done.card.hash
    assert other.card.test == done.card.test  # can be paired
    assert other.table("split.csv")["part"].tolist() != done.table("split.csv")["part"].tolist()


def test_the_same_seed_elsewhere_ends_with_the_same_numbers(done: Run, tiny: Tiny, tmp_path: Path) -> None:
    again = run_one(tmp_path / "runs", tiny())
    assert again.path != done.path
    for name in ("predictions.csv", "predictions_val.csv", "split.csv"):
        assert (again.path / name).read_bytes() == (done.path / name).read_bytes()
    ours, theirs = (stored.table("history.csv").drop(columns="duration_s") for stored in (again, done))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_ends_with_the_same_numbers(
    done: Run, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alzbench.training.checkpoint import Checkpoint

    del done  # its features are needed
    experiment = tiny(train={"epochs": 3})
    unbroken = run_one(tmp_path / "unbroken", experiment)

    with monkeypatch.context() as patched:
        save = Checkpoint.save

        def save_and_stop(state: Checkpoint, path: Path) -> None:
            save(state, path)
            raise KeyboardInterrupt

        patched.setattr(Checkpoint, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "broken", experiment)
    (broken,) = RunStore(tmp_path / "broken").runs()
    assert (broken.card.state, (broken.path / "checkpoint-head.npz").is_file()) == ("interrupted", True)

    console = Console(file=io.StringIO(), width=200)
    run(tmp_path / "broken", experiment, progress=Progress(console))
    assert isinstance(console.file, io.StringIO)
    assert "resuming after epoch 1 of 3" in console.file.getvalue()
    resumed = read_run(broken.path)
    assert resumed.card.state == "complete"
    assert not (broken.path / "checkpoint-head.npz").exists()
    assert (resumed.path / "predictions.csv").read_bytes() == (unbroken.path / "predictions.csv").read_bytes()
    ours, theirs = (stored.table("history.csv").drop(columns="duration_s") for stored in (resumed, unbroken))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


# What goes wrong


@pytest.mark.slow
def test_a_loss_that_is_not_finite_fails_the_run_and_not_the_next(done: Run, tiny: Tiny, tmp_path: Path) -> None:
    del done
    bad, good = run(tmp_path / "runs", tiny(name="bad", train={"lr": 1e30}), tiny(name="good", train={"epochs": 1}))
    assert (bad.job.experiment.name, bad.state, bad.path) == ("bad", "failed", None)
    assert "The loss must be finite" in bad.error
    assert (good.job.experiment.name, good.state) == ("good", "complete")
    states = {stored.card.experiment: stored.card for stored in RunStore(tmp_path / "runs").runs()}
    assert (states["bad"].state, states["bad"].error) == ("failed", bad.error)
    assert list((tmp_path / "runs" / "bad").rglob("metrics.json")) == []


@pytest.mark.slow
def test_images_that_are_left_out_are_recorded(done: Run, tiny: Tiny, image_folder: Path, tmp_path: Path) -> None:
    del done
    name = "AugmentedAlzheimerDataset/MildDemented/copy3.jpg"
    (image_folder / name).write_bytes(b"no image")
    stored = run_one(tmp_path / "runs", tiny(data={"on_corrupt": "skip"}, train={"epochs": 1}))
    skipped = stored.table("skipped.csv")
    assert skipped.to_dict("records") == [{"image": name, "reason": "not an image file"}]
    assert stored.metrics().skipped_images == 1
    assert stored.metrics().images == {"train": 31, "validation": 8, "test": 12}
    assert name not in set(stored.table("split.csv")["image"])
