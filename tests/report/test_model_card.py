"""The model card: the run's own numbers, its leakage in words, and a program that works."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alzbench.data.manifest import open_image_set
from alzbench.inference.export import Exported, export_run
from alzbench.inference.formats import FORMATS
from alzbench.inference.trained import open_trained_run, read_experiment
from alzbench.progress import Progress
from alzbench.report.model_card import render_model_card
from alzbench.report.run import score_run
from alzbench.store import Run
from tests.helpers.images import CLASSES
from tests.helpers.trained import train_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cards")


@pytest.fixture(scope="module")
def leaky(folder: Path) -> Run:
    return train_tiny(folder, "leaky", data={"source": "phantom"})


@pytest.fixture(scope="module")
def apart(folder: Path) -> Run:
    return train_tiny(folder, "apart", data={"source": "phantom"}, protocol={"name": "subject"})


@pytest.fixture(scope="module")
def attentive(folder: Path) -> dict[str, Run]:
    """Runs of a variant that classifies slices, and of one that classifies subjects."""
    options = {"units": 8, "key_dim": 8}
    models: dict[str, dict[str, Any]] = {"attention": options, "subject_attention": {**options, "slices": 6}}
    same = {"data": {"source": "phantom"}, "protocol": {"name": "subject"}, "train": {"epochs": 1}}
    return {name: train_tiny(folder, name, model={"variant": name, "options": o}, **same) for name, o in models.items()}


def card_of(run: Run, name: str = "onnx", slices: int | None = None, **changes: Any) -> str:
    values: dict[str, Any] = {
        "run": run.name, "format": name, "path": Path(f"m{FORMATS[name].ending}"), "files": {"m.onnx": "abc123"},
        "bytes": 1234567, "difference": 3.2e-6, "limit": 1e-4, "images": 100, "filled": False,
    }  # fmt: skip
    exported = Exported(**{**values, **changes})
    return render_model_card(score_run(run), run.table("split.csv"), read_experiment(run.path), exported, slices)


def cells(card: str, name: str) -> list[str]:
    """Return the cells of the first row that starts with a name."""
    row = next(line for line in card.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_card_has_the_scores_of_the_run(leaky: Run) -> None:
    card, metrics = card_of(leaky), json.loads((leaky.path / "metrics.json").read_text())
    test = metrics["test"]
    assert cells(card, "accuracy %")[1].startswith(f"{100 * test['accuracy']:.2f} (")
    assert cells(card, "cross-entropy loss")[1].startswith(f"{test['loss']:.3f}")
    by_class = card.partition("### By class")[2]
    for name in CLASSES:
        assert cells(by_class, name)[3].startswith(f"{test['per_class'][name]['f1']:.3f}")
        assert cells(by_class, name)[-1] == str(test["per_class"][name]["support"])
    mean = metrics["test_by_subject"]["mean"]
    assert cells(card.partition("### By subject")[2], "accuracy %")[1].startswith(f"{100 * mean['accuracy']:.2f}")


def test_the_card_describes_file_interface_and_data(leaky: Run) -> None:
    card, split = card_of(leaky), leaky.table("split.csv")
    assert "| m.onnx | abc123 |" in card
    assert "1,234,567 bytes" in card
    assert cells(card, "settings hash")[1] == leaky.card.settings_hash
    assert cells(card, "fingerprint")[1] == leaky.card.data
    assert cells(card, "source")[1] == "synthetic phantom slices"
    assert "(batch, 64, 64, 1), values from 0 to 255" in card
    order = card.partition("Classes in the order of the outputs")[2]
    assert [cells(order, str(k))[1] for k in range(4)] == list(CLASSES)
    trained = split[split["part"] == "train"]
    assert cells(card, "all")[1] == f"{len(trained):,}"
    assert cells(card, "all")[4] == f"{trained['subject'].nunique():,}"
    assert str(leaky.path.parent) not in card  # no folder of this machine
    assert "3.2e-06; at most 1e-04 was accepted" in card
    assert card.count("not a medical device") == 1


def test_the_card_says_if_the_scores_leak(leaky: Run, apart: Run) -> None:
    warning, limit = "Train/test leakage:", "The scores do not say how well new people are classified"
    without = "No subject of the test images is in training or validation."
    card = card_of(leaky)
    assert warning in card
    assert limit in card
    assert without not in card
    card = card_of(apart)
    assert warning not in card
    assert limit not in card
    assert without in card
    few = "Too few people to test (fewer than 5 with an interval)"
    assert f"{few}: {', '.join(CLASSES)}." in card  # 9 test subjects
    assert f"{few}: ModerateDemented." in card_of(leaky)


def test_an_accepted_difference_is_a_warning(leaky: Run) -> None:
    warning = "**This file differs from the run by more than 1e-04, which the user accepted.**"
    assert warning in card_of(leaky, difference=3e-4, limit=1e-3)
    assert warning not in card_of(leaky)
    assert "in sets filled by repeating slices" in card_of(leaky, filled=True, slices=7)


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("variant", ["attention", "subject_attention"])
def test_the_program_on_the_card_works(
    name: str, variant: str, attentive: dict[str, Run], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads image files, and prints the probabilities that the run predicted for them."""
    monkeypatch.setenv("ALZBENCH_CACHE", str(folder / "cache"))
    run = attentive[variant]
    trained = open_trained_run(run)
    images = open_image_set(trained.experiment.data, Progress())
    path = tmp_path / f"m{FORMATS[name].ending}"
    exported = export_run(trained, name, path, images, Progress())
    card = render_model_card(score_run(run), run.table("split.csv"), trained.experiment, exported, trained.model.slices)
    program = "\n".join(line[4:] for line in card.partition("## How to use it\n\n")[2].splitlines())
    table = run.predictions()
    chosen = table[table["subject"] == table["subject"].iloc[0]] if trained.model.slices else table.head(1)
    files = images.manifest.set_index("image")["path"]
    (tmp_path / "subject").mkdir()
    for number, image in enumerate(chosen["image"]):
        with Image.open(files[image]) as opened:
            opened.save(tmp_path / "subject" / f"{number}.png")
            opened.save(tmp_path / "slice.png")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    printed = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    assert list(printed) == list(CLASSES)
    expected = [chosen[f"p_{c}"].iloc[0] for c in CLASSES]
    np.testing.assert_allclose(list(printed.values()), expected, atol=1e-4)
