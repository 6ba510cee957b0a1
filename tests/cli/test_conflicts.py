"""Options that contradict each other are refused, and none is ignored without a word."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from alzbench.store import RunStore
from tests.helpers.command import TINY, Command, assert_sentence
from tests.helpers.predictions import draw_predictions
from tests.helpers.stub_network import Stub


@pytest.fixture
def sweep_file(tiny_file: Path) -> Path:
    """A sweep over the small experiment."""
    path = tiny_file.with_name("sweep.yaml")
    content = {"base": tiny_file.name, "trials": 1, "space": {"train.lr": {"choices": [1e-3, 1e-4]}}}
    path.write_text(yaml.safe_dump(content))
    return path


# The source of the images


@pytest.mark.parametrize("verb", ["run", "sweep"])
@pytest.mark.parametrize(
    ("arguments", "left_out"),
    [
        (["--data", "x"], "--data"),
        (["--data=x"], "--data"),
        (["--set", "data.source=x"], "--set data.source"),
        (["--set", "data={source: x}"], "--set data.source"),
    ],
    ids=["data", "data-equals", "set", "set-section"],
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry-run"])
def test_a_demo_takes_no_images(
    alzbench: Command,
    tiny_file: Path,
    sweep_file: Path,
    verb: str,
    arguments: list[str],
    left_out: str,
    more: list[str],
) -> None:
    file = {"run": tiny_file, "sweep": sweep_file}[verb]
    assert_sentence(
        alzbench(verb, file, "--demo", *arguments, *more),
        2,
        f"--demo generates its own images: leave out {left_out}, or leave out --demo.",
    )
    assert os.listdir() == []


@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_a_demo_wins_over_the_variable(
    alzbench: Command, tiny_file: Path, sweep_file: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALZBENCH_DATA", "x")
    file = {"run": tiny_file, "sweep": sweep_file}[verb]
    for more in ([], ["--data", "phantom"], ["--set", "data.source=phantom"]):
        result = alzbench(verb, file, "--demo", "--dry-run", "--json", *more)
        assert result.code == 0, result.err
        document = json.loads(result.out)
        base = document["base"] if verb == "sweep" else document["experiments"][0]
        assert base["data"]["source"] == "phantom"


@pytest.mark.parametrize("verb", ["run", "sweep", "audit"])
def test_two_sources_are_refused(alzbench: Command, tiny_file: Path, sweep_file: Path, verb: str) -> None:
    file = {"run": tiny_file, "sweep": sweep_file, "audit": tiny_file}[verb]
    result = alzbench(verb, file, "--data", "x", "--set", "data.source=y")
    assert_sentence(result, 2, "--data and --set data.source=... set the same field")


# Fields with an option of their own


def test_seeds_are_given_once(alzbench: Command, tiny_file: Path) -> None:
    result = alzbench("run", tiny_file, "--seeds", "1", "--set", "seeds=[2]")
    assert_sentence(result, 2, "--seeds and --set seeds=... set the same field")


@pytest.mark.parametrize("assignment", ["protocol.name=slice", "protocol={name: slice}"])
def test_a_protocol_is_given_once(alzbench: Command, assignment: str) -> None:
    result = alzbench("audit", "--protocol", "subject", "--set", assignment)
    assert_sentence(result, 2, "--protocol and --set protocol.name=... set the same field")


def test_a_protocol_replaces_that_of_the_file(alzbench: Command, tiny_file: Path, image_folder: Path) -> None:
    tiny_file.write_text(TINY + "protocol: {name: reference, validation: 0.5}\n")

    def images(*more: str) -> object:
        return json.loads(alzbench("audit", tiny_file, "--data", image_folder, "--json", "--quiet", *more).out)[
            "images"
        ]

    assert images("--protocol", "reference") != images()
    assert images("--protocol", "reference", "--set", "protocol.validation=0.5") == images()


# The split that is audited


def test_a_seed_that_does_not_decide_the_split_is_refused(alzbench: Command, image_folder: Path) -> None:
    arguments = (
        "audit",
        "--data",
        image_folder,
        "--json",
        "--quiet",
        "--set",
        "protocol={name: reference, split_seed: 3}",
    )
    assert_sentence(alzbench(*arguments, "--seed", "5"), 2, "--seed has no effect", "protocol.split_seed is 3")
    assert json.loads(alzbench(*arguments).out)["seed"] == 3
    assert json.loads(alzbench(*arguments, "--seed", "3").out)["seed"] == 3


def test_a_fold_is_one_of_the_protocol(alzbench: Command, image_folder: Path) -> None:
    arguments = ("audit", "--data", image_folder)
    for fold in ("0", "1"):
        assert_sentence(alzbench(*arguments, "--fold", fold), 2, "The reference protocol has no folds")
    folds = (*arguments, "--protocol", "subject_cv", "--fold", "5")
    assert_sentence(alzbench(*folds), 2, "--fold must be one of the protocol's 5 folds, counted from 0; got 5.")


# What would run


def test_a_dry_run_says_what_force_runs_again(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    arguments = ("run", "--no-sanity", tiny_file, "--data", image_folder)
    alzbench(*arguments)

    def planned(*more: str) -> list[tuple[str | None, bool]]:
        runs = json.loads(alzbench(*arguments, "--seeds", "0,1", "--dry-run", "--json", *more).out)["runs"]
        return [(run["stored"], run["would_run"]) for run in runs]

    assert planned() == [("complete", False), (None, True)]
    assert planned("--force") == [("complete", True), (None, True)]
    assert "seed 0: complete; used again if the images are unchanged\n" in alzbench(*arguments, "--dry-run").out
    assert "seed 0: would run (stored: complete)\n" in alzbench(*arguments, "--dry-run", "--force").out
    assert len(stub.trained) == 1


def test_a_dry_run_has_sanity_baselines_where_a_run_has_them(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    arguments = ("run", tiny_file, "--data", image_folder)
    names = ["sanity-largest-class", "sanity-grey-logistic", "sanity-dark-share", "sanity-shuffled-labels"]
    out = alzbench(*arguments, "--dry-run", "--settings").out
    assert [line for line in out.splitlines() if line.startswith("# ")][:-1] == [
        f"# {name}, reference protocol, seed 0: would run" for name in ("tiny", *names)
    ]
    assert out.count("---\n") == 1  # they are no experiments of the user's
    assert "sanity" not in alzbench(*arguments, "--dry-run", "--no-sanity").out
    assert json.loads(alzbench(*arguments, "--dry-run", "--no-sanity", "--json").out)["sanity_runs"] == []
    result = alzbench(*arguments, "--json")
    assert [run["experiment"] for run in json.loads(result.out)["runs"]] == ["tiny", *names]
    assert "sanity-dark-share: left out, because its images have no dark background around a head" in result.err
    again = json.loads(alzbench(*arguments, "--dry-run", "--force", "--json").out)
    assert [run["would_run"] for run in again["runs"]] == [True]
    stored, left_out = ("complete", False), (None, True)  # no image is opened, so the reason is not known
    planned = [(run["stored"], run["would_run"]) for run in again["sanity_runs"]]
    assert planned == [stored, stored, left_out, stored]
    assert stub.trained == [("tiny", 0), ("sanity-shuffled-labels", 0)]


# Other verbs


def test_the_old_name_of_an_option_goes_alone(alzbench: Command, stored: Path) -> None:
    result = alzbench("compare", "--runs", stored, "--worth", "5", "--min-effect", "3")
    assert_sentence(result, 2, "--worth is the old name of --min-effect")
    assert "--worth" not in alzbench("compare", "--help").out


@pytest.mark.parametrize("what", ["variants", "experiments", "runs"])
@pytest.mark.parametrize(("option", "fits"), [("--folder", "experiments"), ("--runs", "runs")], ids=["folder", "runs"])
def test_a_list_takes_only_its_own_folder(
    alzbench: Command, stored: Path, tiny_file: Path, what: str, option: str, fits: str
) -> None:
    folder = {"--folder": tiny_file.parent, "--runs": stored}[option]
    result = alzbench("list", what, option, folder)
    if what == fits:
        assert result.code == 0
    else:
        assert_sentence(result, 2, f"{option} applies to `alzbench list {fits}` only")


def test_a_report_has_one_place(alzbench: Command, stored: Path) -> None:
    run = next((stored / "b").iterdir())
    draw_predictions(run, 0, 0.8)
    both = alzbench("report", run, "--html", "x.html", "--folder", "pages")
    assert_sentence(both, 2, "--html and --folder both set the place of the page")
    assert os.listdir() == []
    for place, page in ((("--folder", "pages"), "pages/b-seed-0-h0.html"), (("--html", "x.html"), "x.html")):
        assert alzbench("report", run, *place).out == f"{page}\n"
        Path(page).unlink()
        result = alzbench("report", run, *place, "--json")  # the scores, and the page that is asked for
        assert json.loads(result.out)["scores"]
        assert Path(page).is_file()


def test_an_import_like_a_run_has_its_protocol_and_classes(alzbench: Command, stored: Path) -> None:
    run = next((stored / "b").iterdir())
    draw_predictions(run, 0, 0.8)
    arguments = ("import", run / "predictions.csv", "--name", "n", "--like", run)
    assert_sentence(alzbench(*arguments, "--protocol", "subject"), 2, "leave out --protocol, or --like")
    assert_sentence(alzbench(*arguments, "--classes", "B,A"), 2, "Leave out --classes")
    assert not Path("runs").exists()
    assert alzbench(*arguments, "--classes", "A,B").code == 0
    assert [stored.card.protocol for stored in RunStore(Path("runs")).runs()] == ["reference"]
