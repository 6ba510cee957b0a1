"""Runs sent to a server while they go on."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import filelock
import pytest

from alzbench.store import read_run
from alzbench.tracking.client import BEGIN_S
from alzbench.tracking.tracked_run import TrackedRun
from tests.helpers.command import Command
from tests.helpers.wandb_runs import EPOCHS, KEY, Write, assert_whole, marker, only_run, start
from tests.helpers.wandb_server import StandIn

pytestmark = pytest.mark.slow


def test_the_server_has_all_of_a_run(alzbench: Command, write: Write, server: StandIn) -> None:
    result = alzbench("run", write("auto"), "--no-sanity")  # the key alone turns it on
    assert result.code == 0
    assert "W&B" not in result.err
    assert_whole(server, only_run())
    (sent,) = server.runs.values()
    assert (sent.project, sent.group, sent.title, sent.job_type) == ("alzbench", "e", "e seed 0", "run")
    assert sent.tags == ["reference", "baseline", "leaks unknown"]
    assert sent.values["train"]["epochs"] == EPOCHS
    assert sent.values["run"]["hash"] == read_run(only_run()).card.hash
    assert (sent.values["label"], sent.values["protocol_name"]) == ("e (reference)", "reference")
    assert {"figures/confusion", "test/errors", "test/predictions"} <= sent.history[-1].keys()
    assert any(name.startswith("media/images/figures/confusion") for name in sent.files)
    assert not {"wandb-metadata.json", "requirements.txt"} & sent.files.keys()  # nothing about the machine
    assert marker(only_run())["url"].startswith(server.url)


def test_a_run_does_not_wait_for_the_client_to_begin(alzbench: Command, write: Write, server: StandIn) -> None:
    """The server responds once the run's folder has scores, which would be never if the run waited for it."""

    def respond_late(_path: str, _body: bytes) -> None:
        give_up = time.monotonic() + 2 * BEGIN_S
        while not list(Path("runs/e").glob("seed-*/metrics.json")) and time.monotonic() < give_up:
            time.sleep(0.05)

    server.fails = respond_late
    result = alzbench("run", write("online"), "--no-sanity")
    assert (result.code, "W&B" in result.err) == (0, False)
    assert_whole(server, only_run())


@pytest.mark.parametrize("broken", [False, True])
def test_a_tracked_run_that_has_ended_releases_its_lock(
    alzbench: Command, write: Write, server: StandIn, broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[TrackedRun] = []  # so that no lock is released by garbage collection
    begin = TrackedRun._begin
    monkeypatch.setattr(TrackedRun, "_begin", lambda self, *rest: (begun.append(self), begin(self, *rest))[1])
    if broken:
        monkeypatch.setattr("alzbench.tracking.tracked_run.media", lambda *_: {}["no such key"])
    assert alzbench("run", write("online"), "--no-sanity").code == 0
    assert len(begun) == len(server.runs) == 1
    with filelock.FileLock(only_run() / ".wandb.lock", timeout=0):
        pass


def test_an_agent_of_another_sweep_does_not_take_the_runs_over(
    alzbench: Command, write: Write, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SWEEP_ID", "theirs"), ("RUN_ID", "abc"), ("RESUME", "must"), ("NAME", "x")):
        monkeypatch.setenv(f"WANDB_{name}", value)
    assert alzbench("run", write("online"), "--no-sanity", "--seeds", "0,1").code == 0
    assert sorted(run.title for run in server.runs.values()) == ["e seed 0", "e seed 1"]
    for folder in Path("runs/e").glob("seed-*"):
        assert_whole(server, folder)


def test_sanity_baselines_are_runs_beside_it(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("online"))
    by_title = {run.title: run for run in server.runs.values()}
    names = ("largest-class", "grey-logistic", "shuffled-labels")
    assert set(by_title) == {"e seed 0", *(f"sanity-{name} seed 0" for name in names)}
    assert all((run.job_type == "sanity") == ("sanity" in title) for title, run in by_title.items())
    assert by_title["sanity-largest-class seed 0"].tags[-1] == "sanity"
    assert_whole(server, only_run())


def test_folds_are_runs_of_their_own(alzbench: Command, write: Write, server: StandIn) -> None:
    file = write("online", protocol={"name": "subject_cv", "folds": 2}, data={"source": "phantom"})
    alzbench("run", file, "--no-sanity")
    assert sorted(run.title for run in server.runs.values()) == [f"e seed 0 fold {fold}" for fold in range(2)]
    assert {run.group for run in server.runs.values()} == {"e"}
    assert not any({"leaky", "leaks unknown"} & set(run.tags) for run in server.runs.values())


def test_a_killed_run_goes_on_in_the_same_run(alzbench: Command, write: Write, server: StandIn) -> None:
    file = write("online")
    process = start("run", file, "--no-sanity", FAKE_SECONDS="1.5")
    deadline = time.monotonic() + 60
    while not list(Path("runs").glob("*/*/checkpoint-fake.npz")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert read_run(only_run()).card.state == "interrupted"
    before = marker(only_run())["id"]
    assert alzbench("run", file, "--no-sanity").code == 0
    assert list(server.runs) == [before]
    assert_whole(server, only_run())


def test_seeds_at_the_same_time_do_not_mix(write: Write, server: StandIn) -> None:
    file = write("online")
    processes = [start("run", file, "--no-sanity", "--seeds", seed, FAKE_SECONDS="0.2") for seed in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert sorted(run.title for run in server.runs.values()) == [f"e seed {seed}" for seed in range(2)]
    for folder in Path("runs/e").glob("seed-*"):
        assert_whole(server, folder)
        assert server.runs[marker(folder)["id"]].values["run"]["seed"] == read_run(folder).card.seed


def test_a_restarted_run_is_another_one(alzbench: Command, write: Write, server: StandIn) -> None:
    file = write("online")
    alzbench("run", file, "--no-sanity")
    first = marker(only_run())["id"]
    time.sleep(1.1)  # runs of the same second count as one
    alzbench("run", file, "--no-sanity", "--force")
    assert len(server.runs) == 2
    assert marker(only_run())["id"] != first
    assert_whole(server, only_run())


def test_a_failed_run_says_so(alzbench: Command, write: Write, server: StandIn) -> None:
    assert alzbench("run", write("online", train={"lr": 1.0}), "--no-sanity").code == 1
    (sent,) = server.runs.values()
    assert (sent.state, sent.summary["state"]) == ("failed", "failed")


def test_the_model_is_sent_when_asked_for(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("online", name="without"), write("online", tracking={"model": True}), "--no-sanity")
    (model,) = [artifact for artifact in server.artifacts.values() if artifact["type"] == "model"]
    assert model["run"] == marker(only_run())["id"]
    assert model["files"] == ["model.keras"]


def test_the_key_is_in_no_file_and_no_output(alzbench: Command, write: Write, server: StandIn, tmp_path: Path) -> None:
    result = alzbench("run", write("online"), "--no-sanity", "--json")
    assert json.loads(result.out)["runs"][0]["state"] == "complete"
    more = alzbench("sync"), alzbench("dashboard")
    assert server.keys == {KEY}  # it was used
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".wandb" for path in files)
    assert any("debug" in path.name for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert all(KEY not in text for one in (result, *more) for text in (one.out, one.err))
