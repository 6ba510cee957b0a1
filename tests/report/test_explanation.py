"""The document of explained runs, and its page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from alzbench.errors import DataError
from alzbench.report.document import Document, Table
from alzbench.report.explanation import explanation_document
from alzbench.report.export import export_frame, render_json
from alzbench.report.map_answer import NO_FINDING, UNCHECKED
from alzbench.report.map_pictures import MOST_METHODS, explanation_figures
from alzbench.report.pages import Files
from alzbench.report.pages import write_explanation as write_pages
from alzbench.store import Run, read_run
from alzbench.store.explanation import Check, Explanation, MethodInfo, read_explanation
from tests.helpers.explanations import draw_slices, make_check, make_images, write_explanation
from tests.helpers.runs import write_run
from tests.helpers.text import EVIL

Pair = tuple[Run, Explanation]
Explain = Callable[..., Pair]


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    """Store a run with an explanation, and return both: ``explain(checks=[...], card={"seed": 1})``."""

    def make(card: dict[str, Any] | None = None, classes: Sequence[str] = ("A", "B"), **options: Any) -> Pair:
        path = write_run(tmp_path, 0.5, [0.5] * len(classes), classes, **(card or {}))
        write_explanation(path, **options)
        explanation = read_explanation(path)
        assert explanation is not None
        return read_run(path), explanation

    return make


def table(document: Document, title: str) -> Table:
    return next(table for section in document.sections for table in section.tables if table.title == title)


def test_the_answer_comes_first_and_begins_with_maps_that_do_not_depend_on_the_model(explain: Explain) -> None:
    checks = [
        make_check("attention", "inside_head", "failed", sentence="It prefers the background"),
        make_check("attention", "deletion", "passed", sentence="It is faster."),
        make_check("grad_cam", "randomisation", "failed", sentence="This map does not depend on the model."),
        make_check("grad_cam", "deletion", "unclear", sentence="Nobody knows."),
    ]
    first = explanation_document([explain(checks=checks)]).sections[0]
    assert first.tables == ()
    assert first.warnings == (
        "No map is shown to mark what the model looks at: none passes both randomisation and faithfulness.",
        "Grad-CAM: This map does not depend on the model.", "Attention: It prefers the background.",
    )  # fmt: skip
    assert first.notes == ("Attention, passed: It is faster.", "Grad-CAM, unclear: Nobody knows.", NO_FINDING)


def test_several_runs_are_summed_up(explain: Explain) -> None:
    def checks(randomisation: str, deletion: str) -> list[Check]:
        return [make_check("grad_cam", verdict=randomisation), make_check("grad_cam", "deletion", deletion)]

    runs = [explain(checks=checks("failed", "failed")), explain({"seed": 1}, checks=checks("passed", "failed"))]
    document = explanation_document(runs)
    assert document.sections[0].warnings == (
        "No map is shown to mark what the models look at: none passes both randomisation and faithfulness in all runs "
        "(Grad-CAM in 0 of 2 runs).",
        "Grad-CAM: the map does not depend on the model in 1 of 2 runs (x, seed 0).",
    )
    changes = "Randomisation: the map changes if the weights are random (Grad-CAM in 1 of 2 runs)."
    assert document.sections[0].notes == (changes, NO_FINDING)
    assert table(document, "Runs that pass").texts == [
        ["randomisation", "1 of 2, 1 failed"], ["deletion", "0 of 2, 2 failed"],
    ]  # fmt: skip
    assert table(document, "Checks by run").texts == [
        ["Grad-CAM: randomisation", "0.250 failed", "0.250 passed"],
        ["Grad-CAM: deletion", "0.250 failed", "0.250 failed"],
    ]
    assert [section.title for section in document.sections[3:]] == ["x, seed 0", "x, seed 1"]


def test_checks_have_their_numbers(explain: Explain) -> None:
    found = table(explanation_document([explain(checks=[make_check("grad_cam")])]), "Checks of the maps")
    assert found.texts[0] == [
        "Grad-CAM: randomisation", "passed", "0.250 (0.125–0.375)", "0.500 (0.438–0.562)",
        "-0.250 (-0.375 to -0.125)", "40", "9", "the randomisation check, against unrelated images",
    ]  # fmt: skip


def test_a_check_against_two_things_is_named_twice(explain: Explain) -> None:
    checks = [make_check("grad_cam", "deletion", against=against) for against in ("random maps", "the centre")]
    found = table(explanation_document([explain(checks=checks)]), "Checks of the maps")
    assert [row[0] for row in found.texts] == [
        "Grad-CAM: deletion, against random maps", "Grad-CAM: deletion, against the centre",
    ]  # fmt: skip


def test_without_checks_the_page_says_that_nothing_is_known(explain: Explain) -> None:
    document = explanation_document([explain(checks=[])])
    assert document.sections[0].warnings == (UNCHECKED,)
    assert document.sections[1].tables == ()
    assert document.sections[1].notes == ("None was made.",)
    assert document.sections[2].title == "Images"  # of one run there are no others to be the same as


def test_methods_and_errors_are_listed(explain: Explain) -> None:
    document = explanation_document([explain()])
    assert table(document, "Methods").texts[1] == ["Grad-CAM", "4 x 4", "Selvaraju et al. 2017"]
    errors = table(document, "Explained errors, the most confident first")
    images = make_images()
    wrong = images[images["label"] != images["predicted"]].sort_values("confidence", ascending=False)
    assert [row[0] for row in errors.texts] == wrong["image"].tolist()
    assert errors.texts[0][-1] == f"{wrong['confidence'].iloc[0]:.3f}"
    assert errors.note.startswith("12 of the 24 explained images are misclassified")


def test_json_and_csv_hold_the_checks(explain: Explain) -> None:
    pair = explain(checks=[make_check("grad_cam")])
    document = explanation_document([pair])
    (found,) = json.loads(render_json(document))["runs"]
    assert (found["run"], found["path"]) == (pair[0].name, str(pair[0].path))
    assert found["checks"][0]["baseline"] == {"value": 0.5, "low": 0.4375, "high": 0.5625}
    assert found["checks"][0]["steps"] == {"head": 0.75, "block 16": 0.25}
    assert [image["image"] for image in found["images"]] == make_images()["image"].tolist()
    row = export_frame(document).iloc[0]
    assert (row["run"], row["method"], row["name"]) == (pair[0].name, "grad_cam", "randomisation")
    assert (row["value"], row["value_low"], row["difference_high"], row["verdict"]) == (0.25, 0.125, -0.125, "passed")


def no_errors() -> pd.DataFrame:
    images = make_images()
    return images[images["label"] == images["predicted"]].reset_index(drop=True)


EMPTY = {
    "no errors": {"images": no_errors()},
    "one class": {"images": make_images(("A",)), "classes": ("A",)},
    "no attention": {"heads": 0},
    "no checks": {"checks": []},
    "no methods": {"methods": {}, "checks": []},
    "no images": {"images": make_images(subjects=0).reindex(columns=list(make_images()))},
    "subjects": {"subject": True},
    "colour": {"pictures": [one[..., None].repeat(3, -1) for one in draw_slices(24)]},
}


@pytest.mark.parametrize("options", EMPTY.values(), ids=EMPTY)
def test_a_page_is_written_whatever_is_missing(explain: Explain, tmp_path: Path, options: dict[str, Any]) -> None:
    pair = explain(**options)
    document = write_pages([pair], Files.under(tmp_path, "page"))
    assert len(explanation_figures([pair])) == len(document.sections)
    assert "<figure" in (tmp_path / "page.html").read_text() or not len(pair[1].images)
    for ending in (".md", ".tex", ".csv"):
        assert (tmp_path / "page").with_suffix(ending).is_file()


def test_names_are_text_on_the_page(explain: Explain, tmp_path: Path) -> None:
    images = make_images(("A", EVIL)).assign(subject=EVIL, image=[f"{EVIL}{k}" for k in range(24)])
    methods = {"m": MethodInfo(label=EVIL, reference=EVIL)}
    checks = [make_check("m", verdict="failed", label=EVIL, against=EVIL, sentence=EVIL)]
    pair = explain(classes=("A", EVIL), images=images, methods=methods, checks=checks)
    write_pages([pair], Files(html=tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert EVIL not in page
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page


def test_the_figure_is_of_the_same_images(explain: Explain, tmp_path: Path) -> None:
    runs = [explain(), explain({"seed": 1})]
    write_pages(runs, Files(figure=tmp_path / "figure.png"))
    with Image.open(tmp_path / "figure.png") as image:
        assert image.size[1] > image.size[0]  # six rows, of a slice and two runs


def test_a_damaged_file_is_named_and_no_page_is_written(explain: Explain, tmp_path: Path) -> None:
    pair = explain()
    (pair[1].path / "grad_cam.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match=r"grad_cam\.npy is damaged"):
        write_pages([pair], Files(html=tmp_path / "page.html"))
    assert not (tmp_path / "page.html").exists()


def test_the_figure_of_checks_says_in_which_order_the_runs_are(explain: Explain) -> None:
    runs = [explain(checks=[make_check("grad_cam")]), explain({"seed": 1}, checks=[make_check("grad_cam")])]
    (caption,) = [text for text in captions(runs) if text.startswith("Each check's")]
    assert caption.endswith("In each row the runs are, from the top: x, seed 0; x, seed 1.")
    assert "from the top" not in " ".join(captions(runs[:1]))


def captions(pairs: Sequence[Pair]) -> list[str]:
    return [placed.caption for section in explanation_figures(pairs) for placed in section]


def test_one_run_has_all_figures(explain: Explain) -> None:
    found = captions([explain(checks=[make_check("attention")])])
    starts = [
        "Each check",
        "Weights are made",
        "Maps of x",
        "A: Attention",
        "B: Attention",
        "Mean maps",
        "Attention wei",
    ]
    assert [text[: len(start)] for text, start in zip(found, starts, strict=True)] == starts


def test_runs_without_common_images_have_figures_of_their_own(explain: Explain) -> None:
    other = make_images().assign(image=lambda table: "other " + table["image"])
    runs = [explain(), explain({"seed": 1}), explain({"seed": 2}, images=other)]
    same = [text for text in captions(runs) if "6 images" in text]
    assert same == [
        "Attention for the same 6 images: x, seed 0; x, seed 1.",
        "Grad-CAM for the same 6 images: x, seed 0; x, seed 1.",
        "Maps of x, seed 2 for 6 images.",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_page_of_twelve_runs_stays_small(explain: Explain, tmp_path: Path) -> None:
    methods = {f"m{k}": MethodInfo(label=f"Method {k}") for k in range(MOST_METHODS)}
    checks = [make_check(method, f"check {k}") for method in methods for k in range(5)]
    slices = draw_slices(24, size=(208, 176))
    runs = [
        explain({"seed": seed}, methods=methods, checks=checks, pictures=slices, seed=seed) for seed in range(12)
    ]  # fmt: skip
    write_pages(runs, Files(html=tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert len(re.findall(r"<figure", page)) >= MOST_METHODS + 12
    assert len(page) < 2e6
