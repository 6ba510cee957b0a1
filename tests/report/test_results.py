"""Results of Python calls: what a notebook shows, data frames and figures."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alzbench.compare import compare
from alzbench.data.audit import audit
from alzbench.data.manifest import open_image_set
from alzbench.experiment import DataSettings
from alzbench.experiment.protocols import ReferenceProtocol
from alzbench.progress import Progress
from alzbench.report.document import Column, Document, Section, make_table
from alzbench.report.fragment import render_fragment
from alzbench.report.results import AuditResult, ComparisonResult, Result, Runs, StoredRun
from alzbench.store import RunStore, read_run
from tests.helpers.runs import write_run


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Two complete runs of one experiment, another one, and a failed run."""
    for seed, accuracy in enumerate((0.25, 0.75)):
        write_run(tmp_path, accuracy, (0.5, None), experiment="a", settings_hash="a", seed=seed)
    write_run(tmp_path, 1.0, experiment="b", settings_hash="b")
    write_run(tmp_path, experiment="c", state="failed", error="no memory")
    return Runs(RunStore(tmp_path).runs())


@pytest.fixture
def audited(image_folder: Path) -> AuditResult:
    """The audit of a small set."""
    images = open_image_set(DataSettings(source=str(image_folder), size=32), Progress())
    return AuditResult(audit(images, ReferenceProtocol(), 0, None, Progress()), images)


def cells(page: str) -> list[str]:
    """Return the texts of the cells of all tables."""
    found = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", page, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in found]


# What a notebook shows


def test_a_notebook_shows_the_tables_that_the_terminal_shows(runs: Runs) -> None:
    result = ComparisonResult(compare([stored.run for stored in runs], []))
    page = result._repr_html_()
    (section,) = result.document.sections
    expected = [
        text
        for table in section.tables
        if table.terminal
        for text in [*(column.label for column in table.columns), *(text for row in table.texts for text in row)]
    ]
    assert cells(page) == expected
    assert "50.00" in expected
    assert [table for table in section.tables if not table.terminal]
    for text in (section.title, *section.warnings, *section.notes):
        assert html.escape(text, quote=False) in page.replace("&#39;", "'").replace("&#34;", '"')
    assert page.count("<details>") == len([table for table in section.tables if table.terminal]) - 1


def test_nothing_in_a_fragment_is_markup_or_code() -> None:
    name = "<script>alert(1)</script>"
    table = make_table(name, [Column("a", name)], [{"a": name}], note=name)
    page = render_fragment(Document(name, name, (Section(name, (name,), (table,), (name,)),)))
    assert "<script" not in page
    # title, warning, note; of the table: label, caption, heading, cell, note
    assert page.count("&lt;script&gt;") == 8
    assert "http" not in page


@pytest.mark.parametrize("which", ["comparison", "runs", "run", "failed", "audit"])
def test_every_result_is_shown_as_a_fragment_and_as_one_line(which: str, runs: Runs, audited: AuditResult) -> None:
    comparison = ComparisonResult(compare([stored.run for stored in runs], []))
    result: Result = {
        "comparison": comparison, "runs": runs, "run": runs[0], "failed": runs[3], "audit": audited
    }[which]  # fmt: skip
    page = result._repr_html_()
    assert page.lstrip().startswith('<div class="alzbench">')
    assert page.rstrip().endswith("</div>")
    assert page.count("<div") == page.count("</div>")
    assert "<html" not in page
    assert re.fullmatch(rf"<{type(result).__name__}: .+>", repr(result))


def test_the_line_of_a_run_names_it_and_its_state(runs: Runs) -> None:
    assert repr(runs[3]) == "<StoredRun: c/seed-0-h0, failed>"
    assert repr(runs[2:]) == "<Runs: b/seed-0-h0, c/seed-0-h0>"


# Data frames


def test_runs_are_a_sequence(runs: Runs) -> None:
    names = [stored.name for stored in runs]
    assert names == ["a/seed-0-h0", "a/seed-1-h1", "b/seed-0-h0", "c/seed-0-h0"]
    assert (len(runs), runs[-1].name, [one.name for one in runs[1:3]]) == (4, names[3], names[1:3])
    assert isinstance(runs[:1], Runs)


def test_the_frame_of_runs_has_a_row_for_each_run_and_no_number_where_there_is_none(runs: Runs) -> None:
    frame = runs.to_frame()
    assert frame["run"].tolist() == [stored.name for stored in runs]
    assert frame["state"].tolist() == ["complete", "complete", "complete", "failed"]
    np.testing.assert_array_equal(frame["accuracy"], [0.25, 0.75, 1.0, np.nan])
    np.testing.assert_array_equal(frame["balanced_accuracy"], [0.125, 0.375, 0.5, np.nan])
    assert frame["subject_accuracy"].isna().all()  # subjects are unknown
    assert frame["accuracy"].dtype == float
    assert list(Runs([]).to_frame().columns) == list(frame.columns)


def test_the_frame_of_an_audit_has_a_row_for_each_class_and_part(audited: AuditResult) -> None:
    frame = audited.to_frame()
    assert frame.groupby("part")["images"].sum().to_dict() == {"train": 32, "validation": 8, "test": 12}
    wide = frame.pivot_table(index="class", columns="part", values="images")
    for part in ("train", "validation", "test"):
        assert wide[part].to_dict() == audited.audit.images[part].to_dict()
    assert audited.leaks is audited.audit.leaks
    images = audited.images
    assert images.groupby("class").size().tolist() == [13] * 4
    assert all(Path(row.path).parent.name == row[-1] for row in images[["path", "class"]].itertuples())


# Figures


def test_figures_are_pictures_that_a_notebook_shows(runs: Runs, audited: AuditResult, tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"image": list("abcd"), "subject": "", "slice": "", "label": ["A", "A", "B", "B"],
         "predicted": ["A", "B", "B", "B"], "p_A": [0.9, 0.2, 0.1, 0.1], "p_B": [0.1, 0.8, 0.9, 0.9]}
    )  # fmt: skip
    path = write_run(tmp_path / "other", n=4)
    table.to_csv(path / "predictions.csv", index=False)
    run = StoredRun(read_run(path))
    texts = [text.get_text() for text in run.figure().axes[0].texts]
    assert texts == ["50", "50", "0", "100"]
    for figure in (run.figure(), runs.figure(), audited.figure()):
        assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    labels = {label.get_text() for label in runs.figure().axes[0].get_yticklabels()}
    assert labels == {"a", "b", "c"}
