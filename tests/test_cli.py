"""The command line: exit codes, one sentence for each thing that can go wrong, and what goes to which stream."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alzbench import __version__, cli
from alzbench.errors import RunError
from alzbench.experiment import load_experiment
from alzbench.store import RunStore
from tests.conftest import EXPERIMENTS
from tests.report.test_document import write_answers
from tests.test_imports import HEAVY
from tests.test_runner import Stub
from tests.test_store import write_run

TINY = """
data: {size: 32, scaling: imagenet}
augment: {views: 2, rotation: 10, shift: 0.1, zoom: 0.1, horizontal_flip: true}
model: {variant: baseline, backbone: {weights: none, alpha: 0.35}, options: {units: 8}}
train: {epochs: 2, batch_size: 8}
"""


@dataclass(frozen=True)
class Result:
    """What a command ended with."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """80 columns, no colours, and an empty working folder."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def in_this_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> Result:
    """Run a command in this process."""
    monkeypatch.setattr(sys, "argv", ["alzbench", *map(str, arguments)])
    handler = signal.getsignal(signal.SIGTERM)
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        cli.main()
    signal.signal(signal.SIGTERM, handler)
    captured = capsys.readouterr()
    return Result(int(caught.value.code or 0), captured.out, captured.err)


@pytest.fixture
def alzbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process."""
    return functools.partial(in_this_process, monkeypatch, capsys)


def in_a_process(*arguments: object, **environment: str) -> Result:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "alzbench", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def tiny_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> type[Stub]:
    """Put a stub in the place of training."""
    Stub.trained, Stub.fails = [], {}
    monkeypatch.setattr("alzbench.runner.run.NetworkRun", Stub)
    return Stub


def assert_sentence(result: Result, code: int, *parts: str) -> None:
    """Check that a command ended with `code` and an error alone, which holds all `parts`."""
    assert result.code == code, result
    assert result.err.startswith("error: ")
    assert result.err.count("error: ") == 1
    assert result.err.endswith("\n")
    assert "Traceback" not in result.err
    assert result.out == ""
    for part in parts:
        assert part in result.err


# Wrong usage and experiment files: 2


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["nothing"], id="unknown-command"),
        pytest.param(["run"], id="missing-argument"),
        pytest.param(["run", "x.yaml", "--nothing"], id="unknown-option"),
        pytest.param(["run", "x.yaml", "--set"], id="option-without-value"),
        pytest.param(["list", "nothing"], id="unknown-kind"),
        pytest.param(["show"], id="no-run"),
        pytest.param([], id="nothing"),
    ],
)
def test_wrong_usage_ends_with_2_and_help(alzbench: Command, arguments: list[str]) -> None:
    result = alzbench(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Usage: " in result.err or "Error: " in result.err
    assert "This is a bug" not in result.err


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("trian: {}", ["unknown key trian. Did you mean 'train'?"], id="unknown-key"),
        pytest.param("train: {epochs: ten}", ["train.epochs", "'ten'"], id="wrong-type"),
        pytest.param("model: {variant: atention}", ["Unknown variant 'atention'", "'attention'"], id="unknown-variant"),
        pytest.param(
            "protocol: {name: sub}", ["protocol.name", "'sub'", "reference, slice, subject"], id="unknown-protocol"
        ),
        pytest.param("model: {options: {unit: 3}}", ["model.options.unit", "'units'"], id="unknown-option"),
        pytest.param("extends: no.yaml", ["no.yaml"], id="missing-base"),
        pytest.param("train: [", ["not valid YAML"], id="not-yaml"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["run", "dry-run"])
def test_bad_experiments_end_with_2(
    alzbench: Command, tiny_file: Path, image_folder: Path, text: str, parts: list[str], more: tuple[str, ...]
) -> None:
    tiny_file.write_text(text)
    assert_sentence(alzbench("run", "--no-sanity", tiny_file, "--data", image_folder, *more), 2, "tiny", *parts)
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        pytest.param(["--seeds", "a"], "--seeds takes whole numbers", id="seeds-text"),
        pytest.param(["--seeds", "1,,2"], "--seeds takes whole numbers", id="seeds-gap"),
        pytest.param(["--seeds", ""], "--seeds takes whole numbers", id="no-seeds"),
        pytest.param(["--seeds", "0.5"], "--seeds takes whole numbers", id="seeds-float"),
        pytest.param(["--seeds", "1,1"], "seeds must differ", id="a-seed-twice"),
        pytest.param(["--seeds=-1"], "greater than or equal to 0", id="negative-seed"),
        pytest.param(["--set", "train.epochs"], "--set takes FIELD=VALUE", id="malformed-set"),
        pytest.param(["--set", "train.epoch=1"], "Did you mean 'epochs'?", id="unknown-field"),
        pytest.param(["--demo", "--data", "x"], "--demo draws its own images", id="demo-with-data"),
        pytest.param(["--demo", "--data=x"], "--demo draws its own images", id="demo-with-data-equals"),
    ],
)
def test_bad_options_end_with_2(alzbench: Command, tiny_file: Path, arguments: list[str], part: str) -> None:
    assert_sentence(alzbench("run", "--no-sanity", tiny_file, *arguments), 2, part)
    assert os.listdir() == []


def test_a_missing_experiment_ends_with_2(alzbench: Command) -> None:
    assert_sentence(alzbench("run", "no.yaml"), 2, "There is no experiment file no.yaml", "alzbench list experiments")


def test_other_experiments_of_one_name_end_with_2(alzbench: Command, tiny_file: Path) -> None:
    other = tiny_file.parent / "other" / "tiny.yaml"
    other.parent.mkdir()
    other.write_text(TINY + "seeds: [7]\n")
    assert_sentence(
        alzbench("run", "--no-sanity", tiny_file, other),
        2,
        "must have different names;",
        "other/tiny.yaml makes another tiny",
    )


# Data: 3


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("change", "folder", "parts"),
    [
        pytest.param(remove, ".", ["There is no folder", "--data", "--demo"], id="no-folder"),
        pytest.param(remove, "OriginalDataset", ["must hold AugmentedAlzheimerDataset and"], id="no-part"),
        pytest.param(remove, "OriginalDataset/MildDemented", ["missing: MildDemented"], id="no-class"),
        pytest.param(empty, "AugmentedAlzheimerDataset/MildDemented", ["empty: MildDemented"], id="empty-class"),
    ],
)
def test_missing_data_end_with_3(
    alzbench: Command,
    tiny_file: Path,
    image_folder: Path,
    change: Callable[[Path], None],
    folder: str,
    parts: list[str],
) -> None:
    change(image_folder / folder)
    assert_sentence(alzbench("run", "--no-sanity", tiny_file, "--data", image_folder), 3, str(image_folder), *parts)
    assert os.listdir() == []


def test_all_bad_images_are_named_at_once_and_end_with_3(
    alzbench: Command, tiny_file: Path, image_folder: Path
) -> None:
    names = [f"OriginalDataset/MildDemented/slice{k}.jpg" for k in range(3)]
    for name, content in zip(names, (b"", b"no image", (image_folder / names[2]).read_bytes()[:200]), strict=True):
        (image_folder / name).write_bytes(content)
    result = alzbench("run", "--no-sanity", tiny_file, "--data", image_folder)
    assert_sentence(result, 3, "3 of 52 are not", "data.on_corrupt: skip", *names)
    assert os.listdir() == []


def test_data_come_from_the_option_then_the_variable_then_the_file(
    alzbench: Command, tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source(*arguments: str) -> str:
        document = json.loads(alzbench("run", "--no-sanity", tiny_file, "--dry-run", "--json", *arguments).out)
        return str(document["experiments"][0]["data"]["source"])

    assert source() == "kaggle"
    monkeypatch.setenv("ALZBENCH_DATA", "from-variable")
    assert source() == "from-variable"
    assert source("--data", "from-option") == "from-option"
    assert source("--data", "from-option", "--set", "data.source=set") == "set"
    assert source("--demo") == "phantom"


# Failures and interruptions: 1 and 4


def test_a_failed_run_ends_with_1_and_the_next_is_run(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    stub.fails = {"tiny": RunError("odd")}
    (tiny_file.parent / "second.yaml").write_text(TINY)
    result = alzbench("run", "--no-sanity", tiny_file, tiny_file.parent / "second.yaml", "--data", image_folder)
    assert result.code == 1
    assert "error: tiny, seed 0: odd\n" in result.err
    assert result.err.endswith("error: 1 of 2 runs failed; the same command runs them again, and only them.\n")
    assert stub.trained == [("tiny", 0), ("second", 0)]


def test_an_interruption_ends_with_4(alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]) -> None:
    stub.fails = {"tiny": KeyboardInterrupt()}
    result = alzbench("run", "--no-sanity", tiny_file, "--data", image_folder, "--quiet", "--json")
    assert (result.code, result.out) == (4, "")
    assert result.err == (
        "a library prints\nerror: Interrupted; what was finished is kept, and the same command goes on from there.\n"
    )
    assert [run.card.state for run in RunStore(Path("runs")).runs()] == ["interrupted"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ZeroDivisionError("odd"), "error: Unexpected ZeroDivisionError: odd\nThis is a bug; --debug shows where.\n"),
        (PermissionError(13, "Permission denied", "f"), "error: Permission denied (f).\n"),
    ],
    ids=["bug", "operating-system"],
)
def test_unexpected_errors_end_with_1(
    alzbench: Command, monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(RunStore, "find", fail)
    result = alzbench("show", "x")
    assert (result.code, result.out, result.err) == (1, "", text)


@pytest.mark.parametrize("arguments", [["--debug", "run", "no.yaml"], ["run", "no.yaml", "--debug"]], ids=str)
def test_debug_shows_where(arguments: list[str]) -> None:
    result = in_a_process(*arguments)
    assert "Traceback (most recent call last)" in result.err
    assert "ExperimentError: There is no experiment file no.yaml" in result.err


def test_without_debug_there_is_no_traceback() -> None:
    assert_sentence(in_a_process("run", "no.yaml"), 2, "There is no experiment file no.yaml")


# Streams


def test_a_run_is_shown_and_progress_goes_to_standard_error(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    result = alzbench("run", "--no-sanity", tiny_file, "--data", image_folder, "--seeds", "3,4")
    assert result.code == 0
    three, four = (run.path for run in RunStore(Path("runs")).runs())
    assert result.err.splitlines() == [
        "tiny, seed 3: 32 train, 8 validation, 12 test images",
        f"tiny, seed 3: complete, test accuracy 50.00 %, in {three}",
        "tiny, seed 4: 32 train, 8 validation, 12 test images",
        f"tiny, seed 4: complete, test accuracy 50.00 %, in {four}",
    ]
    assert re.search(r"tiny +2 +50\.00 +\d", result.out), result.out  # the comparison, as there are several
    assert "! Leakage cannot be excluded" in result.out
    assert stub.trained == [("tiny", 3), ("tiny", 4)]
    again = alzbench("run", "--no-sanity", tiny_file, "--data", image_folder, "--seeds", "4")
    assert "tiny, seed 4: complete already" in again.err
    assert "accuracy 0.5000" in again.out  # one run, in full
    assert len(stub.trained) == 2


def test_json_is_one_document_whatever_libraries_print(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    stub.fails = {"bad": RunError("odd")}
    (tiny_file.parent / "bad.yaml").write_text(TINY)
    result = alzbench("run", "--no-sanity", tiny_file, tiny_file.parent / "bad.yaml", "--data", image_folder, "--json")
    assert result.code == 1
    assert "a library prints" in result.err
    good, bad = json.loads(result.out)["runs"]
    assert (good["experiment"], good["seed"], good["state"], good["error"]) == ("tiny", 0, "complete", "")
    assert good["metrics"]["test"]["accuracy"] == 0.5
    assert (Path(good["path"]) / "state.json").is_file()
    assert "subjects are not known" in good["leaks"]
    assert (bad["experiment"], bad["state"], bad["error"], bad["metrics"]) == ("bad", "failed", "odd", None)


def test_quiet_says_nothing_on_standard_error(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    result = alzbench("run", "--no-sanity", tiny_file, "--data", image_folder, "--quiet")
    assert (result.code, result.err, len(stub.trained)) == (0, "", 1)


def test_outside_a_terminal_there_are_no_escapes(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    results = [
        alzbench("run", "--no-sanity", tiny_file, "--data", image_folder),
        *(alzbench(*command) for command in (["compare"], ["list", "runs"], ["list", "variants"])),
    ]
    assert [result.code for result in results] == [0, 0, 0, 0]
    assert not any("\x1b" in result.out + result.err for result in results)
    assert len(stub.trained) == 1


@pytest.mark.slow
def test_a_real_run_in_a_process_of_its_own_keeps_its_streams_apart(tiny_file: Path, image_folder: Path) -> None:
    result = in_a_process("run", "--no-sanity", tiny_file, "--data", image_folder, "--json")
    assert result.code == 0, result.err
    (run,) = json.loads(result.out)["runs"]
    assert run["metrics"]["test"]["n"] == 12
    planned, done = result.err.splitlines()
    assert planned == "tiny, seed 0: 32 train, 8 validation, 12 test images"
    assert re.fullmatch(r"tiny, seed 0: complete, test accuracy \d+\.\d\d %, in runs/tiny/seed-0-[0-9a-f]{12}", done)


def test_version_and_help(alzbench: Command) -> None:
    assert alzbench("--version").out == f"{__version__}\n"
    assert "Exit codes: 0 done" in alzbench("--help").out


# --dry-run


def test_a_dry_run_prints_what_would_run_and_writes_nothing(
    alzbench: Command, tiny_file: Path, own_environment: Path, stub: type[Stub]
) -> None:
    result = alzbench(
        "run", "--no-sanity", tiny_file, "--data", "nowhere", "--seeds", "0,2", "--set", "train.epochs=7", "--dry-run"
    )
    assert (result.code, result.err) == (0, "")
    assert (
        "# tiny, reference protocol, seed 0: would run\n# tiny, reference protocol, seed 2: would run\n" in result.out
    )
    printed = tiny_file.with_name("printed.yaml")
    printed.write_text(result.out)
    overrides = {"data": {"source": "nowhere"}, "seeds": [0, 2], "train": {"epochs": 7}}
    expected = load_experiment(tiny_file, overrides=overrides)
    assert load_experiment(printed, ["model.options={units: 8}"]).model_dump(exclude={"model"}) == expected.model_dump(
        exclude={"model"}
    )
    assert load_experiment(printed).model.options == {"pooling": "mean", "units": 8, "dropout": 0.3}
    assert (os.listdir(), os.listdir(own_environment), stub.trained) == ([], [], [])


def test_a_dry_run_knows_what_is_stored(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    alzbench("run", "--no-sanity", tiny_file, "--data", image_folder)
    result = alzbench("run", "--no-sanity", tiny_file, "--data", image_folder, "--seeds", "0,1", "--dry-run", "--json")
    assert json.loads(result.out)["runs"] == [
        {"experiment": "tiny", "seed": 0, "fold": None, "stored": "complete", "protocol": "reference"},
        {"experiment": "tiny", "seed": 1, "fold": None, "stored": None, "protocol": "reference"},
    ]
    assert len(stub.trained) == 1


# compare, show, list


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A runs folder with two experiments."""
    root = tmp_path / "stored"
    for seed, accuracy in enumerate((0.25, 0.75)):
        write_run(root, accuracy, experiment="a", settings="a", seed=seed)
    write_run(root, 1.0, experiment="b", settings="b")
    return root


