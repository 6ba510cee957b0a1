"""Stored runs sent later: offline runs, runs that were never tracked, trials, and imported predictions."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import filelock
import pytest

from tests.helpers.command import Command
from tests.helpers.explanations import write_explanation
from tests.helpers.predictions import draw_predictions
from tests.helpers.wandb_runs import EPOCHS, KEY, Write, assert_whole, end_client, marker, only_run
from tests.helpers.wandb_server import StandIn

pytestmark = pytest.mark.slow


def test_offline_and_untracked_runs_are_sent_once(
    alzbench: Command, write: Write, server: StandIn, tmp_path: Path
) -> None:
    for name, mode in (("e", "offline"), ("untracked", "auto"), ("private", "disabled")):
        with pytest.MonkeyPatch.context() as patched:
            patched.delenv("WANDB_API_KEY")
            alzbench("run", write(mode, name=name), "--no-sanity")
    draw_predictions(tmp_path, seed=0, right=0.7)
    alzbench("import", tmp_path / "predictions.csv", "--name", "notebook", "--classes", "A,B")
    assert server.requests == []
    result = alzbench("sync", "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert (report["sent"], report["present"], report["failed"]) == (3, 0, 0)
    assert sorted(run.title for run in server.runs.values()) == ["e seed 0", "notebook seed 0", "untracked seed 0"]
    for name in ("e", "untracked"):
        assert_whole(server, only_run(name))
    (notebook,) = (run for run in server.runs.values() if run.group == "notebook")
    assert {"test/accuracy", "test/accuracy_low"} <= notebook.summary.keys()
    server.requests.clear()
    assert json.loads(alzbench("sync", "--json").out)["present"] == 3
    assert server.requests == []
    assert alzbench("sync", "private").out.startswith("1 sent,")  # named, so it is meant


def test_maps_that_are_made_later_are_sent_once_into_the_same_run(
    alzbench: Command, write: Write, server: StandIn
) -> None:
    alzbench("run", write("online"), "--no-sanity")
    folder = only_run()
    before = marker(folder)
    sent = server.runs[before["id"]]
    assert not [key for key in sent.history[-1] if key.startswith("explain/")]
    write_explanation(folder)
    assert json.loads(alzbench("sync", "--json").out)["sent"] == 1
    assert {"explain/attention", "explain/grad_cam", "test/errors"} <= sent.history[-1].keys()
    assert any(name.startswith("media/images/explain/grad_cam") for name in sent.files)
    assert (len(server.runs), marker(folder)["id"], sent.state) == (1, before["id"], "finished")
    assert [row["epoch"] for row in sent.history if "epoch" in row] == list(range(1, EPOCHS + 1))
    server.requests.clear()
    assert json.loads(alzbench("sync", "--json").out)["present"] == 1
    assert server.requests == []
    write_explanation(folder, checks=[])  # another one
    assert json.loads(alzbench("sync", "--json").out)["sent"] == 1


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("predictions.csv", "image\n", "predictions.csv"),
        ("figures/confusion.png", "no picture", "confusion.png"),
        ("history.csv", "x,y\n1,2\n", "'epoch'"),
        ("experiment.yaml", "a: [", "experiment.yaml is damaged"),
        ("wandb.json", '{"id": "a/b c", "project": "alzbench"}', "Run ID"),
        ("explain/explanation.json", "{", "explanation.json is damaged"),
    ],
    ids=["predictions", "figure", "history", "experiment", "id", "explanation"],
)
def test_a_damaged_run_keeps_no_other_from_being_sent(
    alzbench: Command, write: Write, server: StandIn, file: str, content: str, message: str
) -> None:
    for name in ("damaged", "e"):
        alzbench("run", write("disabled", name=name), "--no-sanity")
    (only_run("damaged") / file).parent.mkdir(exist_ok=True)
    (only_run("damaged") / file).write_text(content)
    result = alzbench("sync", "damaged", "e")
    assert (result.code, result.out) == (1, "1 sent, 0 already sent, 1 failed.\n")
    assert message in result.err
    assert "Traceback" not in result.err
    assert_whole(server, only_run())
    assert {run.state for run in server.runs.values()} <= {"finished", "failed"}


@pytest.mark.parametrize(("file", "content"), [("experiment.yaml", ""), ("wandb.json", '{"id": 5, "project": 7}')])
def test_a_run_without_experiment_or_marker_is_sent(
    alzbench: Command, write: Write, server: StandIn, file: str, content: str
) -> None:
    alzbench("run", write("disabled"), "--no-sanity")
    (only_run() / file).write_text(content)
    assert alzbench("sync", "e").out.startswith("1 sent,")
    assert_whole(server, only_run())


def test_a_run_that_is_restarted_untracked_is_another_one(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("online"), "--no-sanity")
    first = marker(only_run())["id"]
    time.sleep(1.1)  # runs of the same second count as one
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("WANDB_API_KEY")
        alzbench("run", write("auto"), "--no-sanity", "--force")
    assert not (only_run() / "wandb.json").exists()
    assert alzbench("sync").out.startswith("1 sent,")
    assert marker(only_run())["id"] != first
    assert len(server.runs) == 2
    assert_whole(server, only_run())


def test_a_project_that_the_server_refused_is_not_tried_again(alzbench: Command, write: Write, server: StandIn) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WANDB_PROJECT", "my proj/ect")
        result = alzbench("run", write("online"), "--no-sanity")
    assert result.code == 0
    assert result.err.count("W&B: tracking failed") == 1
    end_client()
    assert alzbench("sync").out.startswith("1 sent,")
    assert [run.project for run in server.runs.values()] == ["alzbench"]


def test_a_run_that_another_process_sends_is_not_sent_twice(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("disabled"), "--no-sanity")
    with filelock.FileLock(only_run() / ".wandb.lock"):
        result = alzbench("sync", "e")
    assert (result.code, server.runs) == (1, {})
    assert "another process is sending" in result.err
    assert alzbench("sync", "e").out.startswith("1 sent,")


def test_a_lost_marker_sends_no_second_run(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("online"), "--no-sanity")
    (only_run() / "wandb.json").unlink()
    shutil.rmtree(only_run() / "wandb")
    assert alzbench("sync").out.startswith("1 sent,")
    assert len(server.runs) == 1
    assert_whole(server, only_run())


def test_runs_can_be_sent_to_another_project(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("offline"), "--no-sanity")
    alzbench("sync", "--project", "other")
    assert [run.project for run in server.runs.values()] == ["other"]
    assert marker(only_run())["project"] == "other"


def test_without_a_key_nothing_is_sent_and_the_error_says_so(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("offline"), "--no-sanity")
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("WANDB_API_KEY")
        result = alzbench("sync")
    assert (result.code, result.out) == (1, "")
    assert result.err == "error: Sending runs to W&B needs an API key: run `wandb login` or set WANDB_API_KEY.\n"
    assert server.requests == []


def write_sweep(write: Write, mode: str) -> None:
    """Write a sweep of three trials."""
    write(mode, name="base")
    sweep = {
        "base": "base.yaml",
        "name": "s",
        "objective": "accuracy",
        "trials": 3,
        "sampler": {"name": "random"},
        "space": {"train.lr": {"choices": [1e-4, 1e-3, 2e-3]}},
        "final": {"seeds": []},
    }
    Path("s.yaml").write_text(json.dumps(sweep))


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_the_summary_of_a_sweep_is_sent_later_with_its_trials(
    alzbench: Command, write: Write, server: StandIn, mode: str
) -> None:
    write_sweep(write, mode)
    assert alzbench("sweep", "s.yaml").code == 0
    assert not server.requests
    sent = json.loads(alzbench("sync", "--json").out)
    if mode == "disabled":
        assert sent["runs"] == []
        assert not list(Path("runs").rglob("summary.json"))
        return
    trials = [run for run in server.runs.values() if run.job_type == "trial"]
    (sweep,) = [run for run in server.runs.values() if run.job_type == "sweep"]
    assert sent["sent"] == len(trials) + 1
    assert (sweep.title, sweep.group, sweep.state) == ("s sweep", "s", "finished")
    assert [name for name in sweep.history[-1] if name.startswith("sweep/")]
    assert sweep.summary["best"] == {"trial": 2, "settings": {"train.lr": 1e-3}}
    assert (list(sweep.summary["best_values"]), sweep.summary["by"]) == (["accuracy"], "slice")
    server.requests.clear()
    assert json.loads(alzbench("sync", "--json").out)["present"] == len(trials) + 1
    assert server.requests == []


def test_a_damaged_summary_keeps_no_run_from_being_sent(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("disabled"), "--no-sanity")
    for name, content in (("a", "{"), ("b", '{"base": null, "values": {}, "captions": {}, "finished": ""}')):
        (Path("runs") / name / "summary").mkdir(parents=True)
        (Path("runs") / name / "summary" / "summary.json").write_text(content)
    result = alzbench("sync", "e")
    assert (result.code, result.out) == (0, "1 sent, 0 already sent, 0 failed.\n")
    assert result.err.count("warning: left out: runs/") == 2
    assert_whole(server, only_run())


def test_a_run_that_is_restarted_while_it_is_sent_is_another_one(
    alzbench: Command, write: Write, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    alzbench("run", write("disabled"), "--no-sanity")

    def restart(*_: object) -> None:
        (only_run() / "wandb.json").unlink()  # as `RunStore.begin` does

    monkeypatch.setattr("alzbench.tracking.tracked_run.confirm", restart)
    assert alzbench("sync", "e").out.startswith("1 sent,")
    assert not (only_run() / "wandb.json").exists()
    assert server.runs


def test_a_server_that_refuses_everything_is_not_asked_for_every_run(
    alzbench: Command, write: Write, server: StandIn
) -> None:
    alzbench("run", write("disabled"), "--no-sanity", "--seeds", "0,1,2,3")
    server.fails = lambda _path, body: 403 if b"mutation UpsertBucket" in body else None
    result = alzbench("sync", "e")
    assert (result.code, result.out) == (1, "")
    assert result.err.count("not sent completely") == 1


def test_every_trial_of_a_sweep_is_a_run_of_its_group(alzbench: Command, write: Write, server: StandIn) -> None:
    write_sweep(write, "online")
    result = alzbench("sweep", "s.yaml")
    assert result.code == 0, result.err
    assert "W&B" not in result.err
    by_title = {run.title: run for run in server.runs.values() if run.group == "s"}
    assert set(by_title) == {*(f"s trial {k} seed 0" for k in range(3)), "s sweep"}
    for k in range(3):
        trial = by_title[f"s trial {k} seed 0"]
        assert (trial.job_type, trial.tags[-1], trial.values["run"]["trial"]) == ("trial", "trial", k)
        assert trial.summary["state"] == "complete"
        assert not [name for name in trial.summary if name.startswith("test")]  # no trial has read it
    sweep = by_title["s sweep"]
    assert any(name.startswith("sweep/") for name in sweep.history[-1])
    assert sweep.values["base"]["name"] == "base"
    assert KEY not in json.dumps(sweep.values)
