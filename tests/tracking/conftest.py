"""Fixtures for the real W&B client, offline or with a stand-in for its server, and with fakes for networks."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.command import TINY, Command, in_this_process
from tests.helpers.fake_network import with_fakes
from tests.helpers.wandb_runs import EPOCHS, KEY, Write, end_client
from tests.helpers.wandb_server import StandIn


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder, with no W&B settings and none of this process's client left behind."""
    # the client leaves temporary folders to the garbage collection, which comes at any time
    warnings.filterwarnings("ignore", "Implicitly cleaning up", ResourceWarning)
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


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A server, and a key for it."""
    with StandIn() as standin:
        monkeypatch.setenv("WANDB_BASE_URL", standin.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield standin


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait only briefly for a server that does not respond."""
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
