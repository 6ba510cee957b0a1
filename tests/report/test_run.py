"""Documents of stored runs: the page of one, its summary on the terminal, and a line each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alzbench.errors import DataError
from alzbench.evaluation.metrics import metrics
from alzbench.evaluation.scores import scores_of_run
from alzbench.report.document import Document, Section
from alzbench.report.export import export_frame, render_json
from alzbench.report.pages import Files
from alzbench.report.pages import write_run as write_page
from alzbench.report.run import MOST_ERRORS, run_document, score_run, summary_document
from alzbench.report.runs import runs_document
from alzbench.report.terminal import render_terminal
from alzbench.store import Run, RunStore, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import make_metrics, write_run
from tests.helpers.text import EVIL, cells, text_of


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


def document_of(run: Run) -> Document:
    return run_document(score_run(run))


@pytest.fixture
def section(run: Run) -> Section:
    (found,) = document_of(run).sections
    return found


def rows(section: Section, title: str) -> list[list[str]]:
    table = next(table for table in section.tables if table.title == title)
    return table.texts


def test_the_page_warns_of_leakage(section: Section) -> None:
    assert section.warnings == ("Train/test leakage: all of it.",)


def test_scores_have_intervals_where_they_can(section: Section) -> None:
    scores = {row[0]: row[1:] for row in rows(section, "Scores")}
    assert scores["accuracy %"][0].startswith("60.00 (")
    assert scores["accuracy %"][1] == "60.00"
    assert scores["cross-entropy loss"] == ["1.000", "1.000"]
    assert scores["expected calibration error"][0] != "–"


def test_without_stored_predictions_nothing_is_said_of_intervals(run: Run) -> None:
    assert sum("interval" in table.note for table in summary_document(run).sections[0].tables) == 3
    (run.path / "predictions.csv").unlink()
    assert run.counts() is None
    document = summary_document(read_run(run.path))
    assert not [table.note for table in document.sections[0].tables if "interval" in table.note]
    assert document.data["by"] == ""


def test_classes_have_the_intervals_that_comparisons_give(run: Run, section: Section) -> None:
    score = scores_of_run(run.card.seed, run.evaluation(), run.counts()).by_class["f1"]["A"]
    assert score.interval is not None
    ends = f"({score.interval.low:.3f}–{score.interval.high:.3f})"
    assert f"{score.mean:.3f} {ends}" in rows(section, "By class")[0]


def test_json_and_csv_hold_the_scores_of_the_page(run: Run, section: Section) -> None:
    document = document_of(run)
    found = json.loads(render_json(document))
    table = export_frame(document)
    shown = {metric.name: metric for metric in metrics(level="image", per_class=False)}
    assert len(rows(section, "Scores")) == len(shown)
    for row, metric in zip(rows(section, "Scores"), shown.values(), strict=True):
        score, exported = found["scores"][metric.name], table[table["metric"] == metric.name].iloc[0]
        assert row[1].split()[0] == f"{metric.scale * score['mean']:.{metric.digits}f}"
        assert exported["test"] == score["mean"]
        if score["interval"] is None:
            assert len(row[1].split()) == 1
            assert exported[["low", "high"]].isna().all()
        else:
            digits = metric.digits - (metric.scale == 100)
            ends = [f"{metric.scale * score['interval'][end]:.{digits}f}" for end in ("low", "high")]
            assert all(end in row[1] for end in ends)
            assert exported[["low", "high"]].tolist() == [score["interval"][end] for end in ("low", "high")]
    f1 = table[(table["metric"] == "f1") & (table["class"] == "A")].iloc[0]
    assert [f1["low"], f1["high"]] == [found["class_scores"]["f1"]["A"]["interval"][end] for end in ("low", "high")]
    assert table[table["metric"] == "images"].set_index("class")["test"].to_dict() == {"A": 48, EVIL: 48}


@pytest.fixture(params=["labels_only", "answers_only"])
def labels_only(request: pytest.FixtureRequest, run: Run) -> Run:
    """The run as if its predictions had come without probabilities, by this name and by that of older files."""
    metrics = json.loads((run.path / "metrics.json").read_text())
    (run.path / "metrics.json").write_text(json.dumps({**metrics, request.param: "labels alone"}))
    return read_run(run.path)


def test_without_probabilities_nothing_is_said_of_them(labels_only: Run, tmp_path: Path) -> None:
    document = document_of(labels_only)
    (section,) = document.sections
    scores = {row[0]: row[1:] for row in rows(section, "Scores")}
    assert scores["cross-entropy loss"][0] == scores["expected calibration error"][0] == "–"
    assert "labels alone" in next(table.note for table in section.tables if table.title == "Scores")
    assert len(rows(section, "Errors")[0]) == 4
    assert [row[0] for row in rows(section, "By subject")] == [
        "accuracy by vote %", "A or not, accuracy %", "A or not, ROC AUC",
    ]  # fmt: skip
    assert "Probabilities" not in {table.title for table in section.tables}
    assert "loss" not in json.loads(render_json(document))["scores"]
    write_page(labels_only, Files(html=tmp_path / "r.html"))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("<figure ") == 1
    assert "No calibration and curves without probabilities: " in page


def test_the_most_confident_errors_are_wrong(run: Run, section: Section) -> None:
    errors = rows(section, "Most confident errors")
    table = run.table("predictions.csv").set_index("image")
    wrong = table[table["label"] != table["predicted"]]
    assert len(errors) == min(len(wrong), MOST_ERRORS) > 0
    assert {row[0] for row in errors} <= set(wrong.index)
    assert all(row[2] != row[3] for row in errors)


def test_the_most_confident_errors_come_first(run: Run) -> None:
    table = run.predictions()
    share = 0.5 + (table.index + 1) / (2 * len(table) + 2)  # of the predicted class, higher from row to row
    first = table["predicted"] == "A"
    shares = {"p_A": share.where(first, 1 - share), f"p_{EVIL}": share.where(~first, 1 - share)}
    table.assign(**shares).to_csv(run.path / "predictions.csv", index=False)
    (section,) = document_of(read_run(run.path)).sections
    wrong = table[table["label"] != table["predicted"]]
    assert [row[0] for row in rows(section, "Most confident errors")] == wrong["image"].tolist()[::-1][:MOST_ERRORS]


def test_subjects_predicted_wrong_come_with_the_share_of_right_slices(run: Run, section: Section) -> None:
    table = run.table("predictions.csv")
    share = (table["label"] == table["predicted"]).groupby(table["subject"]).mean()
    found = rows(section, "Misclassified subjects")
    assert set(share[share < 0.5].index) <= {row[0] for row in found} <= set(share[share <= 0.5].index)  # ties: either
    assert all(row[3] == f"{100 * share[row[0]]:.0f}" for row in found)


def test_the_page_is_written_and_keeps_names_as_text(run: Run, tmp_path: Path) -> None:
    write_page(run, Files(tmp_path / "r.html", tmp_path / "r.md", tmp_path / "r.tex", tmp_path / "r.csv"))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert page.count("<figure ") == 4
    assert (tmp_path / "r.md").is_file()
    assert (tmp_path / "r.csv").is_file()
    assert (tmp_path / "r.tex").is_file()


def test_what_is_not_complete_is_not_reported(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path, state="failed"))
    with pytest.raises(DataError, match="must be complete"):
        write_page(run, Files(html=tmp_path / "r.html"))
    assert not (tmp_path / "r.html").exists()


def test_a_run_without_predictions_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no predictions\.csv"):
        score_run(read_run(write_run(tmp_path)))


def summary(run: Run) -> str:
    return text_of(render_terminal(summary_document(run)))


def test_a_run_shows_its_scores(tmp_path: Path) -> None:
    text = summary(read_run(write_run(tmp_path, 0.6, (0.25, None), n=1000)))
    lines = [cells(line) for line in text.splitlines()]
    assert "1,000 test images" in text
    assert ["A", "–", "0.250", "0.250", "1.000", "500"] in lines
    assert ["B", "–", "–", "–", "1.000", "500"] in lines
    # on the test and on the validation part
    for name, value in (("accuracy %", "60.00"), ("balanced accuracy %", "30.00"), ("macro F1", "0.150")):
        assert [name, value, value] in lines
    assert ["cross-entropy loss", "1.000", "1.000"] in lines
    assert ["kept", "epoch 1 of 2 (last)"] in lines
    assert ["seconds", "training 1.0"] in lines


@pytest.mark.parametrize("name", ["[red]x[/red]", "<script>", "[/]", "[bold", ":smile:"])
def test_names_are_shown_literally(tmp_path: Path, name: str) -> None:
    path = write_run(tmp_path, state="failed", protocol=name, error=name, hash=name.replace("/", ""))
    assert name in text_of(render_terminal(runs_document(RunStore(tmp_path).runs())))
    assert f"failed ({name})" in summary(read_run(path))


def test_demo_and_leaks_are_said(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path, demo=True, leaks="all of it"))
    assert "DEMO on synthetic images" in summary(run)
    assert "! Train/test leakage: all of it." in summary(run)
    assert "reference, demo" in text_of(render_terminal(runs_document([run])))
