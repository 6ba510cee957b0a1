"""Runs from experiment to run folder, on small images and a narrow random backbone.

Trainings share one cache, so feature maps are computed once. Tests of what is run, and in which order, put `Stub` in
the place of training.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.data.protocols import split_of_run
from alzbench.errors import DataError, ExperimentError, RunError
from alzbench.evaluation.metrics import score
from alzbench.evaluation.predictions import make_table
from alzbench.experiment import Experiment, load_experiment
from alzbench.progress import Progress
from alzbench.runner import Outcome, resolved_yaml, run_all, settings_hash
from alzbench.runner.plan import make_card, short_hash
from alzbench.store import Run, RunStore, RunWriter, read_run
from tests.conftest import write_image

Tiny = Callable[..., Experiment]


def run(root: Path, *experiments: Experiment, **options: Any) -> list[Outcome]:
    return list(run_all(experiments, RunStore(root), Progress(), **options))


def run_one(root: Path, experiment: Experiment, **options: Any) -> Run:
    (outcome,) = run(root, experiment, **options)
    assert outcome.run is not None, outcome.error
    return outcome.run


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def shared_cache(own_environment: Path, shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use the cache that the trainings of this file share."""
    del own_environment  # only its order matters: this comes after it
    monkeypatch.setenv("ALZBENCH_CACHE", str(shared_folder / "cache"))
    return shared_folder / "cache"


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
        "figures/history.png",
    }  # fmt: skip


def test_the_card_says_what_the_run_is(done: Run, tiny: Tiny) -> None:
    card = done.card
    assert (card.experiment, card.seed, card.variant, card.protocol) == ("tiny", 0, "baseline", "reference")
    assert (card.state, card.demo, card.error) == ("complete", False, "")
    assert "the subjects are not known for 12 test images" in card.leaks  # they are smooth noise
    assert card.settings == settings_hash(tiny())
    assert done.path.name == f"seed-0-{card.hash}"


def test_the_split_assigns_every_image_as_the_protocol_says(done: Run) -> None:
    split = done.table("split.csv")
    original = split["image"].str.startswith("OriginalDataset")
    assert set(split.loc[original, "part"]) == {"test"}
    assert split.loc[~original, "part"].value_counts().to_dict() == {"train": 32, "validation": 8}
    assert done.metrics["images"] == {"train": 32, "validation": 8, "test": 12}
    assert split["image"].is_unique


@pytest.mark.parametrize(("file", "part"), [("predictions.csv", "test"), ("predictions_val.csv", "validation")])
def test_predictions_are_those_of_the_split(done: Run, file: str, part: str) -> None:
    table, split = done.table(file), done.table("split.csv")
    wanted = split[split["part"] == part]
    classes = done.metrics["test"]["classes"]
    assert table["image"].tolist() == wanted["image"].tolist()
    assert table["label"].tolist() == [classes[label] for label in wanted["label"]]
    assert all(label in image for label, image in zip(table["label"], table["image"], strict=True))
    probabilities = table[[f"p_{name}" for name in classes]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
    assert table["predicted"].tolist() == [classes[k] for k in probabilities.argmax(axis=1)]


@pytest.mark.parametrize(("file", "part"), [("predictions.csv", "test"), ("predictions_val.csv", "validation")])
def test_scoring_the_stored_predictions_gives_the_stored_metrics(done: Run, file: str, part: str) -> None:
    scored, stored = score(done.table(file)), done.metrics[part]
    assert scored.pop("loss") == pytest.approx(stored["loss"], rel=1e-12)
    assert scored == {key: value for key, value in stored.items() if key != "loss"}


def test_the_kept_epoch_is_the_first_with_the_best_validation_accuracy(done: Run) -> None:
    history = done.table("history.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert done.metrics["epochs"] == 2
    assert done.metrics["kept_epoch"] == 1 + history["val_accuracy"].to_numpy().argmax()
    best = history["val_accuracy"].max()
    assert done.metrics["validation"]["accuracy"] == pytest.approx(best, abs=1e-6)


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
    monkeypatch.setattr("alzbench.runner.run.NetworkRun", None)  # calling it would fail
    before = files_below(shared_folder)
    (outcome,) = run(shared_folder / "runs", tiny())
    assert (outcome.state, outcome.run and outcome.run.path) == ("found", done.path)
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
    list(run_all([experiment], RunStore(tmp_path / "broken"), Progress(console)))
    assert isinstance(console.file, io.StringIO)
    assert "going on after epoch 1 of 3" in console.file.getvalue()
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
    assert (bad.experiment, bad.state, bad.run) == ("bad", "failed", None)
    assert "The loss must be finite" in bad.error
    assert (good.experiment, good.state) == ("good", "complete")
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
    assert stored.metrics["skipped_images"] == 1
    assert stored.metrics["images"] == {"train": 31, "validation": 8, "test": 12}
    assert name not in set(stored.table("split.csv")["image"])


class Stub:
    """In the place of training: counts what is trained, and writes scores alone or fails as it is told."""

    trained: list[tuple[str, int]]
    fails: dict[str, BaseException]

    def __init__(
        self, experiment: Experiment, seed: int, images: ImageSet, split: pd.DataFrame, progress: Progress
    ) -> None:
        del progress
        self.experiment, self.seed, self.images, self.split = experiment, seed, images, split
        self.seconds = {"training": 1.0}

    def prepare(self) -> None:
        pass

    def predictions(self, writer: RunWriter) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        """Answer the first two classes rightly and the last two wrongly."""
        del writer
        print("a library prints")
        self.trained.append((self.experiment.name, self.seed))
        if error := self.fails.get(self.experiment.name):
            raise error
        tables = {}
        for part in ("validation", "test"):
            rows = self.split[self.split["part"] == part]
            answers = np.eye(4)[[0, 1, 3, 2]][rows["label"].to_numpy()]
            tables[part] = make_table(rows, answers, self.images.classes)
        return tables, {"kept_epoch": 1, "epochs": 2, "keep": "last", "stopped": "all epochs"}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> type[Stub]:
    Stub.trained, Stub.fails = [], {}
    monkeypatch.setattr("alzbench.runner.run.NetworkRun", Stub)
    return Stub


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({"model": {"variant": "atention"}}, "Unknown variant 'atention'.*'attention'", id="variant"),
        pytest.param({"model": {"options": {"unit": 3}}}, "unknown key model.options.unit. .*'units'", id="option"),
        pytest.param({"model": {"options": {"dropout": 1.0}}}, "model.options.dropout: .* got 1.0", id="option-value"),
    ],
)
def test_names_and_options_are_checked_before_anything_is_read_or_run(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], text: str
) -> None:
    monkeypatch.setattr("alzbench.data.manifest.open_image_set", None)  # calling it would fail
    with pytest.raises(ExperimentError, match=f"experiment wrong: .*{text}"):
        run(tmp_path / "runs", tiny(name="right"), tiny(name="wrong", **changes))
    assert stub.trained == []
    assert not (tmp_path / "runs").exists()


