"""A stored run, and the content of its files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import filelock
import pandas as pd
import yaml
from pydantic import BaseModel, ValidationError

from alzbench.errors import DataError
from alzbench.evaluation.evaluate import Evaluation
from alzbench.evaluation.predictions import check_table, with_classes
from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects
from alzbench.store.card import FORMAT, Card
from alzbench.store.metrics import RunMetrics

Model = TypeVar("Model", bound=BaseModel)

_WAY_OUT = "remove the folder of the run, or repeat the run with --force."


class _MissingScores(ValueError):
    """A file lacks the scores that a run of its kind has."""


class Run:
    """A stored run. Its methods read its files; each file is read once.

    Attributes:
        path: Its folder.
        card: Its identity and state.
    """

    def __init__(self, path: Path, card: Card) -> None:
        self.path = path
        self.card = card
        self._metrics: RunMetrics | None = None

    @property
    def name(self) -> str:
        """Experiment and folder, as `alzbench show` accepts them."""
        return f"{self.card.experiment}/{self.path.name}"

    @property
    def is_scored(self) -> bool:
        """True if the run is complete and has test scores."""
        return self.card.state == "complete" and self.card.trial is None

    def metrics(self) -> RunMetrics:
        """Read metrics.json.

        Raises:
            DataError: The file cannot be read, or scores are missing.
        """
        if self._metrics is None:
            path = self.path / "metrics.json"
            try:
                metrics = _read_model(path, RunMetrics)
                self._require_scores(metrics)
            except ValueError as error:
                raise DataError(f"{path} is {_state(error)} ({_first(error)}); {_WAY_OUT}") from None
            self._metrics = metrics
        return self._metrics

    def _require_scores(self, metrics: RunMetrics) -> None:
        """Raise _MissingScores if scores are missing that this kind of run must have."""
        if self.card.trial is not None:
            if metrics.validation is None:
                raise _MissingScores("it holds no validation scores")
        elif metrics.test is None:
            raise _MissingScores("it holds no test scores")
        elif "test_by_subject" not in metrics.model_fields_set:
            raise _MissingScores("it lacks test_by_subject")

    def evaluation(self) -> Evaluation:
        """Return the evaluation of the test part, see `metrics`."""
        return self.metrics().evaluation

    def counts(self) -> SubjectCounts | None:
        """Return the test predictions by subject; None if they are not stored.

        They are in subjects.json. Older versions did not write this file; then predictions.csv is counted.

        Raises:
            DataError: The file is damaged.
        """
        path = self.path / "subjects.json"
        if path.is_file():
            try:
                counts = SubjectCounts.from_json(_read_json(path))
                self._check_counts(counts)
            except ValueError as error:
                raise DataError(
                    f"{path} is damaged ({_first(error)}); remove this file, or repeat the run with --force."
                ) from None
            return counts
        if not self.has_predictions():
            return None
        return count_subjects(self.predictions(), self.metrics().healthy_label if self.is_scored else 0)

    def _check_counts(self, counts: SubjectCounts) -> None:
        """Raise ValueError if a complete run has scores for other numbers of images or classes."""
        if not self.is_scored:
            return
        images, (number, classes) = self.evaluation().images, (int(counts.counts.sum()), counts.counts.shape[-1])
        if (number, classes) != (images.n, len(images.classes)):
            raise ValueError(
                f"it must hold {images.n:,} images and {len(images.classes)} classes, like the scores; it holds "
                f"{number:,} and {classes}"
            )

    def settings(self) -> dict[str, Any]:
        """Return the resolved experiment; {} for imported predictions, which have none.

        Raises:
            DataError: experiment.yaml cannot be read.
        """
        file = self.path / "experiment.yaml"
        if not file.is_file():
            return {}
        try:
            return _parsed(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{file} cannot be read ({error}).") from None
        except yaml.YAMLError as error:
            raise DataError(f"{file} is damaged ({' '.join(str(error).split())}).") from None

    def has_predictions(self) -> bool:
        """Return True if the test predictions are stored."""
        return (self.path / "predictions.csv").is_file()

    def table(self, name: str, text: Sequence[str] = ()) -> pd.DataFrame:
        """Read one of the run's CSV files; raises DataError if it is not a CSV file.

        Args:
            name: Name of the file.
            text: Further columns to read as text, even if they look like numbers, besides those that name an image.
        """
        types = dict.fromkeys(("image", "subject", "slice", *text), str)
        try:
            return pd.read_csv(self.path / name, keep_default_na=False, dtype=types)
        except ValueError as error:
            raise self._damaged(name, error) from None

    def predictions(self, name: str = "predictions.csv", classes: Sequence[str] | None = None) -> pd.DataFrame:
        """Read one of the run's predictions tables.

        Args:
            name: Name of the file.
            classes: Names of the classes in label order; by default the run's own.

        Raises:
            DataError: It is not a predictions table, does not match the scores, or has another number of classes.
        """
        table = self.table(name, text=("label", "predicted"))
        try:
            check_table(table)
            self._check_rows(table, name)
            return table if classes is None else with_classes(table, classes)
        except ValueError as error:
            raise self._damaged(name, error) from None

    def described(self) -> pd.DataFrame | None:
        """Return subject, slice and covariates of the test images, in their order and by image; None if not stored.

        Returns:
            Texts, '' where a value is unknown; the index is the image.

        Raises:
            DataError: covariates.csv is damaged, or lacks a test image.
        """
        name = "covariates.csv"
        if not (self.path / name).is_file() or not self.has_predictions():
            return None
        about = self.predictions().set_index("image")[["subject", "slice"]]
        try:
            stored = pd.read_csv(self.path / name, keep_default_na=False, dtype=str)
            if "image" not in stored or stored["image"].duplicated().any():
                raise ValueError("it must have one row for each image")
            missing = about.index[~about.index.isin(stored["image"])]
            if len(missing):
                raise ValueError(f"it must hold all test images; {missing[0]} is missing")
        except ValueError as error:
            raise self._damaged(name, error) from None
        return about.join(stored.set_index("image"))

    def _check_rows(self, table: pd.DataFrame, name: str) -> None:
        """Raise ValueError if a complete run has scores for another number of images."""
        if name == "predictions.csv" and self.card.state == "complete":
            expected = self.evaluation().images.n
            if len(table) != expected:
                raise ValueError(f"it holds {len(table):,} images, but the scores are from {expected:,}")

    def _damaged(self, name: str, error: ValueError) -> DataError:
        return DataError(
            f"{self.path / name} is damaged ({' '.join(str(error).split())}); repeat the run with --force."
        )


@lru_cache(maxsize=256)
def _parsed(text: str) -> dict[str, Any]:
    """Return the mapping of a YAML text; the runs of an experiment have the same text, and parsing it is slow."""
    values = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    return values if isinstance(values, dict) else {}


def read_run(path: Path) -> Run:
    """Read a run's card; raises DataError if it is damaged or has a newer layout."""
    file = path / "state.json"
    try:
        card = _read_model(file, Card)
    except ValueError as error:
        _require_layout(path, _read_json(file).get("format"))
        raise DataError(f"{file} is {_state(error)} ({_first(error)}); {_WAY_OUT}") from None
    _require_layout(path, card.format if "format" in card.model_fields_set else None)
    if card.state == "running" and not is_locked(path / ".lock"):
        reason = card.error or "its process ended without an error message"
        card = card.model_copy(update={"state": "interrupted", "error": reason})
    return Run(path, card)


