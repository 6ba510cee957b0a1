"""A document written by hand, in every format: the same texts, names as plain text, and no cell cut at any width."""

from __future__ import annotations

import html
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from alzbench.report.columns import P_VALUE
from alzbench.report.document import Cell, Column, Document, Form, Section, Table, make_table
from alzbench.report.export import export_frame, plain, render_csv, render_json
from alzbench.report.html import render_html
from alzbench.report.markup import latex, render_latex, render_markdown
from alzbench.report.terminal import MOST_ROWS, render_terminal

EVIL = "<script>alert(1)</script>"
PERCENT, SCORE, POINTS = Form(2, 100), Form(3), Form(2, 100, signed=True)
HOSTILE = [EVIL, "[red]x[/red]", "[/]", ":smile:", "a|b", "$x$", r"a\input{x}", "50 % & #1 ~ ^", "*", "[a](b)", "`a`"]


@pytest.mark.parametrize(
    ("form", "cell", "text"),
    [
        (PERCENT, Cell(0.66865), "66.86"),
        (PERCENT, Cell(0.5, 0.4, 0.6), "50.00 (40.0–60.0)"),
        (PERCENT, Cell(1.0, 1.0, 1.0), "100.00 (100.0–100.0)"),
        (SCORE, Cell(0.5, 0.25, 0.75, sd=0.1), "0.500 (0.250–0.750)"),
        (replace(SCORE, spread=True), Cell(0.5, 0.25, 0.75, sd=0.0123), "0.500 ±0.012 (0.250–0.750)"),
        (replace(SCORE, spread=True), Cell(0.5), "0.500"),
        (replace(PERCENT, spread=True), Cell(0.5, sd=0.0123), "50.00 ±1.23"),
        (SCORE, Cell(0.0, -0.05, 0.05), "0.000 (-0.050 to 0.050)"),
        (POINTS, Cell(0.1, -0.2, 0.4), "+10.00 (-20.0 to +40.0)"),
        (POINTS, Cell(-0.00001), "0.00"),
        (SCORE, Cell(-0.0001, -0.0002, 0.2), "0.000 (0.000–0.200)"),
        (Form(), Cell(6400), "6,400"),
        (Form(0, 100), Cell(0.255, 0.2, 0.3), "26 (20–30)"),
        (P_VALUE, Cell(0.05), "0.050"),
        (P_VALUE, Cell(1e-9), "<0.001"),
        (SCORE, Cell(None), "–"),
        (SCORE, Cell(math.nan), "–"),
        (SCORE, Cell(0.5, math.nan, 0.75), "0.500"),
        (SCORE, Cell("none"), "none"),
        (None, Cell(3), "3"),
        (SCORE, Cell(0.5, form=PERCENT), "50.00"),
    ],
)
def test_cells_read_as_their_column_says(form: Form | None, cell: Cell, text: str) -> None:
    assert Column("key", "label", form).text(cell) == text


def document_of(*tables: Table, title: str = "S") -> Document:
    return Document("T", "about", (Section(title, ("Beware.",), tables, ("A note.",), ("A source.",)),), tables[0])


@pytest.fixture
def table() -> Table:
    columns = [
        Column("name", "experiment"), Column("seeds", "seeds", Form()),
        Column("accuracy", "accuracy %", PERCENT, spread=True),
        Column("kappa", "quadratic-weighted kappa", SCORE, "kappa"),
        Column("change", "change of accuracy, points", POINTS, "change"), Column("verdict", "difference"),
        Column("hidden", "on the page alone", SCORE, terminal=False),
    ]  # fmt: skip
    records = [
        {"name": "attention_four_heads", "seeds": 3, "accuracy": Cell(1.0, 0.995, 1.0), "kappa": Cell(0, -1, 1, 0.5),
         "change": Cell(-0.5, -0.9, 0.9), "verdict": "none shown", "hidden": 0.125},
        {"name": "published", "accuracy": 0.4, "kappa": math.nan, "weak": True},
    ]  # fmt: skip
    return make_table("Against baseline", columns, records, "How to read it.", "pairs")