def test_data_that_is_missing_is_an_error_and_leaves_no_folder(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        run(tmp_path / "runs", tiny(data={"source": str(tmp_path / "nowhere")}))
    assert stub.trained == []
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(RunError("odd"), "odd", id="run-error"),
        pytest.param(OSError(28, "No space left on device"), "The disk is full", id="disk-full"),
    ],
)
def test_a_failed_run_does_not_stop_the_next(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], error: Exception, text: str
) -> None:
    stub.fails = {"a": error}
    outcomes = run(tmp_path / "runs", tiny(name="a", seeds=[0, 1]), tiny(name="b"))
    assert [(o.experiment, o.seed, o.state) for o in outcomes] == [
        ("a", 0, "failed"), ("a", 1, "failed"), ("b", 0, "complete"),
    ]  # fmt: skip
    assert outcomes[0].error.startswith(text)


def test_weights_that_are_missing_stop_everything(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    stub.fails = {"a": DataError("no weights")}
    with pytest.raises(DataError, match="no weights"):
        run(tmp_path / "runs", tiny(name="a"), tiny(name="b"))
    assert stub.trained == [("a", 0)]


def test_a_failed_run_is_tried_again(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    stub.fails = {"tiny": RunError("odd")}
    run(tmp_path / "runs", tiny())
    stub.fails = {}
    (outcome,) = run(tmp_path / "runs", tiny())
    assert outcome.state == "complete"
    assert [stored.card.state for stored in RunStore(tmp_path / "runs").runs()] == ["complete"]


# What is run


def test_every_seed_of_every_experiment_is_run_in_order(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    outcomes = run(tmp_path / "runs", tiny(name="b", seeds=[1, 0]), tiny(name="a", seeds=[5]))
    assert [(o.experiment, o.seed) for o in outcomes] == stub.trained == [("b", 1), ("b", 0), ("a", 5)]


def test_only_force_runs_again_what_is_complete(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    states = [run(tmp_path / "runs", tiny(), force=force)[0].state for force in (False, False, True, False)]
    assert states == ["complete", "found", "complete", "found"]
    assert len(stub.trained) == 2


def test_force_starts_from_the_first_epoch(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    stub.fails = {"tiny": RunError("odd")}
    run(tmp_path / "runs", tiny())
    (stored,) = RunStore(tmp_path / "runs").runs()
    checkpoint = stored.path / "checkpoint-head.npz"
    checkpoint.write_bytes(b"of an earlier attempt")
    run(tmp_path / "runs", tiny())
    assert checkpoint.exists()
    run(tmp_path / "runs", tiny(), force=True)
    assert not checkpoint.exists()


def test_experiments_on_the_same_images_open_them_once(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def count(*arguments: Any) -> Any:
        opened.append(arguments)
        return open_image_set(*arguments)

    monkeypatch.setattr("alzbench.data.manifest.open_image_set", count)
    run(tmp_path / "runs", tiny(name="a"), tiny(name="b"), tiny(name="c", data={"size": 40}))
    assert len(opened) == 2
    assert len(stub.trained) == 3


def test_demo_is_on_the_card(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    real, demo = (run_one(tmp_path / "runs", tiny(name=name, demo=name == "demo")) for name in ("real", "demo"))
    assert (real.card.demo, demo.card.demo) == (False, True)
    assert real.card.hash != demo.card.hash
    assert len(stub.trained) == 2


# Hashes


def test_the_same_images_elsewhere_are_the_same_run(
    tiny: Tiny, image_folder: Path, tmp_path: Path, stub: type[Stub]
) -> None:
    first = run_one(tmp_path / "runs", tiny())
    moved = image_folder.rename(tmp_path / "moved")
    (outcome,) = run(tmp_path / "runs", tiny(data={"source": str(moved)}))
    assert (outcome.state, outcome.run and outcome.run.path) == ("found", first.path)
    assert len(stub.trained) == 1


@pytest.mark.parametrize("part", ["AugmentedAlzheimerDataset", "OriginalDataset"])
@pytest.mark.parametrize("change", ["content", "one-more", "one-less"])
def test_other_images_are_another_run(
    tiny: Tiny, image_folder: Path, tmp_path: Path, stub: type[Stub], part: str, change: str
) -> None:
    first = run_one(tmp_path / "runs", tiny())
    folder = image_folder / part / "MildDemented"
    if change == "one-less":
        next(folder.iterdir()).unlink()
    else:
        write_image(folder / "new.jpg" if change == "one-more" else next(folder.iterdir()), 99)
    second = run_one(tmp_path / "runs", tiny())
    assert first.card.settings == second.card.settings
    assert first.card.hash != second.card.hash
    assert len(stub.trained) == 2


def test_an_image_under_another_class_is_another_test_part(
    tiny: Tiny, image_folder: Path, tmp_path: Path, stub: type[Stub]
) -> None:
    first = run_one(tmp_path / "runs", tiny())
    originals = image_folder / "OriginalDataset"
    (originals / "MildDemented" / "slice0.jpg").rename(originals / "NonDemented" / "moved.jpg")
    assert run_one(tmp_path / "runs", tiny()).card.test != first.card.test
    assert len(stub.trained) == 2


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "other"}, id="name"),
        pytest.param({"description": "other"}, id="description"),
        pytest.param({"seeds": [1, 2]}, id="seeds"),
        pytest.param({"data": {"source": "elsewhere"}}, id="source"),
        pytest.param({"data": {"kaggle": "a/b/versions/2"}}, id="kaggle"),
        pytest.param({"model": {"options": {"units": 8, "dropout": 0.3}}}, id="a-default-written-out"),
    ],
)
def test_settings_that_do_not_change_what_is_computed_are_not_hashed(tiny: Tiny, changes: dict[str, Any]) -> None:
    assert settings_hash(tiny(**changes)) == settings_hash(tiny())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"data": {"size": 64}}, id="size"),
        pytest.param({"data": {"scaling": "unit"}}, id="scaling"),
        pytest.param({"protocol": {"name": "reference", "validation": 0.3}}, id="validation"),
        pytest.param({"augment": {"views": 3}}, id="views"),
        pytest.param({"augment": {"seed": 1}}, id="seed-of-the-views"),
        pytest.param({"model": {"variant": "attention", "options": {}}}, id="variant"),
        pytest.param({"model": {"options": {"units": 9}}}, id="option"),
        pytest.param({"model": {"backbone": {"weights": "none", "alpha": 0.5}}}, id="backbone"),
        pytest.param({"train": {"epochs": 3}}, id="epochs"),
        pytest.param({"train": {"lr": 0.002}}, id="lr"),
        pytest.param({"demo": True}, id="demo"),
    ],
)
def test_settings_that_change_what_is_computed_are_hashed(tiny: Tiny, changes: dict[str, Any]) -> None:
    assert settings_hash(tiny(**changes)) != settings_hash(tiny())


