"""The summary of a comparison: at most 24 lines a group, never wider than the console, nothing cut."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from alzbench.compare import Comparison, Reference, compare
from alzbench.evaluation.evaluate import evaluate
from alzbench.report.answer import Answer, AnswerRow
from alzbench.report.summary import LINES, Summary, elided, group_lines
from alzbench.store import RunMetrics, RunStore
from tests.helpers.images import CLASSES
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run
from tests.helpers.text import text_of

REFERENCE = Reference(name="reference work", accuracy=0.6686, test_images=320, protocol="reference", source="a paper")
LEAKY = "320 of 320 test images are of subjects seen in training, 12 of them as a copy of the very slice"
Draw = Callable[..., None]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Write an experiment: ``draw("x", 0.6, lr=0.1, seeds=2, sanity=True)``, right in about 60 % of the images."""
    number = iter(range(1000))

    def make(name: str, right: float, lr: float = 0.001, seeds: int = 3, **card: object) -> None:
        for seed in range(seeds):
            k = next(number)
            path = write_run(
                tmp_path, right, [right] * 4, CLASSES, n=320, experiment=name, settings_hash=f"{name}{lr:012.6f}"[-12:],
                seed=seed, hash=f"h{k}", created=f"2030-01-01T{k:06d}", **{"leaks": LEAKY, **card},
            )  # fmt: skip
            draw_predictions(path, k, right, CLASSES, subjects=40)
            evaluation = evaluate(pd.read_csv(path / "predictions.csv", dtype={"subject": str}))
            scores = RunMetrics(test=evaluation.images, test_by_subject=evaluation.subjects)
            (path / "metrics.json").write_text(json.dumps(scores.to_json()))
            (path / "experiment.yaml").write_text(yaml.safe_dump({"name": name, "train": {"lr": lr}}))

    return make


def compared(root: Path, references: tuple[Reference, ...] = (REFERENCE,)) -> Comparison:
    return compare(RunStore(root).runs(), references)


def lines_of(root: Path, width: int = 80) -> list[str]:
    return text_of(Summary(compared(root)), width).splitlines()


@pytest.fixture
def study(tmp_path: Path, draw: Draw) -> Path:
    """A baseline, two settings of one name, and two sanity baselines."""
    draw("baseline", 0.6)
    draw("baseline", 0.9, lr=0.01)
    draw("attention", 0.58)
    for name, right in (("sanity-grey-logistic", 0.4), ("sanity-largest-class", 0.25)):
        draw(name, right, sanity=True, variant=name)
    return tmp_path


def test_the_answer_is_in_24_lines_of_80_columns(study: Path) -> None:
    lines = lines_of(study)
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= 80
    assert lines[0] == "reference · 320 images of 40 subjects · leaky: all are of training subjects"
    assert lines[1].split() == ["accuracy", "%", "AUC", "F1", "change"]
    text = "\n".join(lines)
    assert re.search(r"^baseline +\d\d\.\d\d \(\d\d\.\d–\d\d\.\d\) .*baseline\s+train\.lr 0\.001$", text, re.MULTILINE)
    assert re.search(r"^baseline +\d\d\.\d\d .*\+\d\d\.\d\d better\s+train\.lr 0\.01$", text, re.MULTILINE)
    assert re.search(r"^attention .*[+-]\d\.\d\d not shown$", text, re.MULTILINE)
    assert re.search(r"^reference work +66\.86 \(\d\d\.\d–\d\d\.\d\) .*published$", text, re.MULTILINE)
    assert lines.index("should be beaten:") < next(k for k, line in enumerate(lines) if line.startswith("sanity-grey"))
    assert re.search(r"^Best F1: Non 0\.\d{3}", text, re.MULTILINE)
    assert "--full" in lines[-1]
    assert "--report" in lines[-1]


