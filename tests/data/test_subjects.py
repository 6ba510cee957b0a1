"""Subjects of images: wrong names are noticed, and nothing is guessed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alzbench.data.manifest import open_image_set
from alzbench.data.phantom import SLICES, SUBJECTS, draw_phantom_set
from alzbench.data.subjects import MIN_AGREEMENT, adjacent_agreement, image_signatures
from alzbench.experiment import DataSettings
from alzbench.progress import Progress

pytestmark = pytest.mark.usefixtures("shared_cache")


@pytest.fixture
def originals(silent: Progress) -> pd.DataFrame:
    manifest = open_image_set(DataSettings(source="phantom", size=32), silent).manifest
    rows = manifest[manifest["part"] == "original"]
    return rows.assign(**{"class": np.array(list(SUBJECTS))[rows["label"]]})


def test_names_of_the_phantom_set(originals: pd.DataFrame) -> None:
    assert originals["subject"].nunique() == sum(SUBJECTS.values())
    assert (originals.groupby("subject")["slice"].nunique() == SLICES).all()
    assert set(originals["subject_by"]) == {"name"}


def test_neighbouring_slices_agree(originals: pd.DataFrame, silent: Progress) -> None:
    agreement = adjacent_agreement(originals, silent)
    assert agreement is not None
    by_chance = adjacent_agreement(shuffled(originals), silent)
    assert by_chance is not None
    assert agreement > by_chance + 0.1
    assert by_chance < MIN_AGREEMENT


def shuffled(rows: pd.DataFrame) -> pd.DataFrame:
    """Shuffle the subjects within each class and slice."""
    rng = np.random.default_rng(0)
    subjects = rows.groupby(["class", "slice"])["subject"].transform(lambda names: rng.permutation(names.to_numpy()))
    return rows.assign(subject=subjects)


def test_one_subject_cannot_be_checked(originals: pd.DataFrame, silent: Progress) -> None:
    alone = originals[originals["subject"] == originals["subject"].iloc[0]]
    assert adjacent_agreement(alone, silent) is None


def test_numbered_names_that_the_pixels_contradict_are_refused(tmp_path: Path, silent: Progress) -> None:
    """Phantoms are numbered at random in the way of the Kaggle set: the pixels do not agree with the numbers."""
    files = sorted((draw_phantom_set(silent) / "OriginalDataset").rglob("*.png"))
    rng = np.random.default_rng(0)
    root = tmp_path / "set"
    for name in SUBJECTS:
        (root / name).mkdir(parents=True)
        for number, path in enumerate(rng.permutation([str(f) for f in files])[:64]):
            shutil.copy(path, root / name / f"{name[:4].lower()}Dem{number}.png")
    manifest = open_image_set(DataSettings(source=str(root), size=32), silent).manifest
    assert set(manifest["subject"]) == {""}
    assert set(manifest["subject_by"]) == {""}


def test_unknown_names_of_unknown_heads_stay_unknown(tmp_path: Path, silent: Progress) -> None:
    source = draw_phantom_set(silent) / "OriginalDataset"
    for name in SUBJECTS:
        (tmp_path / "set" / name).mkdir(parents=True)
        for number, path in enumerate(sorted((source / name).iterdir())):
            shutil.copy(path, tmp_path / "set" / name / f"{'abcdefgh'[number % 8]}-{number}.png")
    manifest = open_image_set(DataSettings(source=str(tmp_path / "set"), size=32), silent).manifest
    assert set(manifest["subject"]) == {""}


def test_signatures_are_computed_once(
    originals: pd.DataFrame, silent: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = image_signatures(originals, silent)

    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("alzbench.data.subjects.signatures", refuse)
    assert np.array_equal(image_signatures(originals, silent), first)
