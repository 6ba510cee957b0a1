"""The recipe on real trainings: trials, listeners, and a history that grows with each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alzbench.data.manifest import ImageSet, ImageSets
from alzbench.errors import Pruned, RunError
from alzbench.experiment import DataSettings
from alzbench.progress import Progress
from alzbench.runner import Context, EpochListener, EpochStored, EpochTrained, Job, execute, run_job
from alzbench.store import Run, RunStore, RunWriter, read_run
from tests.helpers.running import Tiny, make_context, run_one

TUNED: dict[str, Any] = {
    "name": "tuned",
    "augment": {"views": 1},
    "fine_tune": {"first_block": "block_16", "epochs": 2, "lr": 1e-3},
}


class Recording:
    """Pixels that note which rows are read."""

    def __init__(self, pixels: Any) -> None:
        self._pixels = pixels
        self.shape, self.dtype = pixels.shape, pixels.dtype
        self.read: set[int] = set()

    def take(self, rows: Any) -> Any:
        self.read |= set(np.arange(self.shape[0])[rows].tolist())
        return self._pixels.take(rows)


class RecordingSets(ImageSets):
    """Image sets whose pixels note which rows are read."""

    def open(self, settings: DataSettings) -> ImageSet:
        if settings not in self._open:
            images = super().open(settings)
            self._open[settings] = replace(images, pixels=Recording(images.pixels))  # type: ignore[arg-type]
        return self._open[settings]


class Watching(EpochListener):
    """Reads the history of a run as another process would, after each epoch; and stops where it is told to."""

    may_stop = True

    def __init__(self, root: Path, stop_at: int | None = None) -> None:
        self._root, self._stop_at = root, stop_at
        self.contents: list[bytes] = []
        self.rows: list[Sequence[Any]] = []
        self.steps: list[int] = []
        self.tables: list[pd.DataFrame] = []

    def on_epoch_trained(self, event: EpochTrained) -> None:
        if event.step == self._stop_at:
            raise Pruned(f"pruned after step {event.step + 1}")
        self.steps.append(event.step)
        self.tables.append(event.predict())

    def on_epoch_stored(self, event: EpochStored) -> None:
        self.rows.append(list(event.history))
        (path,) = self._root.rglob("history.csv")
        self.contents.append(path.read_bytes())


def names_of(run: Run) -> set[str]:
    return {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}


def test_a_trial_reads_no_test_image_and_leaves_no_trace_of_one(tiny: Tiny, shared_cache: Path, tmp_path: Path) -> None:
    del shared_cache
    job = Job(experiment=tiny(), seed=0, trial=3)
    images = RecordingSets(Progress())
    outcome = run_job(job, Context(images, RunStore(tmp_path / "runs"), Progress()))
    opened = images.open(job.experiment.data)
    originals = opened.manifest.index[opened.manifest["part"] == "original"]
    assert isinstance(opened.pixels, Recording)
    assert len(opened.pixels.read) == 40  # training and validation, and their views
    assert not opened.pixels.read & set(originals)
    trial = outcome.run()
    assert (outcome.accuracy, trial.card.trial) == (None, 3)
    assert trial.path.name == f"trial-0003-seed-0-{trial.card.hash}"
    assert names_of(trial) - {".lock"} == {
        "state.json", "experiment.yaml", "environment.json", "history.csv", "predictions_val.csv", "metrics.json",
    }  # fmt: skip
    metrics = trial.metrics()
    assert (metrics.test, metrics.test_by_subject, metrics.leakage, metrics.images) == (None, None, None, {})
    assert metrics.validation is not None


def test_a_trial_learns_as_a_run_with_its_settings_does(tiny: Tiny, shared_cache: Path, tmp_path: Path) -> None:
    del shared_cache
    trial = run_job(Job(experiment=tiny(), seed=0, trial=0), make_context(tmp_path / "trials")).run()
    run = run_one(tmp_path / "runs", tiny())
    assert (trial.card.hash, trial.card.test) == (run.card.hash, run.card.test)
    assert (trial.path / "predictions_val.csv").read_bytes() == (run.path / "predictions_val.csv").read_bytes()
    histories = [stored.table("history.csv").drop(columns="duration_s") for stored in (trial, run)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    assert trial.metrics().validation == run.metrics().validation


def test_a_trial_of_shuffled_labels_learns_shuffled_ones(tiny: Tiny, shared_cache: Path, tmp_path: Path) -> None:
    del shared_cache
    shuffled = tiny(labels="shuffled", train={"epochs": 1})
    trial = run_job(Job(experiment=shuffled, seed=0, trial=0), make_context(tmp_path / "trials")).run()
    run = run_one(tmp_path / "runs", shuffled)
    assert (trial.path / "predictions_val.csv").read_bytes() == (run.path / "predictions_val.csv").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("tuned", [False, True], ids=["head", "tuned"])
def test_the_history_grows_with_each_epoch(tiny: Tiny, shared_cache: Path, tmp_path: Path, tuned: bool) -> None:
    del shared_cache
    watching = Watching(tmp_path / "runs")
    job = Job(experiment=tiny(**(TUNED if tuned else {"train": {"epochs": 4}})), seed=0)
    run = run_job(job, make_context(tmp_path / "runs"), [watching]).run()
    final = (run.path / "history.csv").read_bytes()
    assert [content.count(b"\n") for content in watching.contents] == [2, 3, 4, 5]
    assert all(final.startswith(content) for content in watching.contents)
    assert watching.contents[-1] == final
    assert [row["epoch"] for row in watching.rows[-1]] == [1, 2, 3, 4]
    assert watching.rows[-1] == run.table("history.csv").to_dict("records")
    assert watching.steps == [0, 1, 2, 3]
    kept = watching.tables[(run.metrics().kept_epoch or 0) - 1]
    assert kept.to_csv(index=False, lineterminator="\n").encode() == (run.path / "predictions_val.csv").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 2, 3], ids=["head", "end-of-head", "fine-tuning"])
def test_a_run_killed_before_its_history_is_written_ends_with_all_rows(
    tiny: Tiny, shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    del shared_cache
    unbroken = run_one(tmp_path / "unbroken", tiny(**TUNED))
    with monkeypatch.context() as patched:
        write = RunWriter.write_table

        def stop(writer: RunWriter, name: str, table: pd.DataFrame) -> None:
            if name == "history.csv" and len(table) == epoch:
                raise KeyboardInterrupt
            write(writer, name, table)

        patched.setattr(RunWriter, "write_table", stop)
        with pytest.raises(KeyboardInterrupt):
            run_one(tmp_path / "broken", tiny(**TUNED))
    watching = Watching(tmp_path / "broken")
    resumed = run_job(Job(experiment=tiny(**TUNED), seed=0), make_context(tmp_path / "broken"), [watching]).run()
    assert [len(rows) for rows in watching.rows] == list(range(epoch + 1, 5))
    histories = [stored.table("history.csv").drop(columns="duration_s") for stored in (resumed, unbroken)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


@pytest.mark.slow
def test_a_run_killed_after_its_last_epoch_ends_with_all_rows(
    tiny: Tiny, shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del shared_cache

    def stop(writer: RunWriter, name: str, table: pd.DataFrame) -> None:
        if name == "history.csv" and len(table) == 2:
            raise KeyboardInterrupt
        write(writer, name, table)

    write = RunWriter.write_table
    with monkeypatch.context() as patched:
        patched.setattr(RunWriter, "write_table", stop)
        with pytest.raises(KeyboardInterrupt):
            run_one(tmp_path / "runs", tiny())
    (broken,) = RunStore(tmp_path / "runs").runs()
    assert len(broken.table("history.csv")) == 1
    assert run_one(tmp_path / "runs", tiny()).table("history.csv")["epoch"].tolist() == [1, 2]


@pytest.mark.slow
def test_a_listener_that_may_stop_the_run_prunes_it_and_the_epochs_before_stay(
    tiny: Tiny, shared_cache: Path, tmp_path: Path
) -> None:
    del shared_cache
    job = Job(experiment=tiny(train={"epochs": 4}), seed=0, trial=0)
    outcome = execute(job, make_context(tmp_path / "runs"), [Watching(tmp_path / "runs", stop_at=2)])
    assert (outcome.state, outcome.error, outcome.path) == ("pruned", "pruned after step 3", None)
    (path,) = (tmp_path / "runs").rglob("state.json")
    assert read_run(path.parent).card.state == "pruned"
    assert read_run(path.parent).table("history.csv")["epoch"].tolist() == [1, 2]


@pytest.mark.slow
def test_a_fault_of_a_listener_changes_no_number(
    tiny: Tiny, shared_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Faulty(EpochListener):
        def on_epoch_stored(self, event: EpochStored) -> None:
            raise KeyError(f"epoch {len(event.history)}")

    del shared_cache
    plain = run_one(tmp_path / "plain", tiny())
    faulty = run_job(Job(experiment=tiny(), seed=0), make_context(tmp_path / "faulty"), [Faulty()]).run()
    assert (faulty.path / "predictions.csv").read_bytes() == (plain.path / "predictions.csv").read_bytes()
    assert capsys.readouterr().err.count("Faulty failed (KeyError: 'epoch 1'). This run continues without it.") == 1


def test_a_run_that_starts_over_shows_no_history_of_the_one_before(tiny: Tiny, tmp_path: Path, stub: Any) -> None:
    stub.fails = {"tiny": RunError("odd")}
    path = run_one_failing(tmp_path / "runs", tiny)
    (path / "history.csv").write_text("epoch\n1\n")
    execute(Job(experiment=tiny(), seed=0), make_context(tmp_path / "runs"))
    assert (path / "history.csv").is_file()  # it goes on
    execute(Job(experiment=tiny(), seed=0), make_context(tmp_path / "runs", force=True))
    assert not (path / "history.csv").exists()


def run_one_failing(root: Path, tiny: Tiny) -> Path:
    execute(Job(experiment=tiny(), seed=0), make_context(root))
    (run,) = RunStore(root).runs()
    return run.path
