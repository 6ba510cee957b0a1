"""The space of a sweep, and the trials that are stored of one."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

URL = "sqlite:///runs/s-sweep/optuna.db"
SPACE: dict[str, Any] = {
    "train.lr": {"low": 1e-5, "high": 1e-2, "log": True},
    "train.schedule": {"choices": ["constant", "cosine"]},
    "train.warmup_epochs": {"low": 0, "high": 2, "when": {"train.schedule": "cosine"}},
    "train.label_smoothing": {"low": 0.0, "high": 0.4, "step": 0.1},
}
Write = Callable[..., Path]
Start = Callable[..., "subprocess.Popen[str]"]


@contextlib.contextmanager
def opened(url: str = URL, name: str = "s-sweep") -> Iterator[optuna.Study]:
    """Open the Optuna study of a stored sweep, and close its connections."""
    storage = RDBStorage(url)
    try:
        yield optuna.load_study(study_name=name, storage=storage)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def trials(url: str = URL, name: str = "s-sweep") -> list[FrozenTrial]:
    """Return the trials of a stored sweep."""
    with opened(url, name) as optuna_study:
        return optuna_study.get_trials()


def trial_records(trials: Sequence[FrozenTrial]) -> list[Any]:
    """Return all of the trials that samplers and pruners read."""
    return [(t.number, t.state, t.params, t.values, t.intermediate_values) for t in trials]
