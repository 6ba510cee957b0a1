"""Groups of images that must stay together, and the split that keeps them so."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alzbench.data.audit import audit
from alzbench.data.groups import CorrectedSplit, corrected_split, find_clusters
from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.data.phantom import draw_phantom_set
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.experiment.protocols import GivenProtocol, ReferenceProtocol, SliceProtocol, SubjectProtocol
from alzbench.progress import Progress
from tests.helpers.images import write_image

pytestmark = pytest.mark.usefixtures("shared_cache")
SLICE = SliceProtocol(name="slice")


@pytest.fixture
def anonymous(tmp_path: Path, silent: Progress) -> Path:
    """The original phantom images under names that say nothing, in an order that says nothing."""
    originals = draw_phantom_set(silent) / "OriginalDataset"
    for name in ("NonDemented", "ModerateDemented"):
        files = sorted((originals / name).iterdir())
        (tmp_path / "set" / name).mkdir(parents=True)
        for number, place in enumerate(np.random.default_rng(0).permutation(len(files))):
            shutil.copy(files[place], tmp_path / "set" / name / f"image {number:04d} x.png")
    return tmp_path / "set"


def opened(root: Path, silent: Progress, **settings: object) -> ImageSet:
    return open_image_set(DataSettings.model_validate({"source": str(root), "size": 32, **settings}), silent)


def corrected(images: ImageSet, silent: Progress, seed: int = 0) -> CorrectedSplit:
    result = audit(images, SLICE, seed, None, silent)
    return corrected_split(images, result.cluster, result.pairs, SLICE, seed)


def test_a_written_split_has_no_leakage(anonymous: Path, tmp_path: Path, silent: Progress) -> None:
    images = opened(anonymous, silent)
    before = audit(images, SLICE, 0, None, silent)
    assert before.leakage.unknown == before.leakage.test_images
    assert before.look_alikes > 0  # few: the slices of a phantom are far apart
    assert before.leaks
    split = corrected(images, silent)
    assert list(split.table) == ["image", "subject", "slice", "split"]
    assert split.contradictory == []
    split.table.to_csv(tmp_path / "split.csv", index=False)
    again = opened(anonymous, silent, subjects=str(tmp_path / "split.csv"))
    after = audit(again, GivenProtocol(name="given"), 0, None, silent)
    assert not after.leaks
    assert after.leakage.unknown == after.look_alikes == after.exact_copies == after.near_copies == 0
    assert set(after.images.columns[after.images.sum() > 0]) == {"train", "validation", "test"}


def test_known_subjects_have_no_clusters(silent: Progress) -> None:
    images = open_image_set(DataSettings(source="phantom", size=32), silent)
    assert set(find_clusters(images.manifest, silent)) == {""}
    result = audit(images, ReferenceProtocol(), 0, None, silent)
    split = corrected_split(images, result.cluster, result.pairs, SubjectProtocol(name="subject", test=0.5), 0)
    tested = split.table.groupby("split")["subject"].nunique()
    assert tested.to_dict() == {"test": 21, "train": 16, "validation": 5}  # half of 18, 12, 8 and 4 subjects
    assert not split.table["image"].str.startswith("Augmented").any()


def test_copies_join_subjects_and_copies_in_two_classes_are_left_out(tmp_path: Path, silent: Progress) -> None:
    root = tmp_path / "set"
    for label, name in enumerate(("a", "b")):
        for subject in range(6):
            for number in range(2):
                key = 1000 * label + 10 * subject + number
                write_image(root / name / f"sub-{name}{subject}_slice-{number}.png", key)
    shutil.copy(root / "a" / "sub-a0_slice-0.png", root / "a" / "sub-a1_slice-0.png")  # two subjects, one image
    shutil.copy(root / "a" / "sub-a2_slice-1.png", root / "b" / "sub-b2_slice-1.png")  # one image, two classes
    images = opened(root, silent)
    assert images.classes == ["a", "b"]
    for seed in range(4):
        split = corrected(images, silent, seed)
        assert split.contradictory == ["a/sub-a2_slice-1.png", "b/sub-b2_slice-1.png"]
        joined = split.table[split.table["image"].str.contains("sub-a[01]")]
        assert joined["subject"].unique().tolist() == ["sub-a0"]
        assert joined["split"].nunique() == 1
        assert len(split.table) == 22


def test_labels_are_written_if_a_table_gives_them(tmp_path: Path, silent: Progress) -> None:
    rows = []
    for subject in range(8):
        for number in range(2):
            write_image(tmp_path / "flat" / f"{subject}{number}.png", 10 * subject + number)
            rows.append((f"{subject}{number}.png", f"s{subject}", ("AD", "MCI", "CN", "CN")[subject % 4]))
    pd.DataFrame(rows, columns=["image", "subject", "label"]).to_csv(tmp_path / "t.csv", index=False)
    merged = {"healthy": "CN", "impaired": ["MCI", "AD"]}
    images = opened(tmp_path / "flat", silent, subjects=str(tmp_path / "t.csv"), classes=merged)
    split = corrected(images, silent)
    assert set(split.table["label"]) == {"healthy", "impaired"}
    split.table.to_csv(tmp_path / "split.csv", index=False)
    again = opened(tmp_path / "flat", silent, subjects=str(tmp_path / "split.csv"), classes=merged)
    assert len(again.manifest) == 16
    assert not audit(again, GivenProtocol(name="given"), 0, None, silent).leaks


def test_too_few_groups_are_refused(tmp_path: Path, silent: Progress) -> None:
    for label, name in enumerate(("a", "b")):
        Image.effect_noise((40, 40), 50 + label).save(tmp_path / f"{name}.png")
        for number in range(20):
            (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / f"{name}.png", tmp_path / "set" / name / f"sub-{name}{number}_slice-1.png")
    images = opened(tmp_path / "set", silent)
    with pytest.raises(DataError, match="needs at least three subjects or groups of copies"):
        corrected(images, silent)