def test_the_two_sentences_say_what_is_shown_and_what_is_not(study: Path) -> None:
    text = " ".join(" ".join(lines_of(study)).split())
    assert re.search(
        r"Shown on subjects seen in training: baseline · train\.lr 0\.01 \(\+\d\d\.\d\d points, \+\d\d\.\d to "
        r"\+\d\d\.\d, p (< )?0\.\d{3}\) is better than baseline · train\.lr 0\.001; ",
        text,
    ), text
    assert "beat sanity-grey-logistic." in text
    assert "Not shown: that attention differs from baseline · train.lr 0.001." in text
    assert re.search(r"To detect 2 points takes about [\d,]+ test subjects \(of 40\)", text)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_nothing_is_wider_than_the_console_and_no_number_is_cut(study: Path, width: int) -> None:
    lines = lines_of(study, width)
    assert max(map(cell_len, lines)) <= min(width, 80)
    assert len(lines) <= LINES or width < 60
    text = "\n".join(lines)
    assert re.search(r"\b66\.86 \(\d\d\.\d–\d\d\.\d\)", text) or width < 60
    assert len(re.findall(r"\d\d\.\d\d \(\d\d\.\d–\d\d\.\d\)", text)) >= 2 or width < 40
    assert width < 60 or "train.lr 0.01" in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_of_many_experiments_baseline_and_best_come_first_and_the_others_are_counted(
    tmp_path: Path, draw: Draw, width: int
) -> None:
    for k in range(15):
        draw("baseline" if k == 9 else f"other_experiment_{k}", 0.9 if k == 12 else 0.5, lr=0.001 * (k + 1), seeds=2)
    draw("sanity-largest-class", 0.25, sanity=True, variant="largest_class")
    lines = lines_of(tmp_path, width)
    assert len(lines) <= LINES
    rows = lines[: next(k for k, line in enumerate(lines) if line.startswith("and "))]
    names = [line.split()[0].rstrip(":") for line in rows if re.match(r"(baseline|other_experiment_\d+)(:| |$)", line)]
    assert names[:2] == ["baseline", "other_experiment_12"]
    more = re.findall(r"and (\d+) more \(--full\)", "\n".join(lines))
    assert int(more[0]) == 15 - len(set(names))
    assert "reference work" in "\n".join(lines)
    assert any(line.startswith("sanity-largest-class") for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_several_protocols_have_a_part_each(tmp_path: Path, draw: Draw, width: int) -> None:
    for protocol in ("reference", "slice", "subject", "subject_cv"):
        for k in range(6):
            draw(f"{protocol}-{k}", 0.5, lr=k + 1.0, seeds=2, protocol=protocol, protocol_hash=protocol, leaks="")
    lines = lines_of(tmp_path, width)
    parts = "\n".join(lines).split("\n\n")
    assert [part.split()[0] for part in parts] == ["reference", "slice", "subject", "subject_cv"]
    assert all(len(part.splitlines()) <= LINES for part in parts)
    assert all("and 2 more (--full)" in part for part in parts)
    assert sum("--full, " in line or "--full; " in line for line in lines) == 1  # where to find more, once


def test_two_seeds_that_differ_alone_give_no_interval(tmp_path: Path) -> None:
    for seed, right in enumerate((0.2, 0.9)):
        path = write_run(tmp_path, right, [right] * 4, CLASSES, n=320, seed=seed, hash=f"h{seed}")
        draw_predictions(path, seed, right, CLASSES, subjects=40)
    assert "(2 seeds: not known)" in "\n".join(lines_of(tmp_path))


def test_runs_that_are_not_complete_are_rows_too(tmp_path: Path) -> None:
    write_run(tmp_path, state="failed", error="odd")
    lines = lines_of(tmp_path)
    assert re.match(r"x +not complete$", lines[2]), lines
    assert "Nothing is shown: no experiment is complete." in lines


@pytest.mark.parametrize(
    ("settings", "width", "text"),
    [
        (("train.lr 0.1", "train.epochs 5"), 40, "train.lr 0.1, train.epochs 5"),
        (("train.lr 0.1", "train.epochs 5"), 20, "train.lr 0.1, 1 more"),
        (("train.lr 0.1", "train.epochs 5"), 12, "2 settings"),
        (("train.lr 0.1",), 11, ""),
        ((), 11, ""),
    ],
)
def test_settings_are_left_out_as_a_whole(settings: tuple[str, ...], width: int, text: str) -> None:
    assert elided(settings, width) == text


NAMES = st.text(min_size=1, max_size=70)
ROWS = st.builds(
    AnswerRow,
    NAMES,
    st.sampled_from(["66.86 (65.7–68.0)", "9.00", "46.74 (2 seeds: not known)", "–"]),
    st.sampled_from(["0.792", "–"]), st.sampled_from(["0.471", "–"]),
    st.sampled_from(["baseline", "+10.59 not shown", "–"]), st.lists(NAMES, max_size=4).map(tuple),
)  # fmt: skip
ANSWERS = st.builds(
    Answer,
    st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    *(st.lists(ROWS, max_size=size).map(tuple) for size in (15, 2, 4)),
    *[st.text(max_size=300)] * 4,
)


@given(ANSWERS, st.integers(20, 120), st.integers(1, 15))
def test_no_line_of_any_group_is_wider_than_the_console(group: Answer, width: int, most: int) -> None:
    lines = group_lines(group, width, LINES, most)
    assert max(cell_len(text) for text, _ in lines) <= width
    assert not [text for text, _ in lines if "\n" in text]
