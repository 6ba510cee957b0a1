"""A comparison's document, as HTML, Markdown and LaTeX: the same numbers, and every name as plain text."""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from alzbench.compare import Comparison, Reference, compare
from alzbench.compare.predictions import read_group
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.metrics import metrics
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.report.comparison import comparison_document
from alzbench.report.document import Column, Document, Section, make_table
from alzbench.report.export import export_frame, plain
from alzbench.report.html import render_html
from alzbench.report.markup import latex, render_latex, render_markdown
from alzbench.report.pages import Files, write_comparison
from alzbench.report.pictures import group_figures
from alzbench.store import RunMetrics, RunStore, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run
from tests.helpers.text import EVIL

REFERENCE = Reference(name="published", accuracy=0.4, test_images=96, protocol="reference", source="a paper")


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """Two experiments of two seeds with predictions, one of them and a class named to do harm; a published figure."""
    for name, right in (("baseline", 0.6), (EVIL.replace("/", "∕"), 0.8)):
        for seed in (0, 1):
            run = write_run(
                tmp_path, right, (0.5, 0.5), ("A", EVIL), 96, experiment=name, settings_hash=name, seed=seed
            )
            draw_predictions(run, seed, right, ("A", EVIL))
    return compare(RunStore(tmp_path).runs(), [REFERENCE])


def document_of(comparison: Comparison) -> Document:
    """The document with what is known from predictions."""
    return comparison_document(comparison, [read_group(group) for group in comparison.groups])


@pytest.fixture
def document(comparison: Comparison) -> Document:
    return document_of(comparison)


class Tables(HTMLParser):
    """The texts of all cells of a page, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        open_cells = sum((tag in ("td", "th")) - (tag in ("/td", "/th")) for tag in self.tags)
        if open_cells:
            self.cells[-1] += data


def texts(document: Document) -> list[str]:
    """All headings and cells of the tables, in order."""
    return [
        text
        for section in document.sections
        for table in section.tables
        for text in [*(column.label for column in table.columns), *(text for row in table.texts for text in row)]
    ]


def rows(section: Section, title: str) -> dict[str, dict[str, str]]:
    """The texts of a table: name of the row -> key of the column -> text."""
    (table,) = (table for table in section.tables if table.title == title)
    keys = [column.key for column in table.columns]
    return {row[0]: dict(zip(keys, row, strict=True)) for row in table.texts}


def test_the_tables_say_what_the_comparison_holds(comparison: Comparison, document: Document) -> None:
    (group,) = comparison.groups
    (section,) = document.sections
    by_slice = rows(section, "By slice")
    assert by_slice["published"]["accuracy"] == "40.00 (30.4–49.6)"  # Wilson, 38 of 96
    interval = next(row for row in group.rows if row.label == "baseline").scores["accuracy"].interval
    assert interval is not None
    assert by_slice["baseline"]["counted_seeds"] == "2"
    assert by_slice["baseline"]["accuracy"] == f"60.00 ({100 * interval.low:.1f}–{100 * interval.high:.1f})"
    (pair,) = group.pairs
    found = pair.differences["accuracy"]
    assert found is not None
    (against,) = rows(section, "Versus baseline").values()
    ends = f"({100 * found.interval.low:+.1f} to {100 * found.interval.high:+.1f})"
    assert against["change_accuracy"] == f"{100 * found.interval.value:+.2f} {ends}"
    assert against["shown_verdict"] == pair.verdict == "better"


def test_every_metric_has_a_column_and_every_class_metric_a_table(document: Document) -> None:
    (section,) = document.sections
    by_key = {table.key: {column.key for column in table.columns} for table in section.tables}
    changes = {f"change_{metric.name}" for metric in metrics("image", "counts", per_class=False)}
    assert {metric.name for metric in metrics("image", "counts", per_class=False)} <= by_key["overall"]
    assert changes <= by_key["pairs"]
    assert {metric.name for metric in metrics("image", "probabilities", per_class=False)} <= by_key["probabilities"]
    for metric in metrics(per_class=True):
        if metric.name == "precision":  # not defined for these runs
            continue
        assert {f"{metric.name}_A", f"{metric.name}_{EVIL}"} <= by_key[metric.name]


def notes_of(document: Document) -> list[str]:
    """All remarks beside the cells, and what a reader must know before them."""
    return [
        text
        for section in document.sections
        for text in [
            *section.warnings, *(table.note for table in section.tables), *section.notes, *section.sources
        ]
        if text
    ]  # fmt: skip


def test_html_markdown_and_latex_hold_the_same_notes(document: Document) -> None:
    notes = notes_of(document)
    assert any(text.startswith("Published: ") for text in notes)
    page = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", render_html(document))).split())
    markdown = html.unescape(re.sub(r"\\(.)", r"\1", render_markdown(document)))
    tex = render_latex(document)
    assert [note for note in notes if note not in page] == []
    assert [note for note in notes if note not in markdown] == []
    assert [note for note in notes if latex(note) not in tex] == []


def test_html_markdown_and_latex_hold_the_same_texts(document: Document) -> None:
    page = Tables()
    page.feed(render_html(document))
    assert page.cells == texts(document)
    markdown = render_markdown(document)
    rows = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line.startswith("|")]
    cells = [html.unescape(re.sub(r"\\(.)", r"\1", cell)) for row in rows if row[0] != "---" for cell in row]
    assert cells == texts(document)
    lines = [line.removesuffix(r" \\") for line in render_latex(document).splitlines() if line.endswith(r" \\")]
    assert [cell for line in lines for cell in re.split(r"(?<!\\) & ", line)] == [latex(t) for t in texts(document)]


@pytest.fixture
def page(comparison: Comparison, tmp_path: Path) -> str:
    """The comparison's page, with its figures."""
    path = tmp_path / "page.html"
    write_comparison(comparison, Files(html=path))
    return path.read_text(encoding="utf-8")