def test_a_run_without_a_split_seed_is_grouped_as_before_there_was_one(tiny: Tiny) -> None:
    images = open_image_set(tiny().data, Progress())
    cards = []
    for split_seed in (None, 0):
        experiment = tiny(protocol={"name": "reference", "split_seed": split_seed})
        split = split_of_run(images.manifest, experiment.protocol, 0, None)
        cards.append(make_card(experiment, 0, None, images, split))
    assert cards[0].protocol_settings == short_hash('{"name": "reference", "validation": 0.2}')
    assert cards[0].settings == settings_hash(tiny())
    assert cards[1].protocol_settings != cards[0].protocol_settings
    assert [card.split_seed for card in cards] == [None, 0]


def test_a_default_is_hashed_as_nothing() -> None:
    """A setting that a later version adds does not change the hash of the runs of before."""
    bare = Experiment(name="a")
    written_out = Experiment.model_validate(bare.model_dump())
    assert written_out.model_fields_set > bare.model_fields_set
    assert settings_hash(written_out) == settings_hash(bare)
    assert settings_hash(bare) == "59b6eee942633e23"  # stored runs are found by it: a change here loses them


def test_every_setting_is_written_out(tiny: Tiny) -> None:
    text = resolved_yaml(tiny(model={"options": {}}))
    assert "units: 128" in text
    assert "dropout: 0.3" in text
    assert "patience: null" in text


