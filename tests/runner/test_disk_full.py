"""A disk that fills up: one sentence, nothing half-written, and the same command works once there is space.

The disk is a small file system in memory, which only root may mount. Where that is refused its tests are skipped; the
limit on the size of a file, which every user may lower, is tested everywhere.
"""

from __future__ import annotations

import functools
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alzbench.store import RunStore
from tests.helpers.command import TINY, Command, Result, in_this_process

FULL = "The disk is full"


@pytest.fixture
def alzbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, image_folder: Path
) -> Command:
    """Run the small experiment with further options."""
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY)
    return functools.partial(in_this_process, monkeypatch, capsys, "run", "--no-sanity", file, "--data", image_folder)


class Disk:
    """A small file system in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, *options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")

    def grow(self) -> None:
        self.mount("remount", "size=64m")


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    """A disk of the size that the test is parametrized with."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = Disk(folder)
    disk.mount(f"size={request.param}")
    yield disk
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def assert_ended_well(result: Result, text: str, *folders: Path) -> None:
    """Check that a command failed with one sentence about its run, and left nothing half-written."""
    assert result.code == 1
    assert result.out == ""
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert text in errors[0]
    assert errors[1:] in ([], ["error: 1 of 1 runs failed; the same command repeats only these."])
    assert "Traceback" not in result.err
    for path in (path for folder in folders for path in folder.rglob("*")):
        assert not path.name.startswith(".tmp-")
        if path.suffix in (".npy", ".npz"):
            np.load(path, allow_pickle=False)


@pytest.mark.parametrize("disk", ["32k"], indirect=True)
def test_the_cache_fills_up_with_pixels(
    alzbench: Command, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALZBENCH_CACHE", str(disk.folder))
    assert_ended_well(alzbench("--runs", tmp_path / "runs"), FULL, disk.folder)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("disk", ["1100k"], indirect=True)
def test_the_cache_has_no_room_for_feature_maps(
    alzbench: Command, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALZBENCH_CACHE", str(disk.folder))
    result = alzbench("--runs", tmp_path / "runs")
    assert_ended_well(result, "92 feature maps need", disk.folder)
    assert "ALZBENCH_CACHE to a folder on a larger disk" in result.err
    (run,) = RunStore(tmp_path / "runs").runs()
    assert run.card.state == "failed"
    disk.grow()
    assert alzbench("--runs", tmp_path / "runs").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("disk", ["8k", "100k", "1m"], indirect=True, ids=["card", "checkpoint", "model"])
def test_the_disk_of_the_runs_fills_up(alzbench: Command, disk: Disk, shared_cache: Path) -> None:
    del shared_cache  # it lies on the large disk
    assert_ended_well(alzbench("--runs", disk.folder), FULL, disk.folder)
    assert not [run for run in RunStore(disk.folder).runs() if run.card.state == "complete"]
    disk.grow()
    assert alzbench("--runs", disk.folder).code == 0
    assert [run.card.state for run in RunStore(disk.folder).runs()] == ["complete"]


@pytest.fixture
def file_size_limit() -> Iterator[None]:
    """No file may become larger than 100 KiB: the checkpoint would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_a_full_disk(
    alzbench: Command, shared_cache: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    del shared_cache  # it lies on the large disk
    root = tmp_path / "runs"
    with_room = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert alzbench("--runs", tmp_path / "warm").code == 0  # what is compiled and cached elsewhere is there
    request.getfixturevalue("file_size_limit")
    assert_ended_well(alzbench("--runs", root), FULL, root)
    (run,) = RunStore(root).runs()
    assert (run.card.state, run.card.error[:16]) == ("failed", FULL)
    resource.setrlimit(resource.RLIMIT_FSIZE, with_room)
    assert alzbench("--runs", root).code == 0
    assert RunStore(root).runs()[0].card.state == "complete"