def test_compare_shows_every_experiment(alzbench: Command, stored: Path) -> None:
    out = alzbench("compare", "--runs", stored).out
    assert "50.00" in out
    assert "100.00" in out


def test_compare_says_what_it_takes_to_see_a_difference_of_the_size_that_is_asked_for(
    alzbench: Command, stored: Path
) -> None:
    for number, run in enumerate(sorted(stored.glob("*/*"))):
        write_answers(run, number, 0.6)
    needed = {}
    for worth in ("2", "10"):
        (group,) = json.loads(alzbench("compare", "--runs", stored, "--worth", worth, "--json").out)["groups"]
        (pair,) = group["pairs"]
        needed[worth] = pair["subjects_needed"]
        assert pair["worth"] == float(worth) / 100
    assert needed["2"] > 10 * needed["10"]  # about 25 times as many
    refused = alzbench("compare", "--runs", stored, "--worth", "0")
    assert refused.code == 2
    assert "--worth" in refused.err


def test_compare_cuts_no_figure_in_a_narrow_terminal(
    alzbench: Command, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    lines = alzbench("compare", "--runs", stored).out.splitlines()
    assert next(line.split() for line in lines if line.startswith(" b ")) == ["b", "1", "100.00", "–", "50.00", "0.250"]


def test_compare_and_report_write_documents(alzbench: Command, stored: Path) -> None:
    files = ("--html", "deep/c.html", "--markdown", "c.md", "--latex", "c.tex", "--disagreements", "d.csv")
    assert alzbench("compare", "--runs", stored, *files).code == 0
    assert Path("deep/c.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "| a | 2 | 50.00 |" in Path("c.md").read_text(encoding="utf-8")
    assert Path("d.csv").read_text(encoding="utf-8") == "protocol,data,seed,image,subject,slice,label\n"
    assert r"\toprule" in Path("c.tex").read_text(encoding="utf-8")
    run = next((stored / "b").iterdir())
    assert_sentence(alzbench("report", run), 3, "has no predictions.csv")
    assert_sentence(alzbench("report", "nobody", "--runs", stored), 3, "There is no run nobody")
    assert not Path("reports").exists()
    write_answers(run, 0, 0.8)
    result = alzbench("report", run)
    assert (result.code, result.err) == (0, "")
    assert Path(result.out.strip()).parent == Path("reports")
    assert Path(result.out.strip()).is_file()
    Path(result.out.strip()).unlink()
    figures = json.loads(alzbench("report", run, "--json", "--csv", "r.csv").out)
    assert figures["overall"][0]["test"] == pd.read_csv("r.csv")["test"][0]
    assert list(Path("reports").iterdir()) == []


def test_two_formats_cannot_be_one_file(alzbench: Command, stored: Path) -> None:
    twice = alzbench("compare", "--runs", stored, "--csv", "d.csv", "--html", "c.html", "--disagreements", "./d.csv")
    assert_sentence(twice, 2, "Each format must have a file of its own; d.csv is asked for 2 times")
    run = next((stored / "b").iterdir())
    write_answers(run, 0, 0.8)
    assert_sentence(alzbench("report", run, "--html", "r", "--markdown", "r"), 2, "r is asked for 2 times")
    assert_sentence(alzbench("compare", "--runs", stored, "--report", "r", "--markdown", "reports/r.html"), 2, "r.html")
    assert not list(Path().glob("*.*"))
    assert not Path("reports").exists()


def test_compare_writes_all_of_it_to_reports(alzbench: Command, stored: Path) -> None:
    assert_sentence(alzbench("compare", "--runs", stored, "--report", "../x"), 2, "--report")
    assert not Path("reports").exists()
    assert alzbench("compare", "--runs", stored, "--report", "mine").code == 0
    written = {path.name for path in Path("reports").iterdir()}
    assert written == {"mine.html", "mine.md", "mine.tex", "mine.csv", "mine.png", "mine-disagreements.csv"}
    assert all(path.stat().st_size for path in Path("reports").iterdir())


def test_import_stores_a_run(alzbench: Command, tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("filename,label,predicted\nx.png,A,A\ny.png,B,A\n")
    arguments = ("import", file, "--name", "notebook", "--classes", "A,B")
    assert_sentence(alzbench(*arguments), 3, "must have a column image", "--column image=NAME")
    assert_sentence(alzbench(*arguments, "--column", "filename"), 2, "--column takes WHAT=NAME")
    assert_sentence(alzbench("import", file, "--name", "a/b", "--classes", "A,B"), 2, "--name: name:")
    for classes, part in (("A,A", "A comes more often"), ("A,,B", "one is empty"), ("A", "two classes or more")):
        assert_sentence(
            alzbench("import", file, "--name", "n", "--column", "image=filename", "--classes", classes), 2, part
        )
    assert not Path("runs").exists()
    result = alzbench(*arguments, "--column", "image=filename")
    assert (result.code, result.err) == (0, "")
    again = alzbench(*arguments, "--column", "image=filename")
    assert (again.code, again.out) == (0, result.out)
    assert "nothing was changed" in again.err
    (run,) = RunStore(Path("runs")).runs()
    assert (str(run.path), run.metrics["test"]["accuracy"]) == (result.out.strip(), 0.5)
    assert "notebook" in alzbench("compare").out


@pytest.mark.parametrize("given", [["--classes", '"a,b",c'], ["--classes", "a,b", "--classes", "c"]], ids=str)
def test_names_of_classes_may_have_commas(alzbench: Command, tmp_path: Path, given: list[str]) -> None:
    (tmp_path / "p.csv").write_text('image,label,predicted\nx,"a,b",c\n')
    assert alzbench("import", tmp_path / "p.csv", "--name", "n", *given).code == 0
    assert RunStore(Path("runs")).runs()[0].metrics["test"]["classes"] == ["a,b", "c"]


def test_another_baseline_must_be_there(alzbench: Command, stored: Path) -> None:
    assert_sentence(
        alzbench("compare", "--runs", stored, "--baseline", "x"), 2, "must be one of the experiments", "a, b"
    )


def test_compare_writes_the_same_numbers_as_csv_and_json(alzbench: Command, stored: Path) -> None:
    result = alzbench("compare", "--runs", stored, "--csv", "table.csv", "--json")
    table = pd.read_csv("table.csv").set_index("experiment")
    (group,) = json.loads(result.out)["groups"]
    by_label = {row["label"]: row["accuracy"] for row in group["rows"]}
    assert by_label["a"] == {"mean": 0.5, "sd": pytest.approx(0.125**0.5), "n": 2}
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


def test_runs_come_from_the_variable_where_no_option_is_given(
    alzbench: Command, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALZBENCH_RUNS", str(stored))
    assert "b/seed-0-h0" in alzbench("list", "runs").out


def test_show_prints_a_run(alzbench: Command, stored: Path) -> None:
    result = alzbench("show", "a/seed-1-h1", "--runs", stored)
    assert "accuracy 0.7500" in result.out
    document = json.loads(alzbench("show", "a/seed-1-h1", "--runs", stored, "--json").out)
    assert (document["experiment"], document["seed"], document["metrics"]["test"]["accuracy"]) == ("a", 1, 0.75)
    assert document["path"] == str(stored / "a" / "seed-1-h1")


def test_show_prints_an_unfinished_run(alzbench: Command, tmp_path: Path) -> None:
    path = write_run(tmp_path, state="failed", error="the loss is nan")
    assert "failed (the loss is nan)" in alzbench("show", path).out
    assert json.loads(alzbench("show", path, "--json").out)["metrics"] is None


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["compare"], "There are no runs under runs"),
        (["list", "runs"], "There are no runs under runs"),
        (["show", "x"], "There is no run x"),
        (["compare", "x", "--runs", "{stored}"], "There is no run or experiment x under"),
        (["list", "experiments"], "There are no experiment files in experiments"),
    ],
    ids=["compare-none", "list-none", "show", "compare-unknown", "experiments"],
)
def test_what_is_not_there_ends_with_3(alzbench: Command, stored: Path, arguments: list[str], part: str) -> None:
    assert_sentence(alzbench(*(argument.format(stored=stored) for argument in arguments)), 3, part)


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["show", "a/seed-0-h0"], "state.json"),
        *(([*c], "metrics.json") for c in (("compare",), ("list", "runs"), ("show", "a/seed-0-h0"))),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_damaged_run_ends_with_3(alzbench: Command, stored: Path, command: list[str], file: str) -> None:
    (stored / "a" / "seed-0-h0" / file).write_text("{")
    assert_sentence(alzbench(*command, "--runs", stored), 3, str(stored / "a" / "seed-0-h0" / file), "--force")


