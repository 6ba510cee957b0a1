"""The real W&B client, offline or against a stand-in for its server, with fakes in the place of networks."""

from __future__ import annotations

import functools
import gc
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alzbench.store import read_run
from tests.conftest import ROOT
from tests.sweep.fake import with_fakes
from tests.test_cli import TINY, Command, in_this_process
from tests.tracking.server import StandIn

KEY = "notforanyfile0123456789abcdef0123456789abcdef"
EPOCHS = 4
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder, with no W&B settings and none of this process's client left behind."""
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("DATA_DIR", "CACHE_DIR", "CONFIG_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / "wandb-home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield tmp_path / "work"
    end_client()


def end_client() -> None:
    """Let the client go, as the end of a process does."""
    if "wandb" in sys.modules:
        import wandb
        from wandb.sdk.lib import wbauth

        wandb.teardown()
        wbauth.unauthenticate_session(update_settings=False)
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            gc.collect()  # its temporary folders


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A server, and a key for it."""
    with StandIn() as standin:
        monkeypatch.setenv("WANDB_BASE_URL", standin.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield standin


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a server that does not answer only a little."""
    for name in ("BEGIN_S", "FINISH_S", "READ_S"):
        monkeypatch.setattr(f"alzbench.tracking.client.{name}", 2)
    monkeypatch.setattr("alzbench.tracking.client.CONFIRM_WAITS_S", (0.0, 0.2))


@pytest.fixture
def write(own_folder: Path, image_folder: Path) -> Write:
    """Write an experiment: ``write("offline", name="x", train={"lr": 1e-2})``."""

    def make(mode: str, name: str = "e", **changes: Any) -> Path:
        base = yaml.safe_load(TINY)
        values = {**base, "data": {**base["data"], "source": str(image_folder)}, "tracking": {"wandb": mode}}
        values["train"] = {**base["train"], "epochs": EPOCHS}
        for key, value in changes.items():
            values[key] = {**values.get(key, {}), **value} if isinstance(value, dict) else value
        (own_folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
        return own_folder / f"{name}.yaml"

    return make


@pytest.fixture
def alzbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process, with fakes in the place of networks."""
    with_fakes(monkeypatch)
    return functools.partial(in_this_process, monkeypatch, capsys)


def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own, with fakes in the place of networks."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sweep.fake", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def only_run(experiment: str = "e") -> Path:
    """Return the folder of the one run of an experiment."""
    (found,) = (Path("runs") / experiment).glob("seed-*")
    return found


def marker(folder: Path) -> dict[str, Any]:
    """Return what a run folder says of its mirror."""
    content: dict[str, Any] = json.loads((folder / "wandb.json").read_text())
    return content


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
    tables = " ".join(artifact["name"] for artifact in server.artifacts.values() if artifact["run"] == mirror.name)
    assert all(name in tables for name in ("testpredictions", "testmistakes", "testconfusion_table")), tables
    assert all(artifact["state"] == "COMMITTED" for artifact in server.artifacts.values())
    assert marker(folder)["state"] == "sent"
    assert marker(folder)["finished"] == run.card.finished
