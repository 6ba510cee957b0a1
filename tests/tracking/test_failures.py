"""Runs tracked by a server that is down, slow, refuses, fails or goes away; and sent later."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from alzbench.runner import EpochStored
from alzbench.runner.listeners import Listeners
from alzbench.store import read_run
from tests.helpers.command import Command
from tests.helpers.wandb_runs import Write, assert_whole, end_client, marker, only_run, rows, start
from tests.helpers.wandb_server import StandIn

pytestmark = [
    pytest.mark.slow,
    # the client's threads, when it is let go while its server fails
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


# status of every response; None: the server is gone, 0: no response
FAILURES = {"down": None, "slow": 0, "401": 401, "500": 500}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", FAILURES.values(), ids=FAILURES)
def test_no_run_notices_that_the_server_fails(
    alzbench: Command, write: Write, server: StandIn, status: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    alzbench("run", write("disabled", name="plain"), "--no-sanity", "--seeds", "0,1")
    server.fails = lambda _path, _body: status
    if status is None:
        server.close()
    result = alzbench("run", write("online"), "--no-sanity", "--seeds", "0,1", "--quiet")
    assert result.code == 0
    assert result.err.count("W&B: ") == 1  # reported once, even if quiet
    assert "`alzbench sync`" in result.err
    assert_same_metrics("plain", "e")
    assert not server.runs
    with contextlib.nullcontext(server) if status is not None else StandIn() as repaired:
        repaired.fails = lambda _path, _body: None
        monkeypatch.setenv("WANDB_BASE_URL", repaired.url)
        end_client()
        assert_synced(alzbench, repaired)


def assert_same_metrics(first: str, second: str) -> None:
    """Check that tracking changed no score."""

    def metrics(name: str) -> list[Any]:
        files = sorted(Path(f"runs/{name}").glob("seed-*/metrics.json"))
        contents = [json.loads(file.read_text()) for file in files]
        return [{key: value for key, value in content.items() if key != "duration_s"} for content in contents]

    assert metrics(first) == metrics(second)
    assert metrics(first)


def assert_synced(alzbench: Command, server: StandIn) -> None:
    """Check that sync sends the missing runs, and nothing twice."""
    folders = list(Path("runs/e").glob("seed-*"))
    result = alzbench("sync", "e")
    assert result.code == 0, result
    assert result.out == f"{len(folders)} sent, 0 already sent, 0 failed.\n"
    for folder in folders:
        assert_whole(server, folder)
    server.requests.clear()
    assert alzbench("sync", "e").out == f"0 sent, {len(folders)} already sent, 0 failed.\n"
    assert server.requests == []
    assert len(server.runs) == len(folders)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("status", "path"),
    [(500, ""), (0, "file_stream"), (-1, "file_stream"), (401, "file_stream"), (500, "file_stream")],
    ids=["altogether", "slow", "cut", "401", "500"],
)
def test_a_server_that_goes_away_in_the_middle_costs_nothing(
    alzbench: Command, write: Write, server: StandIn, status: int, path: str
) -> None:
    alzbench("run", write("disabled", name="plain"), "--no-sanity")
    server.fails = lambda asked, _body: status if server.runs and path in asked else None
    result = alzbench("run", write("online"), "--no-sanity")
    assert result.code == 0
    assert result.err.count("W&B: ") == 1
    assert_same_metrics("plain", "e")
    assert marker(only_run())["state"] == "failed"
    (sent,) = server.runs.values()
    assert not sent.lines
    server.fails = lambda _path, _body: None
    end_client()
    assert_synced(alzbench, server)


@pytest.mark.parametrize("broken", ["content.epoch", "media", "content.summary"])
def test_a_fault_in_tracking_costs_no_run(
    alzbench: Command, write: Write, server: StandIn, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alzbench("run", write("disabled", name="plain"), "--no-sanity", "--seeds", "0,1")
    with monkeypatch.context() as patched:
        patched.setattr(f"alzbench.tracking.tracked_run.{broken}", lambda *_: {}["no such key"])
        result = alzbench("run", write("online"), "--no-sanity", "--seeds", "0,1")
    assert result.code == 0
    assert result.err.count("W&B: tracking failed") == 1
    assert "KeyError: 'no such key'" in result.err
    assert_same_metrics("plain", "e")
    (sent,) = server.runs.values()
    assert sent.state == "failed"  # and not running for ever
    assert_synced(alzbench, server)


def test_a_fault_in_tracking_hides_no_failure_of_a_run(
    alzbench: Command, write: Write, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alzbench.tracking.tracked_run.content.epoch", lambda *_: {}["no such key"])
    result = alzbench("run", write("online", train={"lr": 1.0}), "--no-sanity")
    assert result.code == 1
    assert "the learning rate is too high" in read_run(only_run()).card.error
    assert read_run(only_run()).card.state == "failed"
    assert [run.state for run in server.runs.values()] == ["failed"]


def test_data_that_arrived_before_the_server_went_away_are_not_sent_again(
    alzbench: Command, write: Write, server: StandIn
) -> None:
    file = write("online", train={"epochs": 25})
    process = start("run", file, "--no-sanity", FAKE_SECONDS="1")
    try:
        while not any(run.lines for run in server.runs.values()):  # the client sends every 15 seconds
            assert process.poll() is None
            time.sleep(0.1)
        (sent,) = server.runs.values()
        server.fails = lambda _path, _body: 401  # the key was taken back
        arrived = len(sent.lines)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert 1 <= arrived == len(sent.lines) < 25
    assert err.count("W&B: ") == 1, err
    server.fails = lambda _path, _body: None
    assert alzbench("sync").out == "1 sent, 0 already sent, 0 failed.\n"
    assert [row["epoch"] for row in rows(server, sent.name)] == list(range(1, 26))
    assert sent.summary["state"] == "complete"


def test_missing_rows_are_reported_once(
    alzbench: Command, write: Write, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alzbench.tracking.client.CONFIRM_WAITS_S", (0.0, 0.2))
    server.shows_no_rows = True
    result = alzbench("run", write("online"), "--no-sanity", "--seeds", "0,1")
    assert result.code == 0
    assert result.err.count("W&B: the server shows 0 of 5 rows") == 1
    server.shows_no_rows = False
    assert_synced(alzbench, server)


@pytest.mark.usefixtures("impatient")
def test_a_stopped_command_says_that_it_waits_for_the_server(
    alzbench: Command, write: Write, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_estimator: object, _writer: object, listeners: Listeners) -> None:
        listeners.epoch_stored(EpochStored([{"epoch": 1, "loss": 1.0}]))
        while not server.runs:
            time.sleep(0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr("alzbench.tracking.follow.LONG_S", 0.2)
    monkeypatch.setattr("alzbench.runner.recipe.train", stopped)
    server.fails = lambda asked, _body: 0 if server.runs and "file_stream" in asked else None
    result = alzbench("run", write("online"), "--no-sanity")
    assert result.code == 4
    assert result.err.count("W&B: waiting for the server; press Ctrl-C again to stop waiting. No run is lost.") == 1
