"""Published results on this kind of data, and the protocols under which experiments here reproduce them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from alzbench.compare.rows import ExperimentRow
from alzbench.compare.table import Comparison, Group
from alzbench.errors import DataError
from alzbench.evaluation.scores import Score
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.yaml_1_2 import read_yaml


def _one_line(text: str) -> str:
    """Return a text in one line, without characters that do not print; raises ValueError if nothing is left."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if not plain:
        raise ValueError("it must not be empty")
    return plain


Share = Annotated[float, Field(ge=0, le=1, strict=True)]  # strict: true and "1" are no scores
Text = Annotated[str, AfterValidator(_one_line)]

LITERATURE = "literature"  # the name of the results that come with the package

_METRICS = ("accuracy", "macro_f1", "roc_auc")
_SCORES = {  # (task, unit) -> published metric -> metric of the test part
    ("four stages", "image"): {"accuracy": "accuracy", "macro_f1": "macro_f1"},
    ("four stages", "subject"): {"accuracy": "subject_accuracy", "macro_f1": "subject_macro_f1"},
    ("demented or not", "subject"): {"accuracy": "subject_demented_accuracy", "roc_auc": "subject_demented_auc"},
}
_FEWEST_DF = 2  # degrees of freedom: with one, as of two seeds, an interval contains nearly every value
_MOST_BYTES = 1_000_000  # of a file


class PublishedResult(BaseModel):
    """A published result; at least one of its metrics is given.

    Attributes:
        name: Its name in tables.
        task: The classes that are told apart.
        unit: What is classified: each image, or each subject once.
        accuracy, macro_f1, roc_auc: Its scores, in [0, 1].
        test_size: Number of test images or subjects; None if it is not told.
        data: The data, as told.
        split: How training and test were divided, as told.
        source: Title, and DOI or another identifier.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    task: Literal["four stages", "demented or not"] = "four stages"
    unit: Literal["image", "subject"] = "image"
    accuracy: Share | None = None
    macro_f1: Share | None = None
    roc_auc: Share | None = None
    test_size: Annotated[int, Field(ge=1)] | None = None
    data: Text = "not told"
    split: Text = "not told"
    source: Text

    @model_validator(mode="after")
    def _has_a_score(self) -> PublishedResult:
        if not any(getattr(self, metric) is not None for metric in _METRICS):
            raise ValueError(f"one of {', '.join(_METRICS)} must be given")
        return self

    @property
    def scores(self) -> dict[str, float]:
        """Published metric -> its value."""
        return {metric: getattr(self, metric) for metric in _METRICS if getattr(self, metric) is not None}


def load_published() -> list[PublishedResult]:
    """Return the published results that come with the package, by name of their file."""
    folder = resources.files("alzbench.compare") / "published" / "literature"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return [PublishedResult.model_validate(read_yaml(f.read_text(encoding="utf-8"))) for f in files]


def find_published(name: str) -> list[PublishedResult]:
    """Return the published results of a YAML file, or those of the package for the name `literature`.

    Raises:
        DataError: The file cannot be read, or a result lacks something.
    """
    return load_published() if name == LITERATURE else read_published(Path(name))


def read_published(path: Path) -> list[PublishedResult]:
    """Read published results from a YAML file: one, or a list of them.

    Raises:
        DataError: The file cannot be read, or a result lacks something.
    """
    try:
        if not path.is_file():
            found = "a folder or a device" if path.exists() else "not there"
            raise DataError(
                f"{path} must be a YAML file of published results, and is {found}; name a file, or `{LITERATURE}`."
            )
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} must be a YAML file of published results, of at most 1 MB; it is larger.")
        content = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path} must be a YAML file of published results; it is not ({reason}).") from None
    except RecursionError:
        raise DataError(f"{path} must be a YAML file of published results; it is nested too deeply.") from None
    entries = content if isinstance(content, list) else [content]
    results = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise DataError(f"{path}, entry {number}: must be a section of `key: value` lines, as `name: my thesis`.")
        try:
            results.append(PublishedResult.model_validate(entry))
        except ValidationError as error:
            raise DataError(f"{path}, entry {number}: {explain_validation(error, '', PublishedResult)}") from None
    if not results:
        raise DataError(f"{path} must hold at least one published result, and holds none.")
    return list(dict.fromkeys(results))


@dataclass(frozen=True)
class Reproduction:
    """A published score, and the experiments of a group beside it.

    Attributes:
        result: The published result.
        metric: Its metric.
        value: Its value.
        protocol: The group's protocol.
        low, high: Smallest and largest score of the group's experiments.
        by: Labels of the experiments whose 95 % interval contains the value.
        exceeded: True if the lowest interval is above the value.
    """

    result: PublishedResult
    metric: str
    value: float
    protocol: str
    low: float
    high: float
    by: tuple[str, ...]
    exceeded: bool


def reproductions(results: Sequence[PublishedResult], comparison: Comparison) -> list[Reproduction]:
    """Compare each published score with the experiments of each group; sanity baselines and demos do not count."""
    return [
        found
        for result in results
        for metric, value in result.scores.items()
        for group in comparison.groups
        for found in _reproduction(result, metric, value, group)
    ]


def _reproduction(result: PublishedResult, metric: str, value: float, group: Group) -> Iterator[Reproduction]:
    own = _SCORES.get((result.task, result.unit), {}).get(metric)
    if own is None or group.demo or group.where:
        return
    if result.task == "four stages" and len(group.classes) != 4:
        return
    scored = {row.label: row.scores[own] for row in _experiments(group) if own in row.scores}
    if not scored:
        return
    ends = {label: _ends(score) for label, score in scored.items()}
    means = [score.mean for score in scored.values()]
    by = tuple(label for label, (low, high) in ends.items() if low <= value <= high)
    exceeded = all(low > value for low, _ in ends.values())
    yield Reproduction(result, metric, value, group.protocol, min(means), max(means), by, exceeded)


def _experiments(group: Group) -> list[ExperimentRow]:
    return [row for row in group.rows if row.seeds and not row.sanity]


def _ends(score: Score) -> tuple[float, float]:
    """Return the ends of a score's interval; the score itself without one, or with one that says nothing."""
    if score.interval is None or score.interval.df < _FEWEST_DF:
        return score.mean, score.mean
    return score.interval.low, score.interval.high
