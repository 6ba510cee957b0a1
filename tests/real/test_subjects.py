"""Subjects of the real images, by name and by content."""

from __future__ import annotations

import io
import shutil
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from alzbench.data.audit import audit
from alzbench.data.clusters import cluster
from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.data.subjects import adjacent_agreement, image_signatures
from alzbench.experiment import DataSettings
from alzbench.experiment.protocols import ReferenceProtocol, SubjectProtocol
from alzbench.progress import Progress

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def images(real_set: Path) -> ImageSet:
    return open_image_set(DataSettings(source=str(real_set)), Progress())


@pytest.fixture
def originals(images: ImageSet) -> pd.DataFrame:
    return images.manifest[images.manifest["part"] == "original"]


def test_names_give_subject_and_slice_of_all_6400(originals: pd.DataFrame) -> None:
    assert set(originals["subject_by"]) == {"name"}
    assert originals["subject"].nunique() == 200
    assert originals.groupby("label")["subject"].nunique().tolist() == [100, 70, 28, 2]
    assert not originals.duplicated(["subject", "slice"]).any()


def test_neighbouring_slices_confirm_the_names(originals: pd.DataFrame) -> None:
    agreement = adjacent_agreement(originals.assign(**{"class": originals["label"]}), Progress())
    assert agreement is not None
    print(f"adjacent-slice agreement {agreement:.4f}")
    assert agreement > 0.99


def test_augmented_images_are_identified_by_content(images: ImageSet, real_set: Path) -> None:
    truth = pd.read_csv(real_set / "truth.csv")
    manifest = images.manifest.set_index("image")
    identified = manifest.loc["AugmentedAlzheimerDataset/" + truth["augmented"]]
    true = manifest.loc["OriginalDataset/" + truth["original"]]
    known = (identified["subject"] != "").to_numpy()
    correct = identified["subject"].to_numpy() == true["subject"].to_numpy()
    assert correct.mean() >= 0.99
    assert correct[known].all()  # no wrong match is certain


@pytest.mark.parametrize("number", [200, 60, 12])
def test_similarity_alone_finds_the_subjects(originals: pd.DataFrame, number: int) -> None:
    subjects = np.random.default_rng(number).permutation(sorted(set(originals["subject"])))[:number]
    rows = originals[originals["subject"].isin(subjects)]
    clusters = cluster(image_signatures(rows, Progress()), Progress())
    pairs = set(zip(rows["subject"], clusters.tolist(), strict=True))
    assert len(pairs) == len(set(clusters.tolist())) == number


def changed(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Change an image as re-uploads do: another size, quality and brightness, rotated, mirrored."""
    size = [(128, 128), (176, 208), (224, 224), (150, 177)][rng.integers(4)]
    out = (
        image.convert("L")
        .rotate(rng.uniform(-10, 10), Image.Resampling.BILINEAR)
        .resize(size, Image.Resampling.BICUBIC)
    )
    if rng.random() < 0.5:
        out = out.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    buffer = io.BytesIO()
    ImageEnhance.Brightness(out).enhance(rng.uniform(0.8, 1.2)).save(buffer, "JPEG", quality=int(rng.integers(50, 95)))
    return Image.open(buffer)


def test_renamed_and_changed_copies_are_identified(originals: pd.DataFrame, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = {}
    for row in originals.groupby("label").sample(64, random_state=0).sample(frac=1, random_state=1).itertuples():
        folder = tmp_path / "set" / Path(str(row.image)).parent.name
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{uuid.UUID(bytes=rng.bytes(16))}.jpg"
        with Image.open(str(row.path)) as image:
            changed(image, rng).save(folder / name)
        truth[name] = row.subject
    identified = open_image_set(DataSettings(source=str(tmp_path / "set")), Progress()).manifest
    names = identified["image"].map(lambda image: Path(image).name)
    correct = identified["subject"].to_numpy() == names.map(truth).to_numpy()
    assert correct.mean() >= 0.99
    assert correct[(identified["subject"] != "").to_numpy()].all()


def test_train_and_test_folders_of_the_older_set(originals: pd.DataFrame, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for row in originals.itertuples():
        part = "test" if rng.random() < 0.2 else "train"
        folder = tmp_path / "set" / part / Path(str(row.image)).parent.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(row.path), folder)
    identified = open_image_set(DataSettings(source=str(tmp_path / "set")), Progress()).manifest
    expected = originals.assign(name=originals["image"].map(lambda image: Path(image).name))
    by_name = expected.set_index(["label", "name"])["subject"]
    keys = list(zip(identified["label"], identified["image"].map(lambda image: Path(image).name), strict=True))
    assert identified["subject"].tolist() == by_name.loc[keys].tolist()
    assert set(identified["subject_by"]) == {"name"}


def test_audit_of_the_reference_protocol(images: ImageSet) -> None:
    """With a twentieth of the augmented images, not every original has a copy, but nearly every subject has one."""
    identified = audit(images, ReferenceProtocol(), 0, None, Progress())
    assert identified.leakage.same_subject > 0.99 * 6400
    assert identified.leakage.same_slice > 1000
    assert identified.near_copies == pytest.approx(identified.leakage.same_slice, rel=0.01)  # from the pixels alone
    clean = audit(images, SubjectProtocol(name="subject"), 0, None, Progress())
    assert not clean.leaks
    assert clean.near_copies == clean.exact_copies == 0
