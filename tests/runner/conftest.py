"""A cache and a folder that the trainings of a file share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def shared_cache(own_environment: Path, shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use the cache that the trainings of this file share."""
    del own_environment  # only its order matters: this comes after it
    monkeypatch.setenv("ALZBENCH_CACHE", str(shared_folder / "cache"))
    return shared_folder / "cache"
