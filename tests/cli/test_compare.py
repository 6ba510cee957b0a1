"""`alzbench compare`: what it selects, shows and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.command import Command, assert_sentence
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run


def test_compare_shows_every_experiment(alzbench: Command, stored: Path) -> None:
    out = alzbench("compare", "--runs", stored).out
    assert "50.00" in out
    assert "100.00" in out


def test_compare_says_what_it_takes_to_see_a_difference_of_the_size_that_is_asked_for(
    alzbench: Command, stored: Path
) -> None:
    for number, run in enumerate(sorted(stored.glob("*/*"))):
        draw_predictions(run, number, 0.6)
    needed = {}
    for worth in ("2", "10"):
        (group,) = json.loads(alzbench("compare", "--runs", stored, "--min-effect", worth, "--json").out)["groups"]
        (pair,) = group["pairs"]
        needed[worth] = pair["subjects_needed"]
        assert pair["min_effect"] == float(worth) / 100
    assert needed["2"] > 10 * needed["10"]  # about 25 times as many
    (group,) = json.loads(alzbench("compare", "--runs", stored, "--worth", "10", "--json").out)["groups"]
    assert group["pairs"][0]["subjects_needed"] == needed["10"]  # the old name of the option


@pytest.mark.parametrize("points", ["0", "nan", "inf", "100.5"])
@pytest.mark.parametrize("option", ["--min-effect", "--worth"])
def test_a_smallest_difference_that_accuracy_cannot_have_is_refused(
    alzbench: Command, stored: Path, option: str, points: str
) -> None:
    refused = alzbench("compare", "--runs", stored, option, points)
    assert refused.code == 2
    assert f"Invalid value for '{option}': must be a number from 0.01 to 100, got {points}" in refused.err


def test_compare_cuts_no_number_in_a_narrow_terminal(
    alzbench: Command, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    lines = alzbench("compare", "--runs", stored, "--full").out.splitlines()
    scores = [part for line in lines if line.startswith(" b ") for part in line.split()[1:]]  # in blocks of columns
    assert scores[:5] == ["1", "100.00", "0.250", "50.00", "1.000"]


def test_compare_writes_documents(alzbench: Command, stored: Path) -> None:
    files = ("--html", "deep/c.html", "--markdown", "c.md", "--latex", "c.tex", "--disagreements", "d.csv")
    assert alzbench("compare", "--runs", stored, *files).code == 0
    assert Path("deep/c.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "| a | 2 | 50.00 |" in Path("c.md").read_text(encoding="utf-8")
    assert Path("d.csv").read_text(encoding="utf-8") == "protocol,data,seed,image,subject,slice,label\n"
    assert r"\toprule" in Path("c.tex").read_text(encoding="utf-8")


def test_compare_writes_all_of_it_to_reports(alzbench: Command, stored: Path) -> None:
    assert_sentence(alzbench("compare", "--runs", stored, "--report", "../x"), 2, "--report")
    assert not Path("reports").exists()
    assert alzbench("compare", "--runs", stored, "--report", "mine").code == 0
    written = {path.name for path in Path("reports").iterdir()}
    assert written == {"mine.html", "mine.md", "mine.tex", "mine.csv", "mine.png", "mine-disagreements.csv"}
    assert all(path.stat().st_size for path in Path("reports").iterdir())


def test_another_baseline_must_be_there(alzbench: Command, stored: Path) -> None:
    assert_sentence(
        alzbench("compare", "--runs", stored, "--baseline", "x"), 2, "must be one of the compared experiments", "a, b"
    )


def test_compare_writes_the_same_numbers_as_csv_and_json(alzbench: Command, stored: Path) -> None:
    result = alzbench("compare", "--runs", stored, "--csv", "table.csv", "--json")
    table = pd.read_csv("table.csv").set_index("experiment")
    (group,) = json.loads(result.out)["groups"]
    by_label = {row["label"]: row["scores"]["accuracy"] for row in group["rows"]}
    assert by_label["a"] == {"mean": 0.5, "sd": pytest.approx(0.125**0.5), "n": 2, "interval": None}
    for label, accuracy in by_label.items():
        assert table.loc[label, "accuracy"] == accuracy["mean"]
    assert table.loc["a", "accuracy_sd"] == pytest.approx(by_label["a"]["sd"])


def test_compare_json_holds_the_reference(alzbench: Command, tmp_path: Path) -> None:
    write_run(tmp_path / "runs", 0.7, n=6400)
    (group,) = json.loads(alzbench("compare", "--runs", tmp_path / "runs", "--json").out)["groups"]
    assert [reference["accuracy"] for reference in group["references"]] == [0.6686]
    assert group["rows"][0]["difference"]["reference work"] == pytest.approx(0.7 - 0.6686)


@pytest.mark.parametrize(
    ("names", "seeds"),
    [
        (["a"], {"a": [0, 1]}),
        (["a/seed-1-h1"], {"a": [1]}),
        (["{root}/a/seed-0-h0"], {"a": [0]}),
        (["b", "a/seed-1-h1", "a/seed-1-h1"], {"a": [1], "b": [0]}),
        (["a", "a/seed-1-h1"], {"a": [0, 1]}),
    ],
    ids=["experiment", "run", "path", "several", "overlapping"],
)
def test_compare_selects(alzbench: Command, stored: Path, names: list[str], seeds: dict[str, list[int]]) -> None:
    arguments = [name.format(root=stored) for name in names]
    (group,) = json.loads(alzbench("compare", "--runs", stored, "--json", *arguments).out)["groups"]
    assert {row["label"]: row["seeds"] for row in group["rows"]} == seeds


# The summary, labels and differences of two runs


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Two settings of one name, and another experiment."""
    root = tmp_path / "runs"
    for k, (name, lr) in enumerate((("x", 0.001), ("x", 0.01), ("y", 0.001))):
        path = write_run(root, 0.5, n=96, experiment=name, settings_hash=f"{k}" * 8, hash=f"h{k}")
        draw_predictions(path, k, 0.6)
        (path / "experiment.yaml").write_text(f"name: {name}\ntrain:\n  lr: {lr}\n  epochs: 2\n")
        (path / "environment.json").write_text(json.dumps({"alzbench": f"0.{k}", "packages": {"numpy": "2.0"}}))
    return root