def shown(document: Document, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render_terminal(document), crop=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_records_become_rows_and_what_they_lack_is_undefined(table: Table) -> None:
    assert table.texts[1] == ["published", "–", "40.00", "–", "–", "–", "–"]
    assert table.weak == {1}


def test_html_markdown_and_latex_hold_the_same_texts(table: Table) -> None:
    document = document_of(table)
    texts = [column.label for column in table.columns] + [text for row in table.texts for text in row]
    page = render_html(document)
    assert [html.unescape(re.sub("<[^>]*>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", page)] == texts
    rows = [line.strip("| ").split(" | ") for line in render_markdown(document).splitlines() if line.startswith("|")]
    assert [re.sub(r"\\(.)", r"\1", cell) for row in rows if "---" not in row[0] for cell in row] == texts
    lines = [line.removesuffix(r" \\") for line in render_latex(document).splitlines() if line.endswith(r" \\")]
    assert [cell for line in lines for cell in re.split(r"(?<!\\) & ", line)] == [latex(text) for text in texts]


@pytest.mark.parametrize("render", [render_html, render_markdown, render_latex], ids=["html", "markdown", "latex"])
def test_all_remarks_are_in_every_format(table: Table, render: Callable[[Document], str]) -> None:
    text = render(document_of(table))
    assert all(remark in text for remark in ("Beware.", "A note.", "A source.", "How to read it."))


def test_the_terminal_has_no_room_for_sources_and_for_columns_of_the_page(table: Table) -> None:
    text = shown(document_of(table, replace(table, title="Elsewhere", terminal=False)))
    assert all(remark in text for remark in ("! Beware.", "A note.", "How to read it.", "Against baseline"))
    assert not any(remark in text for remark in ("A source.", "0.125", "Elsewhere"))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_no_cell_is_cut_at_any_width(table: Table, width: int) -> None:
    lines = shown(document_of(table), width).splitlines()
    cells = {cell for line in lines for cell in re.split(r" {2,}", line.strip())}
    assert {text for row in table.texts for text in row[:-1]} <= cells
    assert {"seeds", "kappa", "change"} <= cells
    if width >= 60:
        assert max(map(len, lines)) <= width


def test_columns_that_do_not_fit_go_into_blocks_with_the_names_again(table: Table) -> None:
    assert sum(line.strip().startswith("attention_four_heads") for line in shown(document_of(table)).splitlines()) == 2
    assert shown(document_of(table), 120).count("attention_four_heads") == 1


def test_values_stand_below_values(table: Table) -> None:
    first, second = (line for line in shown(document_of(table)).splitlines() if re.search(r"(100|40)\.00", line))
    assert first.index(".00 (") == second.index(".00")


def test_a_longer_name_is_folded_and_keeps_all_its_letters() -> None:
    named = make_table("T", [Column("name", "name"), Column("n", "n", Form())], [{"name": "n" * 90 + "_end", "n": 1}])
    text = shown(document_of(named))
    assert max(map(len, text.splitlines())) <= 80
    assert "n" * 90 + "_end" in re.sub(r"[\s1]", "", text)


def test_of_very_many_rows_the_first_are_shown_and_how_many_more_there_are() -> None:
    many = make_table("T", [Column("name", "name")], [{"name": f"e{k:03d}"} for k in range(MOST_ROWS + 7)])
    text = shown(document_of(many))
    assert f"e{MOST_ROWS - 1:03d}" in text
    assert f"e{MOST_ROWS:03d}" not in text
    assert "and 7 more" in text
    assert "For all rows, use --csv, --html or --json." in text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_names(name: str) -> None:
    columns = [Column("name", name), Column("value", name, SCORE, name)]
    document = document_of(make_table(name, columns, [{"name": name, "value": 0.5}], name), title=name)
    hostile = replace(document, title=name, about=name, sections=(replace(document.sections[0], notes=(name,)),))
    assert shown(hostile, 120).count(name) >= 4  # section, title of the table, heading, row
    page = render_html(hostile)
    assert "<script>alert" not in page
    assert page.count(html.escape(name, quote=False).replace('"', "&#34;")) >= 6
    assert "<script" not in render_markdown(hostile)
    assert latex(name) + r" & 0.500 \\" in render_latex(hostile)
    assert export_frame(document).iloc[0].tolist() == [name, 0.5]


def test_a_name_cannot_move_the_cursor_or_break_a_line() -> None:
    named = make_table("T\x1b[2J", [Column("name", "name")], [{"name": "a\x1b[31mb\nc\td"}])
    text = shown(document_of(named, title="\x1b]0;owned\x07"))
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "a [31mb c d" in text
    document = document_of(named, title="\x1b]0;owned\x07")
    for written in (render_latex(document), render_markdown(document)):  # LaTeX stops at such characters
        assert all(character.isprintable() or character == "\n" for character in written)


def test_latex_tables_can_be_referred_to_and_their_captions_are_sentences() -> None:
    lines = render_latex(document_of(make_table("F1 by class", [], [], "A note."))).splitlines()
    assert r"\caption{S: F1 by class. Beware. A note.}" in lines
    assert r"\label{tab:1-f1-by-class}" in lines
    assert r"\caption{S: against MyNet. Beware.}" in render_latex(document_of(make_table("Against MyNet", [], [])))


def test_csv_has_values_in_full_and_a_column_for_each_end(table: Table) -> None:
    frame = pd.read_csv(io.StringIO(render_csv(document_of(table))))
    assert list(frame) == [
        "name", "seeds", "accuracy", "accuracy_sd", "accuracy_low", "accuracy_high", "kappa", "kappa_sd", "kappa_low",
        "kappa_high", "change", "change_low", "change_high", "verdict", "hidden",
    ]  # fmt: skip
    assert frame["accuracy_low"].tolist()[0] == 0.995
    assert frame.iloc[1].dropna().to_dict() == {"name": "published", "accuracy": 0.4}


def test_a_document_without_an_export_is_an_empty_csv() -> None:
    assert export_frame(Document("T", "", ())).empty


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        ({"a": (1, None), 2: {3}}, {"a": [1, None], "2": [3]}),
        (Form(1), {"digits": 1, "scale": 1, "signed": False, "spread": False, "words": None}),
        (pd.DataFrame({"a": [1], "b": ["x"]}), [{"a": 1, "b": "x"}]),
    ],
)
def test_json_is_of_plain_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    assert json.loads(render_json(Document("T", "", (), data={"value": value}))) == {"value": expected}
