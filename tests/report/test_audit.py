"""The comparison's figure and the audit's sentences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.text import Text

from alzbench.compare import Reference, compare
from alzbench.data.audit import Audit
from alzbench.data.leakage import Leakage
from alzbench.drawing import save
from alzbench.report.audit import audit_document, findings
from alzbench.report.figure import comparison_figure
from alzbench.report.terminal import render_terminal
from alzbench.store import RunStore
from tests.helpers.runs import write_run
from tests.helpers.text import text_of

REFERENCE = Reference(name="published", accuracy=0.4, test_images=100, protocol="reference", source="a paper")


def test_a_panel_for_each_group_with_its_references(tmp_path: Path) -> None:
    write_run(tmp_path, 0.25, seed=0)
    write_run(tmp_path, 0.75, seed=1)
    write_run(tmp_path, 0.5, seed=0, experiment="y", protocol="subject", leaks="", hash="h9")
    figure = comparison_figure(compare(RunStore(tmp_path).runs(), [REFERENCE]))
    leaky, clean = figure.axes
    assert (leaky.get_title(), clean.get_title()) == ("reference\n(leaky)", "subject\n(no leakage found)")
    assert [float(line.get_xdata()[0]) for line in leaky.lines] == [50.0, 40.0]  # the mean, and the published figure
    assert [float(line.get_xdata()[0]) for line in clean.lines] == [50.0]


def test_nothing_complete_is_an_empty_figure(tmp_path: Path) -> None:
    write_run(tmp_path, state="failed")
    assert len(comparison_figure(compare(RunStore(tmp_path).runs(), [])).axes) == 1


def test_names_with_dollars_are_drawn_as_they_are(tmp_path: Path) -> None:
    write_run(tmp_path, 0.25, experiment="a${$", protocol="$x$")
    reference = REFERENCE.model_copy(update={"name": r"$\no{$", "protocol": "$x$"})
    figure = comparison_figure(compare(RunStore(tmp_path).runs(), [reference]))
    save(figure, tmp_path / "f.png")
    drawn = [text for text in figure.findobj(Text) if "$" in text.get_text()]
    assert len(drawn) >= 3  # experiment, protocol and reference
    assert not any(text.get_parse_math() for text in drawn)


def audit_of(leakage: Leakage, conflicts: int = 0) -> Audit:
    counts = pd.DataFrame({"train": [1234], "validation": [2], "test": [3]}, index=["[red]A[/red]"])
    rows = [{"what": f"subject s{k}", "images": 2, "labels": "A, B", "files": "a.png, b.png"} for k in range(conflicts)]
    return Audit(
        "slice", 7, None, {"name": 5}, None, counts, counts, leakage, 0, 1, pd.DataFrame(),
        pd.DataFrame(rows, columns=["what", "images", "labels", "files"]), {},
    )  # fmt: skip


def test_findings_have_their_numbers() -> None:
    found = findings(audit_of(Leakage(200, 50, 20, 3, ("a",))))
    assert "50 of 200 are of a subject with images there (25.0 %)" in found
    assert "20 of 200 have a copy of the same slice there (10.0 %)" in found
    assert "3 of 200 test images may leak, because subjects are unknown" in found


def test_many_conflicts_are_counted() -> None:
    found = findings(audit_of(Leakage(1, 0, 0, 0, ()), conflicts=13))
    assert sum(text.startswith("label conflict: ") for text in found) == 10
    assert "and 3 more label conflicts" in found


def test_label_conflicts_are_named_by_their_files() -> None:
    found = findings(audit_of(Leakage(1, 0, 0, 0, ()), conflicts=1))
    assert "label conflict: subject s0 has 2 images labelled A, B: a.png, b.png" in found


def test_what_is_not_used_is_named() -> None:
    audit = replace(
        audit_of(Leakage(1, 0, 0, 0, ())),
        unknown=[f"{k}.png" for k in range(13)],
        left_out=[{"folder": "docs", "images": 1234, "reason": "odd"}, {"folder": ".", "images": 1, "reason": "odd"}],
        unused={"augmented": 5088, "of unknown subject": 13},
    )
    (section,) = audit_document(audit).sections
    assert section.notes[:5] == (
        "images: 5 in the set, 1,235 left out",
        "left out: 1,234 in docs: odd",
        "left out: 1 in .: odd",
        "not used by the protocol: 5,088 augmented, 13 of unknown subject",
        "subjects found by: name 5",
    )
    assert section.notes[5] == f"of unknown subject: {', '.join(f'{k}.png' for k in range(10))}, and 3 more"
    assert (
        audit_document(audit_of(Leakage(1, 0, 0, 0, ()))).sections[0].notes[0] == "images: 5 in the set, none left out"
    )


def test_the_terminal_shows_names_as_they_are() -> None:
    text = text_of(render_terminal(audit_document(audit_of(Leakage(1, 0, 0, 0, ())))))
    assert "[red]A[/red]" in text
    assert "1,234" in text
    assert "slice protocol, seed 7" in text
