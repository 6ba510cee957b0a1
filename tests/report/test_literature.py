"""The section of published results, against texts by hand."""

from __future__ import annotations

from dataclasses import replace

from alzbench.compare.literature import PublishedResult, Reproduction
from alzbench.report.document import Document
from alzbench.report.literature import published_section
from alzbench.report.terminal import render_terminal
from tests.helpers.text import text_of


def found(name: str, value: float, protocol: str, low: float, high: float, *by: str) -> Reproduction:
    result = PublishedResult(name=name, accuracy=value, source=f"doi of {name}", split="by image", test_size=640)
    return Reproduction(result, "accuracy", value, protocol, low, high, by, low > value)


def test_a_row_for_each_score_with_the_protocols_that_reproduce_it() -> None:
    section = published_section(
        [
            found("Old", 0.6686, "reference", 0.664, 0.782, "baseline", "attention"),
            found("Old", 0.6686, "subject", 0.48, 0.52),
            found("High", 0.99, "reference", 0.664, 0.782),
            found("High", 0.99, "subject", 0.5, 0.5),
        ]
    )
    assert section is not None
    (table,) = section.tables
    assert table.texts == [
        ["Old", "accuracy %", "66.86", "66.4–78.2", "48.0–52.0", "reference", "reference: baseline, attention",
         "640", "by image", "not told"],
        ["High", "accuracy %", "99.00", "66.4–78.2", "50.0", "none", "", "640", "by image", "not told"],
    ]  # fmt: skip
    assert section.answer == (
        "1 of 2 published scores are reproduced (1 under reference, 0 under subject); 1 are higher than any here.",
    )
    assert section.sources == ("Old: doi of Old.", "High: doi of High.")
    for width in (80, 120):
        lines = text_of(render_terminal(Document("x", "", (section,))), width).splitlines()
        assert max(map(len, lines)) <= width


def test_nothing_published_is_no_section() -> None:
    assert published_section([]) is None


def test_results_with_the_same_name_have_rows_of_their_own() -> None:
    image = found("Mine", 0.9, "subject", 0.5, 0.6)
    subject = replace(image, result=image.result.model_copy(update={"unit": "subject"}), low=0.8, high=0.95, by=("a",))
    section = published_section([image, subject])
    assert section is not None
    (table,) = section.tables
    assert [row[:5] for row in table.texts] == [
        ["Mine", "accuracy %", "90.00", "50.0–60.0", "none"],
        ["Mine", "accuracy %, by subject", "90.00", "80.0–95.0", "subject"],
    ]
    assert section.answer[0].startswith("1 of 2 published scores are reproduced (1 under subject)")


def test_groups_with_the_same_protocol_are_one_column() -> None:
    section = published_section(
        [found("One", 0.7, "subject", 0.6, 0.75, "a", "b"), found("One", 0.7, "subject", 0.4, 0.72, "b", "c"),
         found("Two", 0.74, "subject", 0.6, 0.75), found("Two", 0.74, "subject", 0.4, 0.72)]
    )  # fmt: skip
    assert section is not None
    (table,) = section.tables
    assert [row[3:6] for row in table.texts] == [
        ["40.0–75.0", "subject", "subject: a, b, c"], ["40.0–75.0", "none", ""]
    ]  # fmt: skip
    assert section.answer[0].startswith(
        "1 of 2 published scores are reproduced (1 under subject); 0 are higher"
    )  # not 2 under subject, and 0.74 is not above every group
