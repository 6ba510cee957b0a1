"""Runs that were sent to W&B: commands in other processes, and the runs' content in their folders and on the server."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alzbench.store import read_run
from tests.helpers.paths import ROOT
from tests.helpers.wandb_server import StandIn

KEY = "notforanyfile0123456789abcdef0123456789abcdef"
EPOCHS = 4
Write = Callable[..., Path]


def end_client() -> None:
    """Shut the client down, as the end of a process does."""
    if "wandb" in sys.modules:
        import wandb
        from wandb.sdk.lib import wbauth

        wandb.teardown()
        wbauth.unauthenticate_session(update_settings=False)
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            gc.collect()  # its temporary folders


def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own, with fakes for networks."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.fake_network", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def only_run(experiment: str = "e") -> Path:
    """Return the folder of the one run of an experiment."""
    (folder,) = (Path("runs") / experiment).glob("seed-*")
    return folder


def marker(folder: Path) -> dict[str, Any]:
    """Return the wandb.json of a run folder."""
    content: dict[str, Any] = json.loads((folder / "wandb.json").read_text())
    return content


def rows(server: StandIn, id: str) -> list[dict[str, Any]]:
    """Return the epochs of a run that the server has."""
    return [row for row in server.runs[id].history if "epoch" in row]


def assert_whole(server: StandIn, folder: Path) -> None:
    """Check that the server has all of a stored run, once."""
    run, sent = read_run(folder), server.runs[marker(folder)["id"]]
    assert [row["epoch"] for row in rows(server, sent.name)] == list(range(1, EPOCHS + 1))
    assert [row["_step"] for row in rows(server, sent.name)] == list(range(1, EPOCHS + 1))
    assert sent.summary["test/accuracy"] == run.evaluation().images.scores["accuracy"]
    assert sent.summary["state"] == "complete"
    assert sent.state == "finished"
    tables = " ".join(artifact["name"] for artifact in server.artifacts.values() if artifact["run"] == sent.name)
    assert all(name in tables for name in ("testpredictions", "testerrors", "testconfusion_table")), tables
    assert all(artifact["state"] == "COMMITTED" for artifact in server.artifacts.values())
    assert marker(folder)["state"] == "sent"
    assert marker(folder)["finished"] == run.card.finished