def _require_layout(path: Path, version: Any) -> None:
    if version != FORMAT:
        raise DataError(
            f"{path} has layout {version}, but this version of alzbench reads layout {FORMAT}; update alzbench."
        )


def is_locked(path: Path) -> bool:
    """Return True if a live process holds a lock file; a process that dies releases it."""
    if not path.exists():
        return False
    lock = filelock.FileLock(path)
    try:
        with lock.acquire(timeout=0):
            return False
    except (filelock.Timeout, OSError):
        return True


def _state(error: ValueError) -> str:
    """Return `incomplete` where something is missing, and `damaged` where a value is wrong."""
    if isinstance(error, ValidationError):
        missing = error.errors(include_url=False)[0]["type"] == "missing"
    else:
        missing = isinstance(error, _MissingScores)
    return "incomplete" if missing else "damaged"


def _first(error: ValueError) -> str:
    """Return the first error of a model in a few words, or the error's own text."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    where, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _read_model(path: Path, model: type[Model]) -> Model:
    """Read a JSON file as a model; raises DataError if it is not JSON, and ValueError if it does not match."""
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); {_WAY_OUT}") from None
    except ValidationError as error:
        if error.errors()[0]["type"] in ("json_invalid", "model_type"):
            _read_json(path)  # raises a clearer error
        raise


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); {_WAY_OUT}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold a JSON object; {_WAY_OUT}")
    return content
