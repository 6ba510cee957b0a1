"""Writing run folders: the states of a run, finding and listing runs, and what cannot be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alzbench.errors import DataError, ExperimentError, Interrupted, RunError
from alzbench.store import Card, RunStore, RunWriter, read_run
from alzbench.store.explanation import FOLDER
from tests.helpers.runs import CARD, write_run


def stored_state(store: RunStore, card: Card = CARD) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((store.path_of(card) / "state.json").read_text())
    return content


@contextmanager
def other_process(store: RunStore) -> Iterator[subprocess.Popen[str]]:
    """Another process that is at work on the run of CARD."""
    code = (
        "import time\nfrom pathlib import Path\nfrom alzbench.store import Card, RunStore\n"
        f"with RunStore(Path({str(store.root)!r})).begin({CARD!r}):\n"
        "    print('begun', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


# States


def test_a_run_is_running_inside_and_complete_after(store: RunStore) -> None:
    with store.begin(CARD) as writer:
        assert stored_state(store)["state"] == "running"
        assert read_run(writer.path).card.state == "running"
    assert (stored_state(store)["state"], stored_state(store)["error"]) == ("complete", "")
    assert stored_state(store)["finished"] >= stored_state(store)["created"] > "2020"


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        pytest.param(RunError("the loss is NaN"), "failed", "the loss is NaN", id="our-error"),
        pytest.param(ValueError("odd"), "failed", "ValueError: odd", id="unexpected-error"),
        pytest.param(OSError(28, "No space left", "f"), "failed", "The disk is full (f); no partly", id="disk-full"),
        pytest.param(KeyboardInterrupt(), "interrupted", "stopped by the user", id="ctrl-c"),
        pytest.param(Interrupted("stop"), "interrupted", "stopped by the user", id="interrupted"),
    ],
)
def test_what_goes_wrong_is_recorded_and_raised(store: RunStore, error: BaseException, state: str, text: str) -> None:
    with pytest.raises(type(error)), store.begin(CARD):
        raise error
    assert stored_state(store)["state"] == state
    assert stored_state(store)["error"].startswith(text)
    assert stored_state(store)["finished"] == ""


def test_a_failed_run_can_be_begun_again_and_forgets_its_error(store: RunStore) -> None:
    with pytest.raises(RunError), store.begin(CARD):
        raise RunError("first")
    with store.begin(CARD):
        pass
    assert (stored_state(store)["state"], stored_state(store)["error"]) == ("complete", "")


def test_the_first_error_is_shown_where_it_cannot_be_recorded(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(writer: RunWriter, name: str, content: dict[str, Any]) -> None:
        if content["state"] == "failed":
            raise OSError(28, "No space left on device")
        (writer.path / name).write_text(json.dumps(content))

    monkeypatch.setattr(RunWriter, "write_json", full)
    with pytest.raises(RunError, match="the first"), store.begin(CARD):
        raise RunError("the first")
    assert read_run(store.path_of(CARD)).card.state == "interrupted"


def test_a_run_at_work_in_another_process_is_running_and_refused(store: RunStore) -> None:
    with other_process(store):
        assert [run.card.state for run in store.runs()] == ["running"]
        with pytest.raises(RunError, match="Another process is working on "), store.begin(CARD):
            raise AssertionError("begun twice")
        assert stored_state(store)["state"] == "running"


def test_a_repeated_run_loses_the_explanation_of_the_model_that_it_replaces(store: RunStore) -> None:
    with store.begin(CARD) as writer:
        pass
    picture = writer.path / FOLDER / "grad_cam" / "0000.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    with store.begin(CARD, restart=True):
        assert not picture.parent.parent.exists()


def test_a_killed_run_is_read_as_interrupted_and_can_be_begun_again(store: RunStore) -> None:
    with other_process(store) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert stored_state(store)["state"] == "running"  # nobody could write more
        (run,) = store.runs()
        assert run.card.state == "interrupted"
        assert run.card.error == "its process ended without an error message"
    with store.begin(CARD):
        pass
    assert read_run(store.path_of(CARD)).card.state == "complete"


# Finding and listing


def test_only_a_complete_run_is_found_complete(store: RunStore) -> None:
    assert store.find_complete(CARD) is None
    with store.begin(CARD):
        assert store.find_complete(CARD) is None
    found = store.find_complete(CARD)
    assert found is not None
    assert found.path == store.path_of(CARD)
    assert store.find_complete(CARD.model_copy(update={"hash": "other"})) is None


def test_runs_are_listed_oldest_first_then_by_name(store: RunStore) -> None:
    write_run(store.root, experiment="b", created="2030-01-02")
    write_run(store.root, experiment="c", created="2030-01-01")
    write_run(store.root, experiment="a", created="2030-01-02", seed=1)
    assert [run.name for run in store.runs()] == ["c/seed-0-h0", "a/seed-1-h1", "b/seed-0-h0"]


def test_no_folder_is_no_runs(store: RunStore) -> None:
    assert store.runs() == []
    assert not store.root.exists()


def test_folders_without_a_state_are_no_runs(store: RunStore) -> None:
    (store.root / "x" / "seed-0-h0").mkdir(parents=True)
    assert store.runs() == []


def test_a_run_is_found_by_path_and_by_name(store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_run(store.root)
    monkeypatch.chdir(tmp_path)
    for name in (str(path), "runs/x/seed-0-h0", "x/seed-0-h0"):
        assert store.find(name).path.resolve() == path


def test_a_run_that_is_not_there_is_named(store: RunStore) -> None:
    write_run(store.root)
    with pytest.raises(DataError, match=f"There is no run z under {store.root}; "):
        store.find("z")


def test_a_file_that_could_not_be_written_leaves_the_old_one(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.begin(CARD) as writer:
        writer.write_json("metrics.json", {"old": 1})
        monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            writer.write_json("metrics.json", {"new": 1})
        monkeypatch.undo()
        assert json.loads((writer.path / "metrics.json").read_text()) == {"old": 1}
        assert not list(writer.path.glob(".tmp-*"))


def test_numbers_that_json_cannot_hold_are_refused(store: RunStore) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"), store.begin(CARD) as writer:
        writer.write_json("metrics.json", {"loss": float("nan")})
    assert not (store.path_of(CARD) / "metrics.json").exists()


def test_a_run_is_found_by_its_folder_or_as_the_only_one_of_its_experiment(tmp_path: Path) -> None:
    one = write_run(tmp_path, experiment="one", seed=3)
    write_run(tmp_path, experiment="one", seed=4, state="failed")
    for seed in (0, 1):
        write_run(tmp_path, experiment="two", seed=seed)
    store = RunStore(tmp_path)
    for name in (str(one), f"one/{one.name}", "one"):
        assert store.find(name).path == one
    with pytest.raises(ExperimentError, match=r"RUN must name one run; two has 2: two/seed-0-\w+, two/seed-1"):
        store.find("two")
    with pytest.raises(DataError, match="There is no run three"):
        store.find("three")
