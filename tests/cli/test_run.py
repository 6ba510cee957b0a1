"""`alzbench run`: experiments, options and data that are refused, failures, streams, and --dry-run."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from alzbench.errors import RunError
from alzbench.experiment import load_experiment
from alzbench.store import RunStore
from tests.helpers.command import TINY, Command, assert_sentence
from tests.helpers.stub_network import Stub


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
        pytest.param(["--seeds=-1"], "must be at least 0", id="negative-seed"),
        pytest.param(["--set", "train.epochs"], "--set takes FIELD=VALUE", id="malformed-set"),
        pytest.param(["--set", "train.epoch=1"], "Did you mean 'epochs'?", id="unknown-field"),
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
        "other/tiny.yaml defines another tiny",
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
        pytest.param(
            remove, "OriginalDataset", ["must contain the folders AugmentedAlzheimerDataset and"], id="no-part"
        ),
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


def test_data_come_from_the_option_or_else_from_the_variable(
    alzbench: Command, tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source(*arguments: str) -> str:
        document = json.loads(alzbench("run", "--no-sanity", tiny_file, "--dry-run", "--json", *arguments).out)
        return str(document["experiments"][0]["data"]["source"])

    assert source() == "kaggle"
    monkeypatch.setenv("ALZBENCH_DATA", "from-variable")
    assert source() == "from-variable"
    assert source("--data", "from-option") == "from-option"
    assert source("--set", "data.source=set") == "set"
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
    assert result.err.endswith("error: 1 of 2 runs failed; the same command repeats only these.\n")
    assert stub.trained == [("tiny", 0), ("second", 0)]


def test_an_interruption_ends_with_4(alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]) -> None:
    stub.fails = {"tiny": KeyboardInterrupt()}
    result = alzbench("run", "--no-sanity", tiny_file, "--data", image_folder, "--quiet", "--json")
    assert (result.code, result.out) == (4, "")
    assert result.err == (
        "a library prints\nerror: Interrupted. Finished work is kept; run the same command again to continue.\n"
    )
    assert [run.card.state for run in RunStore(Path("runs")).runs()] == ["interrupted"]


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
    assert re.search(r"^tiny +50\.00 \(\d", result.out, re.MULTILINE), result.out
    assert "reference protocol · 12 images · leaks unknown\n" in result.out
    assert stub.trained == [("tiny", 3), ("tiny", 4)]
    again = alzbench("run", "--no-sanity", tiny_file, "--data", image_folder, "--seeds", "4")
    assert "tiny, seed 4: already complete" in again.err
    assert re.search(r"^tiny +50\.00 \(\d", again.out, re.MULTILINE), again.out
    assert "there is one experiment, and nothing to compare it with" in " ".join(again.out.split())
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


# --dry-run


def test_a_dry_run_prints_what_would_run_and_writes_nothing(
    alzbench: Command, tiny_file: Path, own_environment: Path, stub: type[Stub]
) -> None:
    result = alzbench(
        "run", "--no-sanity", tiny_file, "--data", "nowhere", "--seeds", "0,2", "--set", "train.epochs=7", "--dry-run",
        "--settings",
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    lines = [f"# tiny, reference protocol, seed {seed}: would run\n" for seed in (0, 2)]
    assert "".join(lines) + "# 2 of 2 runs to do; the time is not known before a first run is stored.\n" in result.out
    printed = tiny_file.with_name("printed.yaml")
    printed.write_text(result.out)
    overrides = {"data": {"source": "nowhere"}, "seeds": [0, 2], "train": {"epochs": 7}}
    expected = load_experiment(tiny_file, overrides=overrides)
    assert load_experiment(printed, ["model.options={units: 8}"]).model_dump(exclude={"model"}) == expected.model_dump(
        exclude={"model"}
    )
    assert load_experiment(printed).model.options == {"pooling": "mean", "units": 8, "dropout": 0.3}
    assert (os.listdir(), os.listdir(own_environment), stub.trained) == ([], [], [])


def test_a_dry_run_prints_a_line_for_each_run_and_the_time(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    arguments = ("run", "--no-sanity", tiny_file, "--data", image_folder)
    assert alzbench(*arguments).code == 0
    (metrics,) = Path("runs").glob("*/*/metrics.json")
    content = json.loads(metrics.read_text())
    content["duration_s"] = {"features": 5000.0, "training": 90.0, "prediction": 6.0, "evaluation": 4.0}
    metrics.write_text(json.dumps(content))
    out = alzbench(*arguments, "--seeds", "0,1,2", "--dry-run").out
    assert out.splitlines() == [
        "tiny, reference protocol, seed 0: complete; used again if the images are unchanged",
        "tiny, reference protocol, seed 1: would run",
        "tiny, reference protocol, seed 2: would run",
        "2 of 3 runs to do, in about 0:03:20 by the stored runs, and the time of new feature maps.",
    ]
    assert alzbench(*arguments, "--dry-run").out.endswith("0 of 1 run to do.\n")
    other = tiny_file.with_name("other.yaml")
    other.write_text(f"{TINY}\n".replace("epochs: 2", "epochs: 20"))
    planned = json.loads(alzbench("run", "--no-sanity", other, "--data", image_folder, "--dry-run", "--json").out)
    assert planned["seconds"] == 1000  # 20 epochs, and the stored run took 100 s for 2
    assert planned["experiments"][0]["model"]["options"] == {"pooling": "mean", "units": 8, "dropout": 0.3}
    assert len(stub.trained) == 1


def test_settings_are_for_a_dry_run(alzbench: Command, tiny_file: Path) -> None:
    assert_sentence(alzbench("run", tiny_file, "--settings"), 2, "--settings applies to --dry-run only")


def test_a_dry_run_knows_what_is_stored(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    alzbench("run", "--no-sanity", tiny_file, "--data", image_folder)
    result = alzbench("run", "--no-sanity", tiny_file, "--data", image_folder, "--seeds", "0,1", "--dry-run", "--json")
    assert json.loads(result.out)["runs"] == [
        {
            "experiment": "tiny",
            "seed": 0,
            "fold": None,
            "stored": "complete",
            "protocol": "reference",
            "would_run": False,
        },
        {"experiment": "tiny", "seed": 1, "fold": None, "stored": None, "protocol": "reference", "would_run": True},
    ]
    assert len(stub.trained) == 1