@pytest.mark.parametrize("command", [["compare"], ["compare", "b"], ["list", "runs"]], ids=" ".join)
def test_a_run_of_which_nothing_can_be_known_is_named_and_left_out(
    alzbench: Command, stored: Path, command: list[str]
) -> None:
    (stored / "a" / "seed-0-h0" / "state.json").write_text("{")
    result = alzbench(*command, "--runs", stored)
    assert result.code == 0
    assert result.err.startswith(f"warning: left out: {stored / 'a' / 'seed-0-h0' / 'state.json'} cannot be read")
    assert result.err.count("\n") == 1
    assert " b " in result.out or "b/" in result.out


def test_a_run_that_cannot_be_read_is_not_in_the_way_of_others(
    alzbench: Command, stored: Path, tiny_file: Path
) -> None:
    (stored / "a" / "seed-0-h0" / "state.json").write_text("{")
    assert alzbench("run", tiny_file, "--dry-run", "--runs", stored).code == 0


@pytest.mark.parametrize("command", ["compare", "report"])
@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("metrics.json", {"test": {}}),
        ("metrics.json", {"test_by_subject": {"mean": {}}}),
        ("metrics.json", {"test": {"n": float("inf")}}),
        ("metrics.json", {"test": {"n": 96, "classes": ["A"], "per_class": {"A": 1}, "accuracy": "x"}}),
        ("state.json", {"seed": "zero"}),
        ("state.json", {"folds": None}),
    ],
    ids=["no figures", "no figures by subject", "infinite", "text", "seed", "folds"],
)
def test_an_incomplete_file_of_a_run_is_named(
    alzbench: Command, stored: Path, command: str, file: str, change: dict[str, Any]
) -> None:
    path = next((stored / "b").iterdir())
    write_answers(path, 0, 0.8)
    content = json.loads((path / file).read_text())
    (path / file).write_text(json.dumps({**content, **change}))
    what = [path] if command == "report" else ["--runs", stored]
    result = alzbench(command, *what)
    assert f"{path / file} is incomplete" in result.err
    assert "bug" not in result.err
    assert result.code == (0 if file == "state.json" and command == "compare" else 3)


