"""The maps on the pages of a run and of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from alzbench.compare import compare
from alzbench.report.document import Document, Section
from alzbench.report.map_answer import NO_FINDING
from alzbench.report.map_pictures import maps_figures
from alzbench.report.pages import Files, write_comparison
from alzbench.report.pages import write_run as write_page
from alzbench.report.shown_maps import ShownMaps, read_group_maps, read_run_maps
from alzbench.store import Run, RunStore, read_run
from alzbench.store.explanation import MethodInfo
from tests.helpers.explanations import make_check, make_images, write_explanation
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run

ONLY = {"grad_cam": MethodInfo(label="Grad-CAM")}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of three experiments, each with two seeds and predictions."""
    for experiment in ("attention", "baseline", "third"):
        for seed in range(2):
            about = {"experiment": experiment, "settings_hash": experiment, "seed": seed, "test": f"t{seed}"}
            path = write_run(tmp_path / "runs", 0.5, n=96, **about)
            draw_predictions(path, seed, 0.7)
    return tmp_path / "runs"


def run_of(root: Path, experiment: str, seed: int = 0) -> Run:
    return read_run(root / experiment / f"seed-{seed}-h{seed}")


def group_maps(root: Path) -> ShownMaps | None:
    (group,) = compare(RunStore(root).runs(), []).groups
    return read_group_maps(group)


def titles(maps: ShownMaps | None) -> list[str]:
    return [column.title for column in maps.columns] if maps else []


def section_of(document: Document, place: int = -1) -> Section:
    return document.sections[place]


def test_a_run_shows_its_methods_with_its_checks(root: Path, tmp_path: Path) -> None:
    run = run_of(root, "attention")
    write_explanation(run.path, checks=[make_check("grad_cam", verdict="failed", sentence="Do not trust it.")])
    document = write_page(run, Files(html=tmp_path / "page.html"))
    section = section_of(document)
    assert section.title == "What the model looks at"
    assert section.warnings == (
        "No map is shown to mark what the model looks at: none passes both randomisation and faithfulness.",
        "Grad-CAM: Do not trust it.",
    )
    assert section.tables[0].texts == [
        ["Grad-CAM: randomisation", "failed", "0.250 (0.125–0.375)", "0.500 (0.438–0.562)"]
    ]
    assert titles(read_run_maps(run)) == ["Attention", "Grad-CAM"]
    assert (tmp_path / "page.html").read_text().count('class="images"') == 1


def test_a_run_without_maps_has_the_page_as_before(root: Path, tmp_path: Path) -> None:
    document = write_page(run_of(root, "attention"), Files(html=tmp_path / "page.html"))
    assert len(document.sections) == 1
    assert 'class="images"' not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("explanation.json", b"{"),
        ("images.csv", b"image\nx\n"),
        ("images.csv", b"image,subject,slice,label,predicted,confidence,group\nx,s,1,A,B,high,error\n"),
        ("attention.npy", b"no array"),
        ("slices", b""),
    ],
    ids=["contents", "columns", "confidence", "maps", "pictures"],
)
def test_a_damaged_explanation_is_one_line_and_breaks_no_page(
    root: Path, tmp_path: Path, file: str, content: bytes
) -> None:
    damaged = run_of(root, "attention")
    for experiment in ("attention", "baseline"):
        folder = write_explanation(run_of(root, experiment).path)
    folder = damaged.path / "explain"
    if file == "slices":
        for picture in (folder / "slices").glob("*.png"):
            picture.write_bytes(content)
    else:
        (folder / file).write_bytes(content)
    document = write_page(damaged, Files(html=tmp_path / "run.html"))
    (note,) = section_of(document).notes
    assert note.startswith(f"The maps of {damaged.name} are left out: ")
    assert "run `alzbench explain` again" in note
    comparison = write_comparison(compare(RunStore(root).runs(), []), Files(html=tmp_path / "compare.html"))
    notes = [text for text in section_of(comparison).notes if "are left out" in text]
    assert len(notes) == 1
    page = (tmp_path / "compare.html").read_text()
    assert page.count('class="images"') == 1
    assert titles(group_maps(root)) == ["baseline"]


def test_a_comparison_shows_the_experiments_that_have_maps_and_the_command_for_the_others(
    root: Path, tmp_path: Path
) -> None:
    for experiment in ("attention", "baseline"):
        write_explanation(run_of(root, experiment).path)
    page = tmp_path / "page.html"
    document = write_comparison(compare(RunStore(root).runs(), []), Files(html=page))
    section = section_of(document)
    assert f"Maps of Attention, seed 0, for 6 images that all of these runs explain. {NO_FINDING}" in section.notes
    assert "Without maps of seed 0: third; make them by `alzbench explain third/seed-0-h0`." in section.notes
    verdicts = next(table for table in section.tables if table.key == "maps")
    assert verdicts.texts[0] == ["attention", "Attention", "1", "0", "0", "–"]
    assert page.read_text().count('class="images"') == 1
    (placed,) = maps_figures(group_maps(root))
    assert placed.beside == "maps"
    assert titles(group_maps(root)) == ["attention", "baseline"]


def test_a_comparison_without_maps_says_nothing_of_them(root: Path, tmp_path: Path) -> None:
    document = write_comparison(compare(RunStore(root).runs(), []), Files(html=tmp_path / "page.html"))
    assert not [note for note in section_of(document).notes if "aps" in note]
    assert not [table for table in section_of(document).tables if table.key == "maps"]


def test_maps_are_not_read_for_the_terminal(root: Path) -> None:
    write_explanation(run_of(root, "attention").path)
    document = write_comparison(compare(RunStore(root).runs(), []))
    assert not [table for table in section_of(document).tables if table.key == "maps"]


def explain_all(root: Path, runs: Sequence[tuple[str, int]], **options: object) -> None:
    for experiment, seed in runs:
        write_explanation(run_of(root, experiment, seed).path, **options)  # type: ignore[arg-type]


def test_the_seed_with_the_most_maps_is_shown(root: Path) -> None:
    explain_all(root, [("attention", 0), ("attention", 1), ("baseline", 1)])
    maps = group_maps(root)
    assert maps is not None
    assert [run.run.card.seed for run in maps.runs] == [1, 1]
    assert "seed 1" in maps.notes[0]


def test_a_method_that_all_have_is_shown_else_one_of_each(root: Path) -> None:
    explain_all(root, [("attention", 0)])
    explain_all(root, [("baseline", 0)], methods=ONLY)
    maps = group_maps(root)
    assert maps is not None
    assert {column.method for column in maps.columns} == {"grad_cam"}
    explain_all(root, [("attention", 0)], methods={"attention": MethodInfo(label="Attention")})
    assert titles(group_maps(root)) == ["attention, Attention", "baseline, Grad-CAM"]


def test_without_common_images_there_is_no_figure_but_a_reason(root: Path) -> None:
    explain_all(root, [("attention", 0)])
    explain_all(root, [("baseline", 0)], images=make_images().assign(image=lambda t: "other " + t["image"]))
    maps = group_maps(root)
    assert maps is not None
    assert maps_figures(maps) == []
    assert maps.notes[0].startswith("The runs with maps of seed 0 have no explained image in common")


def test_a_run_with_an_empty_explanation_is_not_explained(root: Path) -> None:
    run = run_of(root, "attention")
    write_explanation(run.path, pd.DataFrame(columns=list(make_images())))
    assert read_run_maps(run) is None
