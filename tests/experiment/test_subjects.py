"""`data.subjects`: its short forms, relative files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.errors import ExperimentError
from alzbench.experiment import DataSettings, load_experiment
from alzbench.experiment.schema import Experiment
from alzbench.experiment.subjects import SubjectSettings


def load(tmp_path: Path, data: str, *assignments: str) -> DataSettings:
    (tmp_path / "x.yaml").write_text(f"data: {data}\n")
    return load_experiment(tmp_path / "x.yaml", assignments).data


@pytest.mark.parametrize("subjects", ["people.csv", "{table: people.csv}"])
def test_a_table_is_relative_to_the_experiment_file(tmp_path: Path, subjects: str) -> None:
    expected = SubjectSettings(table=str(tmp_path.resolve() / "people.csv"))
    assert load(tmp_path, f"{{subjects: {subjects}}}").subjects == expected


def test_short_forms_and_assignments(tmp_path: Path) -> None:
    assert load(tmp_path, "{subjects: bids}").subjects == SubjectSettings(bids=True)
    given = load(tmp_path, "{}", "data.subjects={pattern: '(?P<subject>p[0-9]+)'}").subjects
    assert given == SubjectSettings(pattern="(?P<subject>p[0-9]+)")
    assert load(tmp_path, "{subjects: bids}", "data.subjects=other.tsv").subjects == SubjectSettings(table="other.tsv")
    assert load(tmp_path, "{subjects: bids}", "data.subjects=null").subjects is None


def test_a_stored_experiment_is_read_again() -> None:
    experiment = Experiment(name="x", data=DataSettings(subjects=SubjectSettings(bids=True)))
    assert Experiment.model_validate(experiment.model_dump(mode="json")) == experiment


@pytest.mark.parametrize(
    ("subjects", "message"),
    [
        ("people.xlsx", "data.subjects: must be bids, a .csv or .tsv file, or {pattern: REGULAR EXPRESSION}"),
        ("{table: people.xlsx}", "data.subjects.table: must be a .csv or .tsv file"),
        ("{pattern: '(?P<subject>'}", "data.subjects.pattern: must be a regular expression \\("),
        ("{pattern: '(?P<person>.*)'}", "data.subjects.pattern: must have a group \\(\\?P<subject>...\\)"),
        ("{pattern: '(?P<subject>.)', bids: true}", "must be exactly one of table, pattern and bids: true; has"),
        ("{}", "must be exactly one of table, pattern and bids: true; has none"),
        ("{tabel: a.csv}", "unknown key data.subjects.tabel. Did you mean 'table'"),
        ("3", "data.subjects: must be a section"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, subjects: str, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        load(tmp_path, f"{{subjects: {subjects}}}")
