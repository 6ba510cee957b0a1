"""A cache of the phantom set that several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phantom-cache")


@pytest.fixture
def shared_cache(own_environment: Path, shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw and decode the phantom set, and compute its signatures, only once for the tests of a module."""
    del own_environment  # required so that this fixture overrides it
    monkeypatch.setenv("ALZBENCH_CACHE", str(shared_folder))
