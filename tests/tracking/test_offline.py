"""Runs tracked offline, read back with the client's own reader; and runs that are not tracked at all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from alzbench.evaluation.scores import scores_of_run
from alzbench.store import read_run
from tests.helpers.command import Command
from tests.helpers.wandb_runs import EPOCHS, Write, marker, only_run, start
from tests.helpers.wandb_server import StandIn

pytestmark = pytest.mark.slow


def inspect(folder: Path, *options: str) -> str:
    """Return what the client's reader prints of the one offline run in a folder."""
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    return subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", *options, "--json", str(file)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in inspect(folder).splitlines() if line]


def history(folder: Path) -> list[dict[str, Any]]:
    return [record["history"]["item"] for record in records(folder) if record["type"] == "history"]


@pytest.fixture
def folder(alzbench: Command, write: Write) -> Path:
    """The folder of a run that was tracked offline."""
    result = alzbench("run", write("offline"), "--no-sanity")
    assert (result.code, "W&B" in result.err) == (0, False)
    return only_run()


def test_the_file_holds_config_history_summary_and_media(folder: Path) -> None:
    run, summary = read_run(folder), json.loads(inspect(folder, "--summary"))
    assert (summary["name"], summary["project"], summary["exit_code"]) == ("e seed 0", "alzbench", 0)
    assert summary["tags"] == ["reference", "baseline", "leaks unknown"]
    (record_of_run,) = [record["run"] for record in records(folder) if record["type"] == "run"]
    assert (record_of_run["run_group"], record_of_run["job_type"]) == ("e", "run")
    assert summary["config"]["train"]["lr"] == 1e-3  # every default written out
    assert summary["config"]["run"] == {
        name: getattr(run.card, name)
        for name in ("seed", "fold", "trial", "hash", "settings_hash", "data", "test", "leaks")
    }
    *epochs, last = history(folder)
    assert [(row["epoch"], row["_step"]) for row in epochs] == [(k, k) for k in range(1, EPOCHS + 1)]
    table = run.table("history.csv")
    assert [row["validation/loss"] for row in epochs] == table["val_loss"].tolist()
    assert {"figures/confusion._type", "test/predictions._type", "test/errors._type"} <= last.keys()
    plots = {name.partition(".")[2] for record in records(folder) if record["type"] == "config"
             for name in record["config"]["update"]}  # fmt: skip
    assert {"visualize.test/confusion", "visualize.test/pr", "visualize.test/roc"} <= plots


def test_the_summary_holds_scores_with_intervals_and_leakage(folder: Path) -> None:
    run = read_run(folder)
    summary: dict[str, Any] = {}
    for record in records(folder):
        if record["type"] == "summary":
            summary |= record["summary"]["update"]
    metrics = run.metrics()
    assert metrics.test is not None
    assert metrics.leakage is not None
    assert summary["test/accuracy"] == pytest.approx(metrics.test.scores["accuracy"])
    assert summary["test/f1/MildDemented"] == pytest.approx(metrics.test.per_class["MildDemented"]["f1"])
    scores = scores_of_run(run.card.seed, run.evaluation(), run.counts())
    assert summary["test/intervals_over"] == f"{scores.by}s"
    named = {**scores.overall, **{f"f1/{name}": score for name, score in scores.by_class["f1"].items()}}
    intervals = {name: score.interval for name, score in named.items() if score.interval is not None}
    assert "accuracy" in intervals
    for name, interval in intervals.items():
        assert summary[f"test/{name}_low"] == pytest.approx(interval.low)
        assert summary[f"test/{name}_high"] == pytest.approx(interval.high)
    assert summary["leakage/same_subject"] == metrics.leakage.same_subject
    assert summary["state"] == "complete"


def test_the_most_confident_errors_have_their_pictures(folder: Path) -> None:
    (file,) = folder.glob("wandb/offline-run-*/files/media/table/test/errors*.json")
    table = json.loads(file.read_text())
    columns = {name: k for k, name in enumerate(table["columns"])}
    wrong = read_run(folder).predictions().query("label != predicted")
    assert sorted(row[columns["image"]] for row in table["data"]) == sorted(wrong["image"])
    confidence = [row[columns["confidence"]] for row in table["data"]]
    assert confidence == sorted(confidence, reverse=True)
    (pictures,) = (
        [entry["path"] for entry in record["artifact"]["manifest"]["contents"] if entry["path"].endswith(".png")]
        for record in records(folder)
        if record["type"] == "artifact" and "errors" in record["artifact"]["name"]
    )
    assert len(pictures) == len(wrong)
    assert "heat map" not in columns  # this run has none


def test_a_killed_run_leaves_one_whole_file(alzbench: Command, write: Write) -> None:
    file = write("offline")
    process = start("run", file, "--no-sanity", FAKE_SECONDS="1")
    while not list(Path("runs").glob("*/*/checkpoint-fake.npz")):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.communicate()
    before = marker(only_run())["id"]
    assert alzbench("run", file, "--no-sanity").code == 0
    assert [row["epoch"] for row in history(only_run())[:-1]] == list(range(1, EPOCHS + 1))
    assert (marker(only_run())["id"], marker(only_run())["state"]) == (before, "offline")


def test_offline_and_disabled_send_nothing(alzbench: Command, write: Write, server: StandIn) -> None:
    for mode in ("offline", "disabled"):
        alzbench("run", write(mode, name=mode), "--no-sanity")
    assert server.requests == []
    assert (only_run("offline") / "wandb").is_dir()
    assert not (only_run("disabled") / "wandb").exists()
    assert not (only_run("disabled") / "wandb.json").exists()


def test_without_a_key_one_line_says_how_to_turn_it_on(alzbench: Command, write: Write) -> None:
    result = alzbench("run", write("auto"), "--no-sanity", "--seeds", "0,1")
    assert result.code == 0
    assert (
        result.err.count("W&B: not used, because no API key is configured. Run `wandb login` or set WANDB_API_KEY") == 1
    )
    assert not list(Path("runs").rglob("wandb*"))


def test_online_without_a_key_fails_no_run_and_asks_nobody(alzbench: Command, write: Write) -> None:
    result = alzbench("run", write("online"), "--no-sanity")
    assert result.code == 0
    assert result.err.count("W&B: tracking failed") == 1
    assert "API key" in result.err
