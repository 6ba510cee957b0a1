"""Runs mirrored to a server that is there, and to one that is down, slow, refuses, fails or goes away."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from alzbench.store import read_run
from tests.test_cli import Command
from tests.tracking.conftest import EPOCHS, KEY, Write, marker, only_run, start
from tests.tracking.server import StandIn

pytestmark = pytest.mark.slow


def rows(server: StandIn, id: str) -> list[dict[str, Any]]:
    return [row for row in server.runs[id].history if "epoch" in row]


def assert_whole(server: StandIn, folder: Path) -> None:
    """Check that the server has all of a stored run, once."""
    run, mirror = read_run(folder), server.runs[marker(folder)["id"]]
    assert [row["epoch"] for row in rows(server, mirror.name)] == list(range(1, EPOCHS + 1))
    assert [row["_step"] for row in rows(server, mirror.name)] == list(range(1, EPOCHS + 1))
    assert mirror.summary["test/accuracy"] == run.metrics["test"]["accuracy"]
    assert mirror.summary["state"] == "complete"
    assert mirror.state == "finished"
    kinds = {artifact["name"].split("-", 2)[2] for artifact in server.artifacts.values() if artifact["run"] == mirror.name}
    assert {"testpredictions", "testmistakes", "testconfusion_table"} <= kinds
    assert all(artifact["state"] == "COMMITTED" for artifact in server.artifacts.values())
    assert marker(folder)["state"] == "sent"
    assert marker(folder)["finished"] == run.card.finished


def test_a_run_is_there_whole(alzbench: Command, write: Write, server: StandIn) -> None:
    result = alzbench("run", write("auto"), "--no-sanity")  # the key alone turns it on
    assert result.code == 0
    assert "W&B" not in result.err
    assert_whole(server, only_run())
    (mirror,) = server.runs.values()
    assert (mirror.project, mirror.group, mirror.title, mirror.job_type) == ("alzbench", "e", "e seed 0", "run")
    assert mirror.tags == ["reference", "baseline", "leaky"]
    assert mirror.values["train"]["epochs"] == EPOCHS
    assert mirror.values["run"]["hash"] == read_run(only_run()).card.hash
    assert (mirror.values["label"], mirror.values["protocol_name"]) == ("e (reference)", "reference")
    assert {"figures/confusion", "test/mistakes", "test/predictions"} <= mirror.history[-1].keys()
    assert any(name.startswith("media/images/figures/confusion") for name in mirror.files)
    assert marker(only_run())["url"].startswith(server.url)


def test_epochs_arrive_while_the_run_goes_on(write: Write, server: StandIn) -> None:
    process = start("run", write("online", train={"epochs": 40}), "--no-sanity", FAKE_SECONDS="1")
    try:
        deadline = time.monotonic() + 60
        while not any(run.lines for run in server.runs.values()):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.2)
    finally:
        process.kill()
        process.communicate()


def test_every_seed_is_a_run_of_the_group(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("online"), "--seeds", "0,1")
    by_title = {run.title: run for run in server.runs.values()}
    assert set(by_title) == {
        "e seed 0", "e seed 1", *(f"{name} seed {seed}" for seed in (0, 1) for name in
                                  ("sanity-largest-class", "sanity-grey-logistic", "sanity-shuffled-labels")),
    }  # fmt: skip
    assert {run.group for title, run in by_title.items() if title.startswith("e ")} == {"e"}
    assert by_title["sanity-largest-class seed 0"].job_type == "sanity"
    for folder in Path("runs/e").iterdir():
        assert_whole(server, folder)


def test_folds_are_runs_of_their_own(alzbench: Command, write: Write, server: StandIn) -> None:
    file = write("online", protocol={"name": "subject_cv", "folds": 3}, data={"source": "phantom"})
    alzbench("run", file, "--no-sanity")
    assert sorted(run.title for run in server.runs.values()) == [f"e seed 0 fold {fold}" for fold in range(3)]
    assert {run.group for run in server.runs.values()} == {"e"}
    assert all("leaky" not in run.tags for run in server.runs.values())


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
    processes = [start("run", file, "--no-sanity", "--seeds", seed, FAKE_SECONDS="0.2") for seed in range(3)]
    for process in processes:
        assert process.wait(120) == 0, process.communicate()
    assert sorted(run.title for run in server.runs.values()) == [f"e seed {seed}" for seed in range(3)]
    for folder in Path("runs/e").glob("seed-*"):
        assert_whole(server, folder)
        assert server.runs[marker(folder)["id"]].values["run"]["seed"] == read_run(folder).card.seed


def test_a_run_that_is_made_again_is_another_one(alzbench: Command, write: Write, server: StandIn) -> None:
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
    (mirror,) = server.runs.values()
    assert (mirror.state, mirror.summary["state"]) == ("failed", "failed")


def test_the_model_is_sent_when_asked_for(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("online", name="without"), write("online", tracking={"model": True}), "--no-sanity")
    (model,) = [artifact for artifact in server.artifacts.values() if artifact["type"] == "model"]
    assert model["run"] == marker(only_run())["id"]
    assert model["files"] == ["model.keras"]


FAILURES: dict[str, Any] = {
    "down": None,
    "slow": lambda _path, _body: 0,
    "401": lambda _path, _body: 401,
    "403": lambda _path, _body: 403,
    "500": lambda _path, _body: 500,
    "cut": lambda _path, _body: -1,
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", FAILURES)
def test_no_run_notices_that_the_server_fails(
    alzbench: Command, write: Write, server: StandIn, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alzbench("run", write("disabled", name="plain"), "--no-sanity", "--seeds", "0,1")
    url = server.url
    if FAILURES[kind] is None:
        server.close()
    else:
        server.fails = FAILURES[kind]
    start_s = time.monotonic()
    result = alzbench("run", write("online"), "--no-sanity", "--seeds", "0,1", "--quiet")
    assert time.monotonic() - start_s < 20
    assert result.code == 0
    assert result.err.count("W&B: ") == 1  # said once, even where nothing else is
    assert "`alzbench sync`" in result.err
    assert_same_metrics("plain", "e")
    assert not server.runs
    # and it can be repaired
    if FAILURES[kind] is None:
        with StandIn() as repaired:
            monkeypatch.setenv("WANDB_BASE_URL", repaired.url)
            assert repaired.url != url
            assert_synced(alzbench, repaired)
    else:
        server.fails = lambda _path, _body: None
        assert_synced(alzbench, server)


def assert_same_metrics(first: str, second: str) -> None:
    """Check that tracking changed no figure."""

    def of(name: str) -> list[Any]:
        files = sorted(Path(f"runs/{name}").glob("seed-*/metrics.json"))
        found = [json.loads(file.read_text()) for file in files]
        return [{key: value for key, value in metrics.items() if key != "duration_s"} for metrics in found]

    assert of(first) == of(second)
    assert of(first)


def assert_synced(alzbench: Command, server: StandIn) -> None:
    """Check that sync sends what is missing, and nothing twice."""
    result = alzbench("sync", "e")
    assert result.code == 0, result
    assert result.out == "2 runs sent, 0 were there already, 0 failed.\n"
    for folder in Path("runs/e").glob("seed-*"):
        assert_whole(server, folder)
    server.requests.clear()
    assert alzbench("sync", "e").out == "0 runs sent, 2 were there already, 0 failed.\n"
    assert server.requests == []
    assert len(server.runs) == 2


def _after(epochs: int, server: StandIn, status: int, path: str = "") -> Any:
    """Fail with a status once a run has some epochs."""

    def fails(asked: str, _body: bytes) -> int | None:
        begun = any(len(run.lines) >= epochs for run in server.runs.values())
        return status if begun and path in asked else None

    return fails


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [-1, 0, 401, 500])
@pytest.mark.parametrize("path", ["", "file_stream"])
def test_a_server_that_goes_away_in_the_middle_costs_nothing(
    alzbench: Command, write: Write, server: StandIn, monkeypatch: pytest.MonkeyPatch, status: int, path: str
) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "0.3")
    alzbench("run", write("disabled", name="plain"), "--no-sanity")
    server.fails = _after(1, server, status, path)
    result = alzbench("run", write("online"), "--no-sanity")
    assert result.code == 0
    assert result.err.count("W&B: ") == 1
    assert_same_metrics("plain", "e")
    assert marker(only_run())["state"] == "failed"
    (mirror,) = server.runs.values()
    assert 1 <= len(mirror.lines) < EPOCHS + 1
    server.fails = lambda _path, _body: None
    assert alzbench("sync", "e").out == "1 runs sent, 0 were there already, 0 failed.\n"
    assert len(server.runs) == 1
    assert_whole(server, only_run())


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