# Protocols with subjects, sanity rows


PHANTOM = {"data": {"source": "phantom", "size": 32}, "augment": {"views": 1}, "train": {"epochs": 1, "batch_size": 64}}


@pytest.mark.slow
def test_every_fold_is_a_run_and_tests_its_own_subjects(tiny: Tiny, tmp_path: Path, shared_cache: Path) -> None:
    del shared_cache
    outcomes = run(tmp_path / "runs", tiny(**PHANTOM, protocol={"name": "subject_cv", "folds": 3}))
    assert [(o.fold, o.state) for o in outcomes] == [(0, "complete"), (1, "complete"), (2, "complete")]
    tested = []
    for outcome in outcomes:
        assert outcome.run is not None
        assert (outcome.run.card.leaks, outcome.run.card.folds) == ("", 3)
        assert f"fold-{outcome.fold}-" in outcome.run.path.name
        scores = outcome.run.metrics["test_by_subject"]
        table = outcome.run.table("predictions.csv")
        assert scores["subjects"] == table["subject"].nunique() == 14
        tested += table["subject"].unique().tolist()
    assert len(tested) == len(set(tested)) == 42


@pytest.mark.slow
def test_a_leaky_protocol_says_so_in_card_and_metrics(tiny: Tiny, tmp_path: Path, shared_cache: Path) -> None:
    del shared_cache
    stored = run_one(tmp_path / "runs", tiny(**PHANTOM))
    assert stored.card.leaks.startswith("252 of 252 test images are of subjects seen in training")
    assert stored.metrics["leaks"] == stored.card.leaks
    assert stored.metrics["leakage"]["same_subject"] == 252


@pytest.mark.slow
def test_sanity_rows_are_run_once_beside_the_experiments(tiny: Tiny, tmp_path: Path, shared_cache: Path) -> None:
    del shared_cache
    experiments = [tiny(**PHANTOM, name=name, seeds=seeds) for name, seeds in (("a", [0]), ("b", [0, 1]))]
    outcomes = run(tmp_path / "runs", *experiments, sanity=True)
    names = [(o.experiment, o.seed) for o in outcomes]
    assert names[:3] == [("a", 0), ("b", 0), ("b", 1)]
    sanity = ["sanity-largest-class", "sanity-grey-logistic", "sanity-shuffled-labels"]
    assert names[3:] == [(name, seed) for name in sanity for seed in (0, 1)]
    stored = {(o.experiment, o.seed): o.run for o in outcomes}
    largest = stored["sanity-largest-class", 0]
    assert largest is not None
    assert largest.card.sanity
    assert largest.metrics["test"]["balanced_accuracy"] == 0.25
    assert largest.card.test == stored["a", 0].card.test  # type: ignore[union-attr]
    again = run(tmp_path / "runs", *experiments, sanity=True)
    assert {o.state for o in again} == {"found"}


@pytest.mark.slow
def test_shuffled_labels_are_shared_by_a_subjects_slices_and_keep_their_counts(
    tiny: Tiny, tmp_path: Path, shared_cache: Path
) -> None:
    del shared_cache
    changes = {**PHANTOM, "protocol": {"name": "subject", "augmented": "follow"}}
    shuffled = run_one(tmp_path / "runs", tiny(**changes, name="s", labels="shuffled")).table("split.csv")
    given = run_one(tmp_path / "runs", tiny(**changes, name="g")).table("split.csv")
    assert shuffled[["image", "part"]].equals(given[["image", "part"]])
    assert (shuffled.groupby("subject")["label"].nunique() == 1).all()

    def counts(split: pd.DataFrame) -> dict[Any, int]:
        return split.drop_duplicates("subject")["label"].value_counts().to_dict()

    assert counts(shuffled) == counts(given)
    assert (shuffled["label"] != given["label"]).mean() > 0.3
