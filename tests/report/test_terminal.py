"""Comparisons on the terminal: readable in 80 columns, literal about names, and never with a broken number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alzbench.compare import Comparison, Reference, compare
from alzbench.report.comparison import comparison_document
from alzbench.report.names import short_names
from alzbench.report.terminal import MOST_ROWS, render_terminal
from alzbench.store import RunStore
from tests.helpers.images import CLASSES
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run
from tests.helpers.text import cells, text_of

REFERENCE = Reference(name="reference work", accuracy=0.6686, test_images=6400, protocol="reference", source="a paper")
LONGEST_WHOLE_NAME = "attention_four_heads"  # 20 characters


def shown(comparison: Comparison, width: int = 80) -> str:
    return text_of(render_terminal(comparison_document(comparison)), width)


def comparison_text(root: Path, references: Sequence[Reference] = (), width: int = 80) -> str:
    return shown(compare(RunStore(root).runs(), references), width)


@pytest.fixture
def two_experiments(tmp_path: Path) -> Path:
    """Two experiments, four classes, three seeds."""
    for name, first in (("baseline", 0.60), (LONGEST_WHOLE_NAME, 0.70)):
        for seed in range(3):
            accuracy = first + 0.02 * seed
            f1 = [accuracy + 0.001 * k for k in range(4)]
            write_run(tmp_path, accuracy, f1, CLASSES, n=6400, experiment=name, settings_hash=name, seed=seed)
    return tmp_path


def test_a_comparison_reads_well_in_80_columns(two_experiments: Path) -> None:
    lines = comparison_text(two_experiments, [REFERENCE]).splitlines()
    assert max(map(len, lines)) <= 80
    # by hand: the accuracies are first, first + 0.02, first + 0.04, so mean first + 0.02 and deviation 0.02
    table = [cells(line) for line in lines if line.strip()]
    assert ["reference work", "1", "66.86 (65.7–68.0)", "–", "–", "–"] in table
    assert ["baseline", "3", "62.00", "-4.86", "0.155", "31.00"] in table
    assert [LONGEST_WHOLE_NAME, "3", "72.00", "+5.14", "0.180", "36.00"] in table
    assert [LONGEST_WHOLE_NAME, "1.000"] in table
    assert ["baseline", "0.620 ±0.020", "0.621 ±0.020", "0.622 ±0.020", "0.623 ±0.020"] in table
    assert ["F1 by class", "Non", "VeryMild", "Mild", "Moderate"] in table
    assert ["By slice", "seeds", "accuracy %", "vs ref.", "macro F1", "balanced %"] in table
    assert ["By slice", "kappa"] in table


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_numbers_and_names_are_whole_at_any_width(two_experiments: Path, width: int) -> None:
    text = comparison_text(two_experiments, [REFERENCE], width)
    for number in ("62.00", "36.00", "0.723 ±0.020", "-4.86", "66.86 (65.7–68.0)"):
        assert number in text
    assert sum(line.strip().startswith(LONGEST_WHOLE_NAME) for line in text.splitlines()) >= 2


def test_the_widest_numbers_fit_into_80_columns(tmp_path: Path) -> None:
    for seed, accuracy in ((0, 1.0), (1, 0.0), (2, 0.9)):
        write_run(tmp_path, accuracy, [accuracy] * 4, CLASSES, n=6400, experiment=LONGEST_WHOLE_NAME, seed=seed)
    text = comparison_text(tmp_path, [REFERENCE])
    assert "63.33" in text
    assert max(map(len, text.splitlines())) <= 80
    assert LONGEST_WHOLE_NAME in text


def test_a_longer_name_is_folded_and_keeps_all_its_letters(tmp_path: Path) -> None:
    name = "n" * 30 + "_end"
    write_run(tmp_path, 0.5, [0.5] * 4, CLASSES, experiment=name)
    text = comparison_text(tmp_path)
    assert text.count("n" * 20) >= 2
    assert max(map(len, text.splitlines())) <= 80
    assert "_end" in text.replace("\n", "")


def test_more_classes_than_fit_go_into_further_tables(tmp_path: Path) -> None:
    classes = [f"Class{k}" for k in range(9)]
    write_run(tmp_path, 0.5, [k / 10 for k in range(9)], classes)
    text = comparison_text(tmp_path)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count(" F1 by class ") == 2  # blocks
    assert all(name in text and f"0.{k}00" in text for k, name in enumerate(classes))


@pytest.mark.parametrize("name", ["[red]x[/red]", "<script>", "[/]", "[bold", ":smile:"])
def test_names_are_shown_literally(tmp_path: Path, name: str) -> None:
    reference = Reference(name=name, accuracy=0.5, test_images=100, protocol=name, source="x")
    write_run(tmp_path, 0.5, (0.5, 0.5), (name[:8], "B"), protocol=name, settings_hash="s1", hash="h1")
    path = write_run(tmp_path, state="failed", protocol=name, seed=1, error=name, hash=name.replace("/", ""))
    compared = comparison_text(tmp_path, [reference])
    assert f"{name} protocol" in compared
    assert name[:8] in next(line for line in compared.splitlines() if line.strip().startswith("F1 by class"))
    assert f"Not complete: x/{path.name}" in compared
    assert any(line.startswith(f" {name} ") for line in compared.splitlines())  # the row of the reference


def test_leaks_are_named_under_the_table(tmp_path: Path) -> None:
    write_run(tmp_path, leaks="the test images are known")
    assert "! Train/test leakage: the test images are known." in comparison_text(tmp_path)


def test_what_nobody_knows_is_not_called_leaky(tmp_path: Path) -> None:
    write_run(tmp_path, leaks="leakage cannot be excluded: nobody knows")
    text = comparison_text(tmp_path)
    assert "! Leakage cannot be excluded: nobody knows." in text
    assert "eaky" not in text


def test_without_leaks_nothing_is_said_of_them(tmp_path: Path) -> None:
    write_run(tmp_path, leaks="")
    assert "leak" not in comparison_text(tmp_path)


def test_demo_runs_are_marked(tmp_path: Path) -> None:
    write_run(tmp_path, demo=True)
    assert "DEMO on synthetic images" in comparison_text(tmp_path)


def test_only_unfinished_runs_can_be_shown(tmp_path: Path) -> None:
    write_run(tmp_path, state="failed", error="the loss is nan")
    text = comparison_text(tmp_path, [REFERENCE])
    assert "no complete run yet" in text
    assert cells(next(line for line in text.splitlines() if line.strip().startswith("x "))) == [
        "x",
        "0",
        "–",
        "–",
        "–",
        "–",
    ]


@pytest.mark.parametrize(
    ("classes", "short"),
    [
        (CLASSES, ["Non", "VeryMild", "Mild", "Moderate"]),
        (["Non Demented", "Mild Demented"], ["Non", "Mild"]),
        (["non_demented", "mild_demented"], ["non", "mild"]),
        (["cat", "rat"], ["cat", "rat"]),
        (["AD", "MCIAD"], ["AD", "MCIAD"]),
        (["Demented", "NonDemented"], ["Demented", "NonDemented"]),
        (["a", "b"], ["a", "b"]),
        ([], []),
    ],
    ids=["camel", "spaces", "underscores", "letters-are-kept", "capitals", "one-is-the-end", "none-shared", "none"],
)  # fmt: skip
def test_class_names_lose_the_words_that_they_share(classes: Sequence[str], short: list[str]) -> None:
    assert short_names(classes) == short


@pytest.fixture
def with_answers(tmp_path: Path) -> Path:
    """Two experiments of three seeds whose answers about twelve subjects are alike."""
    for experiment, right in (("baseline", 0.6), ("attention", 0.62)):
        for seed in range(3):
            path = write_run(tmp_path, right, n=96, experiment=experiment, settings_hash=experiment, seed=seed)
            draw_predictions(path, seed + len(experiment), right)
    return tmp_path


def test_what_it_would_take_to_see_a_difference(with_answers: Path) -> None:
    comparison = compare(RunStore(with_answers).runs(), [])
    (pair,) = comparison.groups[0].pairs
    assert pair.verdict == "no difference shown"
    text = " ".join(shown(comparison).split())
    assert f"attention needs about {pair.subjects_needed:,} test subjects (there are 12)" in text
    enough = replace(comparison.groups[0], pairs=(replace(pair, subjects_needed=5, seeds_needed=7),))
    assert "attention needs 7 seeds (there are 3)." in shown(Comparison((enough,)))
    plenty = replace(comparison.groups[0], pairs=(replace(pair, subjects_needed=5, seeds_needed=2),))
    assert "needs" not in shown(Comparison((plenty,)))


def test_effects_of_a_study_in_80_columns(with_answers: Path) -> None:
    levels = {"baseline": frozenset[tuple[str, str]](), "attention": frozenset({("pooling", "scaled dot-product")})}
    comparison = compare(RunStore(with_answers).runs(), [], levels=levels)
    (effect,) = comparison.groups[0].effects
    found = effect.changes["accuracy"]
    assert found is not None
    lines = shown(comparison).splitlines()
    assert max(map(len, lines)) <= 80
    row = next(cells(line) for line in lines if line.startswith(" pooling: scaled"))
    assert row[1:3] == ["1", f"{100 * found.value:+.2f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"]


def test_of_very_many_experiments_the_first_are_shown_and_how_many_more_there_are(tmp_path: Path) -> None:
    for k in range(MOST_ROWS + 7):
        write_run(tmp_path, 0.5, experiment=f"e{k:03d}", settings_hash=f"e{k:03d}")
    text = comparison_text(tmp_path)
    assert re.search(rf"^ *e{MOST_ROWS - 1:03d} +1 ", text, re.MULTILINE)
    assert not re.search(rf"^ *e{MOST_ROWS:03d} +1 ", text, re.MULTILINE)
    assert "and 7 more" in text
    assert "For all rows, use --csv, --html or --json." in text
