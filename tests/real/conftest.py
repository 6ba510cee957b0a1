"""The real images and weights, from --real-data, ALZBENCH_REAL_DATA, or the folder `shared` beside the repository.

The folder holds data/alzheimer_4class_original.zip, weights/mobilenet_v2_1.0_224_imagenet_no_top.weights.h5 and
tools/make_kaggle_standin.py. None of it is in the repository; without it these tests are skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from alzbench.experiment import load_experiment
from alzbench.store import Run
from tests.helpers.paths import EXPERIMENTS
from tests.helpers.running import run_one

BESIDE = Path(__file__).parents[3] / "shared"


@pytest.fixture(scope="session")
def real_folder(request: pytest.FixtureRequest) -> Path:
    """The folder of the real images, weights and tools."""
    named = request.config.getoption("--real-data") or os.environ.get("ALZBENCH_REAL_DATA")
    folder = Path(named) if named else BESIDE
    if not (folder / "data" / "alzheimer_4class_original.zip").is_file():
        pytest.skip(f"the real images are not in {folder}: name their folder with --real-data or ALZBENCH_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def weights(real_folder: Path) -> Path:
    """The real ImageNet weights."""
    return real_folder / "weights" / "mobilenet_v2_1.0_224_imagenet_no_top.weights.h5"


@pytest.fixture(scope="session")
def shared_by_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test run that its processes share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "real"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def real_set(real_folder: Path, shared_by_all: Path) -> Path:
    """The originals and a twentieth of the augmented images, laid out as the Kaggle set."""
    out, unfinished = shared_by_all / "set", shared_by_all / "unfinished"
    tool = real_folder / "tools" / "make_kaggle_standin.py"
    with filelock.FileLock(shared_by_all / "set.lock"):
        if not out.exists():
            subprocess.run([sys.executable, str(tool), str(unfinished), "--scale", "0.05"], check=True, timeout=300)
            unfinished.rename(out)
    return out


@pytest.fixture(scope="session")
def shared_cache(shared_by_all: Path) -> Path:
    """One cache for all tests here: decoding and features are the costly part."""
    return shared_by_all / "cache"


@pytest.fixture
def attention_run(real_set: Path, shared_by_all: Path) -> Run:
    """A run with attention under the subject protocol, trained once; tests may explain it, and change nothing else."""
    overrides = {
        "data": {"source": str(real_set)}, "protocol": {"name": "subject"},
        "augment": {"views": 1}, "train": {"epochs": 2},
    }  # fmt: skip
    with filelock.FileLock(shared_by_all / "run.lock"):
        return run_one(shared_by_all / "runs", load_experiment(EXPERIMENTS / "attention.yaml", overrides=overrides))


@pytest.fixture(autouse=True)
def real_environment(own_environment: Path, shared_cache: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the shared cache and the real weights."""
    del own_environment  # only its order matters: this comes after it
    monkeypatch.setenv("ALZBENCH_CACHE", str(shared_cache))
    monkeypatch.setenv("ALZBENCH_WEIGHTS", str(weights))
