"""The page of one run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alzbench.compare.one_run import run_intervals
from alzbench.errors import DataError
from alzbench.report.document import Section
from alzbench.report.pages import write_run as write_page
from alzbench.report.run_document import MOST_MISTAKES, run_sections
from alzbench.report.run_scores import run_json, run_table
from alzbench.store import Run, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import make_metrics, write_run
from tests.helpers.text import EVIL


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A complete run of twelve subjects with predictions, and a class that is named to do harm."""
    path = write_run(tmp_path, 0.6, (0.5, None), ("A", EVIL), 96)
    draw_predictions(path, 0, 0.6, ("A", EVIL))
    scores = make_metrics(0.6, (0.5, None), ("A", EVIL), 96)
    by_subject = {
        "subjects": 12, "mean": scores["test"], "vote": scores["test"], "demented": {"accuracy": 0.75, "roc_auc": None},
    }  # fmt: skip
    (path / "metrics.json").write_text(json.dumps({**scores, "test_by_subject": by_subject}))
    return read_run(path)


@pytest.fixture
def section(run: Run) -> Section:
    (found,) = run_sections(run)
    return found


def rows(section: Section, title: str) -> list[list[str]]:
    table = next(table for table in section.tables if table.title == title)
    return [[cell.text for cell in row] for row in table.rows]


def test_the_page_warns_of_leakage(section: Section) -> None:
    assert section.warnings == ("Leaky protocol: all of it.",)


def test_scores_have_intervals_where_they_can(section: Section) -> None:
    scores = {row[0]: row[1:] for row in rows(section, "Scores")}
    assert scores["accuracy"][0] == scores["accuracy"][2] == "0.600"
    assert scores["accuracy"][1] != "–"
    assert scores["loss"][:2] == ["1.000", "–"]
    assert scores["expected calibration error"][0] != "–"


def test_classes_have_the_intervals_that_comparisons_give(run: Run, section: Section) -> None:
    intervals = run_intervals(run).scores
    found = intervals["f1_A"]
    assert rows(section, "By class")[0][4] == f"{found.low:.3f} to {found.high:.3f}"


def test_json_and_csv_hold_the_figures_of_the_page(run: Run, section: Section) -> None:
    found = run_json(run)
    table = run_table(run)
    assert len(rows(section, "Scores")) == len(found["overall"])
    for cells, of in zip(rows(section, "Scores"), found["overall"], strict=True):
        assert cells[1] == f"{of['test']:.3f}"
        assert cells[2] == ("–" if of["interval"] is None else "{:.3f} to {:.3f}".format(*of["interval"]))
        row = table[table["figure"] == of["name"]].iloc[0]
        assert row["test"] == of["test"]
    f1 = table[(table["figure"] == "f1") & (table["class"] == "A")].iloc[0]
    assert [f1["low"], f1["high"]] == list(found["classes"][0]["f1"]["interval"])
    assert json.dumps(found, allow_nan=False)


@pytest.fixture
def answers_only(run: Run) -> Run:
    """The run as if its predictions had come without probabilities."""
    (run.path / "metrics.json").write_text(json.dumps({**run.metrics, "answers_only": "answers alone"}))
    return read_run(run.path)


def test_without_probabilities_nothing_is_said_of_them(answers_only: Run, tmp_path: Path) -> None:
    (section,) = run_sections(answers_only)
    scores = {row[0]: row[1:] for row in rows(section, "Scores")}
    assert scores["loss"][0] == scores["expected calibration error"][0] == "–"
    assert "answers alone" in section.tables[0].note
    assert len(rows(section, "Mistakes")[0]) == 4
    assert [row[0] for row in rows(section, "By subject")] == [
        "accuracy, by vote", "demented or not, accuracy", "demented or not, ROC AUC",
    ]  # fmt: skip
    assert "Probabilities" not in {table.title for table in section.tables}
    assert {of["name"]: of["test"] for of in run_json(answers_only)["overall"]}["loss"] is None
    write_page(answers_only, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("<figure ") == 1
    assert "answers without probabilities" in page


def test_the_surest_mistakes_are_wrong(run: Run, section: Section) -> None:
    mistakes = rows(section, "Surest mistakes")
    table = run.table("predictions.csv").set_index("image")
    wrong = table[table["label"] != table["predicted"]]
    assert len(mistakes) == min(len(wrong), MOST_MISTAKES) > 0
    assert {row[0] for row in mistakes} <= set(wrong.index)
    assert all(row[2] != row[3] for row in mistakes)


def test_subjects_answered_wrong_come_with_the_share_of_right_slices(run: Run, section: Section) -> None:
    table = run.table("predictions.csv")
    share = (table["label"] == table["predicted"]).groupby(table["subject"]).mean()
    found = rows(section, "Subjects answered wrong")
    assert set(share[share < 0.5].index) <= {row[0] for row in found} <= set(share[share <= 0.5].index)  # ties: either
    assert all(row[3] == f"{100 * share[row[0]]:.0f}" for row in found)


def test_the_page_is_written_and_keeps_names_as_text(run: Run, tmp_path: Path) -> None:
    write_page(run, tmp_path / "r.html", tmp_path / "r.md", tmp_path / "r.tex")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert page.count("<figure ") == 4
    assert (tmp_path / "r.md").is_file()
    assert (tmp_path / "r.tex").is_file()


def test_what_is_not_complete_is_not_reported(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path, state="failed"))
    with pytest.raises(DataError, match="must be complete"):
        write_page(run, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_a_run_without_predictions_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no predictions\.csv"):
        run_sections(read_run(write_run(tmp_path)))