def test_predictions_that_were_cut_off_are_not_scored(alzbench: Command, stored: Path) -> None:
    path = next((stored / "b").iterdir())
    write_answers(path, 0, 0.8)
    lines = (path / "predictions.csv").read_text().splitlines(keepends=True)
    (path / "predictions.csv").write_text("".join(lines[:-1]))
    for command in (["report", path], ["compare", "--runs", stored, "--html", "c.html"]):
        assert_sentence(
            alzbench(*command), 3, "predictions.csv is damaged (it holds 95 images, and the figures are of 96)"
        )
    assert not Path("c.html").exists()


def test_reading_and_planning_import_nothing_heavy(stored: Path, tiny_file: Path) -> None:
    commands = [
        ["compare"], ["compare", "--json"], ["compare", "--csv", "x.csv"], ["show", "a/seed-0-h0"], ["list", "runs"],
        ["list", "experiments", "--folder", str(EXPERIMENTS)],
        ["run", str(tiny_file), "--dry-run"],
    ]  # fmt: skip
    code = f"""
import sys
from alzbench.cli import main
for command in {commands!r}:
    sys.argv = ["alzbench", *command]
    try:
        main()
    except SystemExit as end:
        print(command[0], end.code, *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "ALZBENCH_RUNS": str(stored)},
    )  # fmt: skip
    assert done.stderr.splitlines() == [f"{command[0]} None" for command in commands]


# Whole commands


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_a_stopped_command_ends_with_4_and_the_same_command_completes_it(
    tiny_file: Path, image_folder: Path, number: signal.Signals
) -> None:
    arguments = ["run", "--no-sanity", tiny_file, "--data", image_folder, "--set", "train.epochs=30"]
    command = [sys.executable, "-m", "alzbench", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen_to_ctrl_c
    ) as process:
        wait_for("runs/tiny/*/checkpoint-head.npz", process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (4, "")
    assert err.splitlines()[1:] == [
        "error: Interrupted; what was finished is kept, and the same command goes on from there."
    ]
    (run,) = RunStore(Path("runs")).runs()
    assert (run.card.state, run.card.error) == ("interrupted", "stopped by the user")
    again = in_a_process(*arguments)
    assert again.code == 0, again.err
    assert "going on after epoch " in again.err
    (run,) = RunStore(Path("runs")).runs()
    assert (run.card.state, run.metrics["epochs"]) == ("complete", 30)


def listen_to_ctrl_c() -> None:
    """Undo what a shell does to the commands that it starts in the background, this test run perhaps among them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(pattern: str, process: subprocess.Popen[str]) -> None:
    """Wait until a file is there, while the process lives."""
    deadline = time.monotonic() + 120
    while not list(Path().glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_without_a_network_the_ways_out_are_named(tiny_file: Path, image_folder: Path, tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9"
    result = in_a_process(
        "run", tiny_file, "--data", image_folder, "--set", "model.backbone.weights=imagenet", "--quiet", "--json",
        https_proxy=closed, HTTPS_PROXY=closed, no_proxy="", NO_PROXY="", KERAS_HOME=str(tmp_path / "keras"),
    )  # fmt: skip
    assert (result.code, result.out) == (3, "")
    assert "ALZBENCH_WEIGHTS" in result.err
    assert "--demo" in result.err
    assert "Traceback" not in result.err
    assert not Path("runs").exists()


@pytest.mark.slow
def test_a_missing_weights_file_ends_with_3(tiny_file: Path, image_folder: Path, tmp_path: Path) -> None:
    missing = str(tmp_path / "no.weights.h5")
    arguments = [
        "run",
        "--no-sanity",
        tiny_file,
        "--data",
        image_folder,
        "--set",
        "model.backbone.weights=imagenet",
        "--quiet",
    ]
    assert_sentence(in_a_process(*arguments, ALZBENCH_WEIGHTS=missing), 3, missing, "ALZBENCH_WEIGHTS")
    assert not Path("runs").exists()


@pytest.mark.slow
def test_the_demo_learns_what_the_phantoms_show() -> None:
    result = in_a_process("run", EXPERIMENTS / "attention.yaml", "--demo", "--json")
    assert result.code == 0, result.err
    run, *sanity = json.loads(result.out)["runs"]
    assert [row["experiment"] for row in sanity] == [
        "sanity-largest-class", "sanity-grey-logistic", "sanity-shuffled-labels",
    ]  # fmt: skip
    assert run["demo"]
    test = run["metrics"]["test"]
    largest = max(scores["support"] for scores in test["per_class"].values()) / test["n"]
    assert largest == pytest.approx(108 / 252)
    assert test["accuracy"] > largest + 0.1
    assert test["balanced_accuracy"] > 0.25 + 0.15
    compared = in_a_process("compare")
    assert "DEMO on phantoms" in compared.out
    assert "reference work" not in compared.out