def test_all_formats_have_the_settings_that_differ(alzbench: Command, settings: Path) -> None:
    files = ("--csv", "c.csv", "--html", "c.html", "--markdown", "c.md", "--latex", "c.tex")
    shown = alzbench("compare", "--runs", settings, *files)
    assert shown.code == 0, shown.err
    assert "train.lr 0.01" in shown.out
    table = pd.read_csv("c.csv").set_index("experiment")
    assert table["differs"].fillna("").to_dict() == {
        "x · train.lr 0.001": "", "x · train.lr 0.01": "train.lr 0.01", "y": "",
    }  # fmt: skip
    page, markdown = (Path(f"c.{ending}").read_text(encoding="utf-8") for ending in ("html", "md"))
    for text in (page, markdown):
        assert "x · train.lr 0.01" in text
        assert "Settings that differ" in text
        # the answer comes before the first table
        sentence = "Not shown: that x · train.lr 0.01 or y differs from x · train.lr 0.001."
        assert 0 < text.index(sentence) < text.index("Settings that differ")
    assert r"x $\cdot$ train.lr 0.01" in Path("c.tex").read_text(encoding="utf-8")
    assert "(000000)" not in page + markdown + shown.out
    (group,) = json.loads(alzbench("compare", "--runs", settings, "--json").out)["groups"]
    assert group["differing"]["values"]["x · train.lr 0.01"] == {"train.lr": "0.01"}


