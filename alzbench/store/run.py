"""A stored run, and what is read of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import filelock
import pandas as pd

from alzbench.errors import DataError
from alzbench.evaluation.predictions import check_table, with_classes
from alzbench.store.card import FORMAT, Card, card_types
from alzbench.store.checks import check_metrics, check_types

_WAY_OUT = "remove the run's folder, or run it again with --force."


class Run:
    """A stored run."""

    def __init__(self, path: Path, card: Card) -> None:
        self.path = path
        self.card = card

    @property
    def name(self) -> str:
        """Experiment and folder, as `show` takes them."""
        return f"{self.card.experiment}/{self.path.name}"

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json; raises DataError where it cannot be read, or lacks what every run has."""
        content = _read_json(self.path / "metrics.json")
        try:
            check_metrics(content)
        except ValueError as error:
            raise DataError(f"{self.path / 'metrics.json'} is incomplete ({error}); {_WAY_OUT}") from None
        return content

    def json(self, name: str) -> dict[str, Any]:
        """Read one of the run's JSON files; raises FileNotFoundError, or DataError where it cannot be read."""
        if not (self.path / name).is_file():
            raise FileNotFoundError(self.path / name)
        return _read_json(self.path / name)

    def table(self, name: str, text: Sequence[str] = ()) -> pd.DataFrame:
        """Read one of the run's CSV files; raises DataError where it is none.

        Args:
            name: Of the file.
            text: Columns that are read as text even where they look like numbers, beside those that name an image.
        """
        types = dict.fromkeys(("image", "subject", "slice", *text), str)
        try:
            return pd.read_csv(self.path / name, keep_default_na=False, dtype=types)
        except ValueError as error:
            raise self._damaged(name, error) from None

    def predictions(self, name: str = "predictions.csv", classes: Sequence[str] | None = None) -> pd.DataFrame:
        """Read one of the run's predictions tables.

        Args:
            name: Of the file.
            classes: Names of the classes in label order; by default the run's own.

        Raises:
            DataError: It is none, is not that of the run's figures, or has another number of classes.
        """
        table = self.table(name, text=("label", "predicted"))
        try:
            check_table(table)
            self._check_rows(table, name)
            return table if classes is None else with_classes(table, classes)
        except ValueError as error:
            raise self._damaged(name, error) from None

    def _check_rows(self, table: pd.DataFrame, name: str) -> None:
        """Raise ValueError where a complete run's predictions are not those of its figures."""
        if name == "predictions.csv" and self.card.state == "complete":
            expected = self.metrics["test"]["n"]
            if len(table) != expected:
                raise ValueError(f"it holds {len(table):,} images, and the figures are of {expected:,}")

    def _damaged(self, name: str, error: ValueError) -> DataError:
        return DataError(f"{self.path / name} is damaged ({' '.join(str(error).split())}); run it again with --force.")


def read_run(path: Path) -> Run:
    """Read a run's card; raises DataError where it is damaged or of a newer layout."""
    content = _read_json(path / "state.json")
    if content.get("format") != FORMAT:
        raise DataError(f"{path} has layout {content.get('format')}, this alzbench reads {FORMAT}; update alzbench.")
    types = card_types()
    try:
        card = Card(**{key: value for key, value in content.items() if key in types})
        check_types(vars(card), types)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path / 'state.json'} is incomplete ({error}); {_WAY_OUT}") from None
    if card.state == "running" and not is_locked(path / ".lock"):
        card = replace(card, state="interrupted", error=card.error or "its process ended without a word")
    return Run(path, card)


def is_locked(path: Path) -> bool:
    """Return whether a live process holds a lock file; a process that dies lets go of it."""
    if not path.exists():
        return False
    lock = filelock.FileLock(path)
    try:
        with lock.acquire(timeout=0):
            return False
    except (filelock.Timeout, OSError):
        return True


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); {_WAY_OUT}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold a JSON object; {_WAY_OUT}")
    return content
