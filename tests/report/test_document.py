"""A comparison's document, as HTML, Markdown and LaTeX: the same numbers, and every name as plain text."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from alzbench.compare import Comparison, Reference, compare
from alzbench.report.cells import Cell
from alzbench.report.document import Section, Table, comparison_sections
from alzbench.report.export import comparison_json, comparison_table
from alzbench.report.html import render_html
from alzbench.report.markup import latex, render_latex, render_markdown
from alzbench.report.pages import Files, write_comparison
from alzbench.report.pictures import placed_figures
from alzbench.store import RunStore
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


@pytest.fixture
def sections(comparison: Comparison) -> list[Section]:
    return comparison_sections(comparison)


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


def texts(sections: Sequence[Section]) -> list[str]:
    """All headings and cells of the tables, in order."""
    return [
        text
        for section in sections
        for table in section.tables
        for text in [*table.columns, *(cell.text for row in table.rows for cell in row)]
    ]


def test_the_tables_say_what_the_comparison_holds(comparison: Comparison, sections: list[Section]) -> None:
    (group,) = comparison.groups
    (section,) = sections
    by_slice = {row[0].text: [cell.text for cell in row] for row in section.tables[0].rows}
    assert by_slice["published"][2:4] == ["40.00", "30.4 to 49.6"]  # Wilson, 38 of 96
    interval = next(row for row in group.rows if row.label == "baseline").intervals["accuracy"]
    assert by_slice["baseline"][1:4] == ["2", "60.00", f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"]
    (pair,) = group.pairs
    found = pair.differences["accuracy"]
    assert found is not None
    against = next(table for table in section.tables if table.title == "Against baseline")
    assert against.rows[0][2].text == f"{100 * found.interval.value:+.2f}"
    assert against.rows[0][8].text == pair.verdict == "better"


def notes_of(sections: Sequence[Section]) -> list[str]:
    """All that is said beside the cells, and what a reader must know before them."""
    return [
        text
        for section in sections
        for text in [*section.warnings, *(table.note for table in section.tables), *section.notes]
        if text
    ]


def test_html_markdown_and_latex_hold_the_same_notes(sections: list[Section]) -> None:
    notes = notes_of(sections)
    assert any(text.startswith("Published: ") for text in notes)
    plain = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", render_html("T", "about", sections))).split())
    markdown = html.unescape(re.sub(r"\\(.)", r"\1", render_markdown("T", "about", sections)))
    tex = render_latex("T", sections)
    assert [note for note in notes if note not in plain] == []
    assert [note for note in notes if note not in markdown] == []
    assert [note for note in notes if latex(note) not in tex] == []


def test_html_markdown_and_latex_hold_the_same_texts(sections: list[Section]) -> None:
    page = Tables()
    page.feed(render_html("T", "about", sections))
    assert page.cells == texts(sections)
    markdown = render_markdown("T", "about", sections)
    rows = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line.startswith("|")]
    cells = [html.unescape(re.sub(r"\\(.)", r"\1", cell)) for row in rows if row[0] != "---" for cell in row]
    assert cells == texts(sections)
    lines = [line.removesuffix(r" \\") for line in render_latex("T", sections).splitlines() if line.endswith(r" \\")]
    assert [cell for line in lines for cell in re.split(r"(?<!\\) & ", line)] == [latex(t) for t in texts(sections)]


@pytest.fixture
def page(comparison: Comparison, tmp_path: Path) -> str:
    """The comparison's page, with its figures."""
    path = tmp_path / "page.html"
    write_comparison(comparison, Files(html=path))
    return path.read_text(encoding="utf-8")


def test_figures_stand_below_the_tables_they_belong_to(page: str) -> None:
    tables = [page.index(f"<caption>{title}") for title in ("By slice", "By class", "Against baseline")]
    figures = [page.index(f"<figcaption>{text}") for text in ("Test accuracy", "Answers in per cent", "Paired")]
    assert sorted([*tables, *figures]) == [place for both in zip(tables, figures, strict=True) for place in both]


def test_figures_have_no_background_that_glares_in_the_dark(page: str) -> None:
    for content in re.findall(r'svg\+xml;base64,([^"]*)"', page):
        drawing = base64.b64decode(content).decode()
        background = drawing[drawing.index('id="patch_1"') :].split("/>")[0]
        assert re.search(r'style="fill: (none|#ffffff; opacity: 0)', background), background


def test_of_answers_without_probabilities_nothing_is_drawn_but_them(comparison: Comparison) -> None:
    baseline = next(row for row in comparison.groups[0].rows if row.label == "baseline")
    for folder in baseline.folders:
        path = Path(folder) / "metrics.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "answers_only": "answers alone"}))
    figures = placed_figures(comparison.groups[0])
    confusion = next(placed for placed in figures if placed.caption.startswith("Answers"))
    assert "baseline: answers without probabilities" in confusion.caption
    assert len(confusion.figure.axes) == 2
    assert [len(placed.figure.axes) for placed in figures if "curves" in placed.caption[:10]] == [1]


def test_names_stay_text(sections: list[Section], page: str) -> None:
    parsed = Tables()
    parsed.feed(page)
    assert parsed.tags.count("script") == 1  # the page's own
    assert "alert(1)" in page
    assert "<script>alert" not in page
    markdown = render_markdown(EVIL, EVIL, sections)
    assert "<script" not in markdown
    assert r"\$x\$" in render_markdown("$x$", "", [])
    assert render_latex("a\\input{x}\nb", sections).splitlines()[0].startswith("% ")


@pytest.mark.parametrize(
    "text", ["a|b", "a\nb", "*a*", "[a](b)", "# a", "`a`", "<b>", "&lt;", "1_000", "\\", "$x$", "> a"]
)
def test_markdown_has_no_markup_but_its_own(text: str) -> None:
    sections = [Section(text, (text,), (), (text,))]
    lines = [line for line in render_markdown("T", text, sections).splitlines() if line]
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
    table = Table("T", ("name",), ((Cell("a"),), (Cell(text),)))
    assert written + r" \\" in render_latex("T", [Section("S", (), (table,), ())]).splitlines()


def test_latex_tables_can_be_referred_to_and_their_captions_are_sentences() -> None:
    table = Table("Against MyNet", ("name",), ((Cell("a"),),), note="A note.")
    lines = render_latex("T", [Section("S", ("Beware.",), (table,), ())]).splitlines()
    assert r"\caption{S: against MyNet. Beware. A note.}" in lines
    assert r"\label{tab:1-against-mynet}" in lines


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
    (section,) = comparison_sections(compared)
    assert [row[0].text for row in section.tables[0].rows] == ["baseline [leaky]", "clean [no leak]", "later [no leak]"]
    assert "later: not paired with baseline: they have no seed in common." in section.notes
    assert "baseline: all of it." in section.warnings
    (unpaired,) = comparison_table(compared).set_index("experiment").loc[["later"], "unpaired"]
    assert unpaired == comparison_json(compared)["groups"][0]["rows"][2]["unpaired"]
    assert unpaired == "not paired with baseline: they have no seed in common"
