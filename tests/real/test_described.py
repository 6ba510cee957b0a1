"""The real originals with meaningless names in one folder, described by a table, against the folders of the set.

What is equal, to the last bit: the split, every probability, all scores with their intervals, p-values, and the counts
and similarities of the audit. What differs: the names of the images, the source of the subjects, and so the identity
of the set and of its runs. The rows of the table are in the order of the images in the folders, because the order
decides which images share a batch.
"""

from __future__ import annotations

import random
import shutil
import uuid
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alzbench.compare import ExperimentRow, Group, compare
from alzbench.data.audit import audit
from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.data.protocols import split_of_run
from alzbench.experiment import DataSettings, Experiment, load_experiment
from alzbench.experiment.protocols import GivenProtocol, SubjectFoldsProtocol, SubjectProtocol
from alzbench.progress import Progress
from alzbench.store import Run, RunStore
from tests.helpers.images import CLASSES
from tests.helpers.paths import EXPERIMENTS
from tests.helpers.running import run

pytestmark = [pytest.mark.real, pytest.mark.slow]

PROTOCOLS = [SubjectProtocol(name="subject"), SubjectFoldsProtocol(name="subject_cv", folds=2)]


@dataclass(frozen=True)
class Sets:
    """The same images as folders of classes, and in one folder with a table."""

    folders: Path
    flat: Path
    table: Path

    def settings(self, described: bool, **changes: Any) -> dict[str, Any]:
        if not described:
            return {"source": str(self.folders), **changes}
        return {"source": str(self.flat), "subjects": str(self.table), **changes}

    def open(self, described: bool) -> ImageSet:
        return open_image_set(DataSettings.model_validate(self.settings(described)), Progress())


@pytest.fixture(scope="module")
def sets(real_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Sets:
    root = tmp_path_factory.mktemp("described")
    folders = real_set / "OriginalDataset"
    manifest = open_image_set(DataSettings(source=str(folders)), Progress()).manifest
    rng, rows = random.Random(0), []
    (root / "flat").mkdir()
    ages = {subject: str(rng.randint(55, 95)) for subject in sorted(set(manifest["subject"]))}
    for row in manifest.itertuples():
        name = f"{uuid.UUID(int=rng.getrandbits(128))}.jpg"
        shutil.copy(str(row.path), root / "flat" / name)
        about = {"subject": row.subject, "slice": row.slice, "label": CLASSES[int(str(row.label))]}
        rows.append({"image": name, **about, "age": ages[str(row.subject)]})
    pd.DataFrame(rows).to_csv(root / "table.csv", index=False)
    return Sets(folders, root / "flat", root / "table.csv")


def without_names(table: pd.DataFrame) -> str:
    return table.drop(columns=["image", "path", "subject_by", "nearest", "other"], errors="ignore").to_csv()


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_the_audit_is_the_same(sets: Sets, protocol: Any) -> None:
    fold = protocol.test_folds[0]
    first, second = (audit(sets.open(described), protocol, 0, fold, Progress()) for described in (False, True))
    assert (first.subject_by, second.subject_by) == ({"name": 6400}, {"table": 6400})
    for field in fields(first):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if field.name in ("nearest", "pairs"):
            assert without_names(one) == without_names(other)
        elif isinstance(one, pd.DataFrame | pd.Series):
            assert one.equals(other), field.name
        elif field.name != "subject_by":
            assert one == other, field.name


def experiments(sets: Sets, described: bool, protocol: Any) -> list[Experiment]:
    """Return the baselines that need no network, under their own names, so that they are compared in pairs."""
    data = sets.settings(described, size=32)
    about = {"data": data, "protocol": protocol.model_dump(), "seeds": [0]}
    names = ("grey_logistic", "largest_class")
    return [Experiment.model_validate({"name": name, "model": {"variant": name}, **about}) for name in names]


def assert_same_runs(first: list[Run], second: list[Run]) -> None:
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        for name in ("split.csv", "predictions.csv", "predictions_val.csv"):
            assert without_names(one.table(name)) == without_names(other.table(name)), name
        assert one.evaluation() == other.evaluation()
        assert one.card.data != other.card.data


def group_of(runs: list[Run]) -> Group:
    (group,) = compare(runs, []).groups
    return group


def values(row: ExperimentRow) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row) if field.name != "runs"}


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_runs_and_comparison_are_the_same(sets: Sets, protocol: Any, tmp_path: Path) -> None:
    both = []
    for described in (False, True):
        outcomes = run(tmp_path / str(described), *experiments(sets, described, protocol))
        both.append([outcome.run() for outcome in outcomes])
    assert_same_runs(*both)
    first, second = map(group_of, both)
    assert [values(row) for row in first.rows] == [values(row) for row in second.rows]
    assert first.pairs == second.pairs
    assert first.pairs[0].differences["accuracy"] is not None


def test_other_subject_names_with_the_split_given(sets: Sets, tmp_path: Path) -> None:
    """Then nothing but the split column says who is tested, and the predictions are the same."""
    protocol = SubjectProtocol(name="subject")
    manifest = sets.open(False).manifest
    split = split_of_run(manifest, protocol, 0, None)
    table = pd.read_csv(sets.table, dtype=str)
    rng = random.Random(1)
    names = sorted(set(table["subject"]))
    renamed = dict(zip(names, rng.sample([f"P{k:03d}" for k in range(len(names))], len(names)), strict=True))
    table.assign(subject=table["subject"].map(renamed), split=split["part"].to_numpy()).to_csv(
        tmp_path / "given.csv", index=False
    )
    given = Sets(sets.folders, sets.flat, tmp_path / "given.csv")
    runs = [
        outcome.run()
        for described, chosen in ((False, protocol), (True, GivenProtocol(name="given")))
        for outcome in run(tmp_path / "runs" / str(described), experiments(given, described, chosen)[0])
    ]
    one, other = (r.predictions().drop(columns=["image", "subject"]) for r in runs)
    assert one.to_csv() == other.to_csv()
    assert runs[0].metrics().leaks == runs[1].metrics().leaks == ""


def test_a_network_is_the_same(sets: Sets, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for described in (False, True):
        overrides = {
            "data": sets.settings(described),
            "protocol": {"name": "subject"},
            "augment": {"views": 1},
            "train": {"epochs": 1},
        }
        (outcome,) = run(store.root, load_experiment(EXPERIMENTS / "baseline.yaml", overrides=overrides))
        assert outcome.state == "complete", outcome.error
    first, second = store.runs()
    assert_same_runs([first], [second])
