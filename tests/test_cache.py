"""The cache folder and its free space."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from alzbench.cache import GIB, cache_folder, require_space
from alzbench.errors import RunError

Usage = namedtuple("Usage", "total used free")


def test_the_named_folder_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder().name.startswith("cache")
    monkeypatch.delenv("ALZBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "alzbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "alzbench"


def test_too_little_space_is_refused_with_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9 * GIB, 8 * GIB, GIB))
    require_space(tmp_path / "not" / "yet", GIB, "10 maps")
    with pytest.raises(RunError, match=r"10 maps need 2.5 GiB of disk, but .* has 1.0 GiB free"):
        require_space(tmp_path / "not" / "yet", 5 * GIB // 2, "10 maps")
    with pytest.raises(RunError):
        require_space(tmp_path, GIB + 1, "10 maps")


def test_the_disk_is_that_of_the_nearest_existing_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured: list[Path] = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: measured.append(path) or Usage(GIB, 0, GIB))
    require_space(tmp_path / "not" / "yet", GIB, "maps")
    require_space(tmp_path, GIB, "maps")
    assert measured == [tmp_path, tmp_path]


def test_the_real_disk_is_measured(tmp_path: Path) -> None:
    require_space(tmp_path, 1, "maps")
    with pytest.raises(RunError, match=r"Set ALZBENCH_CACHE to a folder on a larger disk, or lower augment\.views"):
        require_space(tmp_path, 2**70, "maps")


def test_a_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ALZBENCH_CACHE", "~/large")
    assert cache_folder() == tmp_path / "large"