def test_the_baseline_may_be_a_label(alzbench: Command, settings: Path) -> None:
    (group,) = json.loads(
        alzbench("compare", "--runs", settings, "--baseline", "x · train.lr 0.01", "--json").out
    )["groups"]  # fmt: skip
    assert {pair["baseline"] for pair in group["pairs"]} == {"x · train.lr 0.01"}
    refused = alzbench("compare", "--runs", settings, "--baseline", "x · train.lr 0.02")
    assert_sentence(refused, 2, "x · train.lr 0.001, x · train.lr 0.01, y", "Did you mean")


def test_the_summary_is_short_and_everything_is_behind_full(alzbench: Command, settings: Path) -> None:
    summary = alzbench("compare", "--runs", settings).out
    assert len(summary.splitlines()) <= 24
    full = alzbench("compare", "--runs", settings, "--full").out
    assert len(full.splitlines()) > 2 * len(summary.splitlines())
    for title in ("Settings that differ", "By slice", "F1 by class", "Versus x"):
        assert title in full
        assert title not in summary


def test_two_runs_are_compared_in_what_they_were_made_with(alzbench: Command, settings: Path) -> None:
    shown = alzbench("compare", "--runs", settings, "x/seed-0-h0", "x/seed-0-h1", "--diff")
    assert shown.code == 0, shown.err
    rows = [line.split() for line in shown.out.splitlines()]
    assert ["train.lr", "0.001", "0.01"] in rows
    assert ["alzbench", "0.0", "0.1"] in rows
    assert not any("epochs" in row for row in rows)
    assert "Equal: run, packages, data." in shown.out
    found = json.loads(alzbench("compare", "--runs", settings, "x/seed-0-h0", "y", "--diff", "--json").out)
    assert found["run"] == [{"name": "experiment", "first": "x", "second": "y"}]
    assert (found["settings"], found["packages"], found["data"]) == ([], [], [])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["x/seed-0-h0"], ["--diff compares two runs; name two", "got 1"]),
        (["x", "y"], ["x has 2 runs. Name one of them, e.g. x/seed-0-h0, x/seed-0-h1"]),
        (["x/seed-0-h0", "y", "--csv", "c.csv"], ["leave out --csv"]),
        (["x/seed-0-h0", "y", "--report", "r"], ["leave out --report"]),
    ],
)
def test_a_difference_that_cannot_be_shown_is_one_sentence(
    alzbench: Command, settings: Path, arguments: list[str], parts: list[str]
) -> None:
    assert_sentence(alzbench("compare", "--runs", settings, *arguments, "--diff"), 2, *parts)


def test_compare_sets_published_results_beside_the_experiments(
    alzbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    classes = ("Non", "VeryMild", "Mild", "Moderate")
    for seed in range(4):
        run = write_run(tmp_path / "runs", 0.75, (0.75,) * 4, classes, 320, seed=seed, hash=f"h{seed}")
        draw_predictions(run, seed, 0.75, classes, subjects=40)
    (tmp_path / "p.yaml").write_text("{name: thesis, accuracy: 0.751, source: doi 1}")
    runs = ("--runs", tmp_path / "runs")
    out = alzbench("compare", *runs, "--against", tmp_path / "p.yaml").out
    assert "1 of 1 published scores are reproduced (1 under reference); 0 are higher than any here." in " ".join(
        out.split()
    )
    assert max(map(len, out.splitlines())) <= 80
    files = ("--html", tmp_path / "c.html", "--json")
    printed = json.loads(alzbench("compare", *runs, "--against", "literature", *files).out)
    assert {found["result"]["name"] for found in printed["published"]} > {"reference work", "ViT, 2026"}
    assert "arXiv 2412.05666" in (tmp_path / "c.html").read_text()
    refused = alzbench("compare", *runs, "--against", tmp_path / "none.yaml")
    assert_sentence(refused, 3, "none.yaml must be a YAML file of published results")


def test_published_results_that_cannot_be_compared_are_refused(alzbench: Command, stored: Path) -> None:
    refused = alzbench("compare", "--runs", stored, "--against", "literature")  # two classes
    assert_sentence(refused, 3, "Published results must be of the task and unit of a compared experiment")
