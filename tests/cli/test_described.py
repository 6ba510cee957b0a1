"""`data.subjects` from the command line: audit, run, compare and report on a flat set with a table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.command import Command, assert_sentence
from tests.helpers.described import write_flat_set


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """The table of a flat set: ages from 55 to 85, and a split by subject."""
    table = write_flat_set(tmp_path / "flat", subjects=6, slices=2)
    number = table["subject"].str[-1].astype(int)
    part = number.map({0: "test", 1: "test", 2: "val"}).fillna("train")
    return table.assign(age=55 + 6 * number, sex=number.map(lambda k: "FM"[k % 2]), split=part)


@pytest.fixture
def experiment(tmp_path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(tmp_path / "table.csv", index=False)
    file = tmp_path / "flat.yaml"
    file.write_text(
        f"data: {{source: {tmp_path / 'flat'}, size: 32, subjects: table.csv}}\nmodel: {{variant: grey_logistic}}\n"
    )
    return file


def without_network(file: Path) -> Path:
    """Write an experiment of the age-only baseline beside another experiment."""
    other = file.with_name("ages.yaml")
    other.write_text(f"extends: {file.name}\nmodel: {{variant: age_only}}\n")
    return other


def test_run_compare_and_report(alzbench: Command, experiment: Path, tmp_path: Path) -> None:
    files = [experiment, without_network(experiment)]
    folds = ["--set", "protocol={name: subject_cv, folds: 3}"]
    done = alzbench("run", *files, *folds, "--no-sanity", "--runs", tmp_path / "runs", "--quiet", "--json")
    assert done.code == 0, done
    stored = sorted((tmp_path / "runs" / "flat").iterdir())
    covariates = pd.read_csv(stored[0] / "covariates.csv")
    predictions = pd.read_csv(stored[0] / "predictions.csv")
    assert covariates["image"].tolist() == predictions["image"].tolist()
    assert list(covariates) == ["image", "age", "sex"]
    compared = alzbench("compare", "--runs", tmp_path / "runs", "--where", "age > 55", "--json")
    (group,) = json.loads(compared.out)["groups"]
    assert group["where"] == "age > 55"
    assert group["test_images"] == 40
    names = {subgroup["name"] for subgroup in group["subgroups"]["ages"]}
    assert names == {"age 60 to 69", "age 70 to 79", "age 80 or more", "sex F", "sex M"}
    page = tmp_path / "run.md"
    assert alzbench("report", stored[0], "--runs", tmp_path / "runs", "--markdown", page).code == 0
    assert "| sex F |" in page.read_text()
    shown = alzbench("compare", "--runs", tmp_path / "runs", "--markdown", tmp_path / "all.md")
    assert "Subgroups" not in shown.out
    assert "| age below 60 | flat |" in (tmp_path / "all.md").read_text()


def test_the_plan_has_the_age_baseline_only_if_there_are_ages(
    alzbench: Command, experiment: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    assert "sanity-age-only" in alzbench("run", experiment, "--dry-run").out
    table.drop(columns="age").to_csv(tmp_path / "table.csv", index=False)
    planned = alzbench("run", experiment, "--dry-run").out
    assert "sanity-grey-logistic" in planned
    assert "sanity-age-only" not in planned


def test_a_given_split(alzbench: Command, experiment: Path, table: pd.DataFrame, tmp_path: Path) -> None:
    options = ["--set", "protocol={name: given}"]
    runs = ["--runs", tmp_path / "runs", "--no-sanity", "--quiet"]
    assert alzbench("run", experiment, *options, *runs).code == 0
    (run,) = (tmp_path / "runs" / "flat").iterdir()
    assert json.loads((run / "state.json").read_text())["protocol"] == "given"
    assert pd.read_csv(run / "split.csv")["part"].value_counts().to_dict() == {"train": 24, "test": 16, "validation": 8}
    leaky = table.assign(split=["train", *table["split"][1:]])
    leaky.to_csv(tmp_path / "table.csv", index=False)
    refused = alzbench("run", experiment, *options, *runs)
    assert_sentence(refused, 3, "must keep subjects apart; 1 are in test and in training or validation too")
    audited = alzbench("audit", experiment, *options, "--fail-on-leakage", "--quiet")
    assert audited.code == 1
    assert "1 of 15 are of a subject with images there" in " ".join(audited.out.split())
    assert "refuses this split unless protocol.allow_leakage is true" in " ".join(audited.out.split())
    allowed = alzbench("run", experiment, "--set", "protocol={name: given, allow_leakage: true}", *runs)
    assert allowed.code == 0
    audited = alzbench("audit", experiment, "--set", "protocol={name: given, allow_leakage: true}", "--quiet")
    assert "refuses this split" not in " ".join(audited.out.split())
    assert "leaky: 1 of 15 are of training subjects" in allowed.out


def test_audit_counts_what_the_given_split_does_not_use(
    alzbench: Command, experiment: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    last = table["label"] == "ModerateDemented"
    table.assign(split=table["split"].mask(last & (table["split"] == "test"), "kept")).to_csv(
        tmp_path / "table.csv", index=False
    )
    audited = alzbench("audit", experiment, "--protocol", "given", "--quiet")
    text = " ".join(audited.out.split())
    assert "not used by the protocol: 4 without a part" in text
    assert "the test part has no image of ModerateDemented" in text
    assert "subjects found by: table 48" in text


def test_conditions_that_are_wrong(alzbench: Command, experiment: Path, tmp_path: Path) -> None:
    runs = ["--runs", tmp_path / "runs"]
    alzbench("run", experiment, "--set", "protocol={name: subject}", "--no-sanity", *runs, "--quiet")
    assert_sentence(alzbench("compare", *runs, "--where", "age >"), 2, "--where must be comparisons of columns")
    assert_sentence(alzbench("compare", *runs, "--where", "weight > 3"), 2, "subject, slice, age, sex; got 'weight'")
    assert_sentence(alzbench("compare", *runs, "--where", "age > 90"), 3, "leaves no test image")


def test_a_table_that_is_wrong(alzbench: Command, experiment: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("image,label\n00000.png,Unknown\n")
    assert_sentence(alzbench("audit", experiment, "--quiet"), 3, "must give labels of at least two classes")
    classes = "data.classes=[NonDemented, MildDemented]"
    assert_sentence(alzbench("audit", experiment, "--set", classes, "--quiet"), 3, "a label must be one of NonDemented")
    option = "data.subjects={pattern: '(?P<subject>.)'}"
    assert_sentence(alzbench("audit", experiment, "--set", option), 2, "exactly one of table, pattern")
    assert_sentence(alzbench("audit", "--set", option, "--data", "x"), 3, "There is no folder x")


def test_imported_predictions_take_the_covariates_of_like(alzbench: Command, experiment: Path, tmp_path: Path) -> None:
    runs = ["--runs", tmp_path / "runs"]
    alzbench("run", experiment, "--set", "protocol={name: subject}", "--no-sanity", *runs, "--quiet")
    (run,) = (tmp_path / "runs" / "flat").iterdir()
    done = alzbench("import", run / "predictions.csv", "--name", "copy", "--like", run, *runs)
    assert done.code == 0, done
    (copy,) = (tmp_path / "runs" / "copy").iterdir()
    assert (copy / "covariates.csv").read_text() == (run / "covariates.csv").read_text()