def test_figures_stand_below_the_tables_they_belong_to(page: str) -> None:
    tables = [
        page.index(f"<caption>{title}") for title in ("By slice", "F1 by class", "Versus baseline", "Probabilities")
    ]
    figures = [
        page.index(f"<figcaption>{text}") for text in ("Test accuracy", "Predictions in per cent", "Paired", "ROC")
    ]
    assert sorted([*tables, *figures]) == [place for both in zip(tables, figures, strict=True) for place in both]


def test_figures_have_no_background_that_glares_in_the_dark(page: str) -> None:
    for content in re.findall(r'svg\+xml;base64,([^"]*)"', page):
        drawing = base64.b64decode(content).decode()
        background = drawing[drawing.index('id="patch_1"') :].split("/>")[0]
        assert re.search(r'style="fill: (none|#ffffff; opacity: 0)', background), background


@pytest.mark.usefixtures("comparison")
def test_of_labels_without_probabilities_nothing_is_drawn_but_them(tmp_path: Path) -> None:
    for path in (tmp_path / "baseline").glob("*/metrics.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "labels_only": "labels alone"}))
    (group,) = compare(RunStore(tmp_path).runs(), [REFERENCE]).groups
    figures = group_figures(group, read_group(group))
    confusion = next(placed for placed in figures if placed.caption.startswith("Predictions"))
    assert "No calibration and curves without probabilities: baseline." in confusion.caption
    assert len(confusion.figure.axes) == 2
    assert [len(placed.figure.axes) for placed in figures if "curves" in placed.caption[:10]] == [1]


def test_names_stay_text(document: Document, page: str) -> None:
    parsed = Tables()
    parsed.feed(page)
    assert parsed.tags.count("script") == 1  # the page's own
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<script" not in render_markdown(replace(document, title=EVIL, about=EVIL))
    assert r"\$x\$" in render_markdown(Document("$x$", "", ()))
    assert render_latex(replace(document, title="a\\input{x}\nb")).splitlines()[0].startswith("% ")


@pytest.mark.parametrize(
    "text", ["a|b", "a\nb", "*a*", "[a](b)", "# a", "`a`", "<b>", "&lt;", "1_000", "\\", "$x$", "> a"]
)
def test_markdown_has_no_markup_but_its_own(text: str) -> None:
    document = Document("T", text, (Section(text, (text,), (), (text,)),))
    lines = [line for line in render_markdown(document).splitlines() if line]
    plain = " ".join(text.split())
    assert [html.unescape(re.sub(r"\\(.)", r"\1", line)) for line in lines] == [
        "# T", plain, f"## {plain}", f"**{plain}**", plain,
    ]  # fmt: skip


def test_latex_escapes_every_special_character() -> None:
    assert latex("50 % & a_b {c} #1 $x$ ~ ^ \\") == (
        r"50 \% \& a\_b \{c\} \#1 \$x\$ \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [("[a]", "{[}a{]}"), ("*", "{*}"), ("`a|b`", r"\textasciigrave{}a\textbar{}b\textasciigrave{}")],
    ids=["option", "star", "quotes"],
)
def test_no_cell_is_taken_for_an_option_of_the_row_above(text: str, written: str) -> None:
    table = make_table("T", [Column("name", "name")], [{"name": "a"}, {"name": text}])
    assert written + r" \\" in render_latex(Document("T", "", (Section("S", (), (table,)),))).splitlines()


def test_nothing_in_a_page_comes_from_elsewhere(page: str) -> None:
    sources = re.findall(r"""(?:src|href)=["']([^"']*)""", page)
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "@import" not in page
    assert "url(" not in page


def test_the_same_comparison_gives_the_same_page(comparison: Comparison, page: str, tmp_path: Path) -> None:
    write_comparison(comparison, Files(html=tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_what_is_left_out_or_not_alike_is_said_in_every_format(tmp_path: Path) -> None:
    for name, seed, leaks in (("baseline", 0, "all of it"), ("clean", 0, ""), ("later", 1, "")):
        run = write_run(tmp_path, 0.6, (0.5, 0.5), n=96, experiment=name, settings_hash=name, seed=seed, leaks=leaks)
        draw_predictions(run, seed, 0.6)
    compared = compare(RunStore(tmp_path).runs(), [])
    document = document_of(compared)
    (section,) = document.sections
    assert list(rows(section, "By slice")) == ["baseline [leaky]", "clean [no leak]", "later [no leak]"]
    assert "later: not paired with baseline: they have no common seed." in section.notes
    assert "baseline: all of it." in section.warnings
    (unpaired,) = export_frame(document).set_index("experiment").loc[["later"], "unpaired"]
    assert unpaired == plain(document.data)["groups"][0]["rows"][2]["unpaired"]
    assert unpaired == "not paired with baseline: they have no common seed"


def test_the_first_table_shows_the_area_of_subjects_and_the_ensemble_of_seeds(tmp_path: Path) -> None:
    for name, variant, right in (("x", "baseline", 0.9), ("sanity-dark-share", "dark_share", 0.6)):
        for seed in (0, 1):
            path = write_run(
                tmp_path, n=96, experiment=name, settings_hash=name, seed=seed, variant=variant, sanity=name != "x",
                hash=f"{name}{seed}",
            )  # fmt: skip
            draw_predictions(path, seed, right)
            table = read_run(path).predictions()
            scores = evaluate(table)
            (path / "subjects.json").write_text(json.dumps(count_subjects(table).to_json()))
            scored = RunMetrics(test=scores.images, test_by_subject=scores.subjects)
            (path / "metrics.json").write_text(json.dumps(scored.to_json()))
    comparison = compare(RunStore(tmp_path).runs(), [])
    document = document_of(comparison)
    first = document.sections[0].tables[0]
    assert [column.key for column in first.columns][:4] == [
        "name", "counted_seeds", "accuracy", "subject_demented_auc",
    ]  # fmt: skip
    assert [row[0] for row in first.texts] == ["x", "x: ensemble of 2 seeds", "sanity-dark-share"]
    assert first.texts[0][3].startswith("1.000")
    assert list(first.weak) == [2]
    (sentence,) = [note for note in document.sections[0].notes if note.startswith("Against the untrained")]
    assert "sanity-dark-share" in sentence
    assert "beaten by x (" in sentence
    frame = export_frame(document)
    assert frame["kind"].tolist() == ["experiment", "ensemble", "sanity"]
    assert frame["against"].isna().tolist() == [True, True, False]  # the ensemble is in no pair
    data = plain(document.data)["groups"][0]
    assert data["ensembles"]["x"]["seeds"] == [0, 1]
    assert data["atrophy"][0]["other"] == "x"
