"""The audit of a set under a protocol: who is in it, and what its test images share with training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.leakage import Leakage, measure_leakage
from alzbench.data.manifest import ImageSet
from alzbench.data.protocols import split_of_run, split_seed
from alzbench.data.signature import mirrored, unit, whitening
from alzbench.data.subjects import adjacent_agreement, image_signatures
from alzbench.experiment.protocols import ProtocolSettings
from alzbench.progress import Progress

COMPONENTS = 64
NEAR_COPY = 0.985  # likeness from which two images are copies; neighbouring slices of one subject reach 0.98
_CHUNK = 512

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Audit:
    """Findings on one split.

    Attributes:
        protocol, seed, fold: Which split, by the seed that decides it; fold is None for a protocol without folds.
        subject_by: Images by how their subject was found: name, content, unknown.
        agreement: How often the most similar next slice is the same subject's; None where it cannot be told.
        images: Rows class, one column a part: number of images.
        subjects: The same for subjects that are known.
        leakage: What the test images share with the rest by subject.
        exact_copies: Test images whose very content is in training or validation.
        near_copies: Test images with an image in training or validation at least NEAR_COPY alike.
        nearest: Rows image, nearest, similarity: for each test image its most similar image in training or validation.
        label_conflicts: Rows what, images, labels: contents and subjects that have more than one label.
        untestable: For a protocol with folds: fold -> classes without a test subject.
    """

    protocol: str
    seed: int
    fold: int | None
    subject_by: dict[str, int]
    agreement: float | None
    images: pd.DataFrame
    subjects: pd.DataFrame
    leakage: Leakage
    exact_copies: int
    near_copies: int
    nearest: pd.DataFrame
    label_conflicts: pd.DataFrame
    untestable: dict[int, list[str]]

    @property
    def leaks(self) -> bool:
        """Whether a test image, or a slice of its subject, was found on the other side."""
        return bool(self.leakage.same_subject or self.exact_copies)


def audit(images: ImageSet, settings: ProtocolSettings, seed: int, fold: int | None, progress: Progress) -> Audit:
    """Audit the split that runs of one seed, and one fold where there are folds, use."""
    manifest = images.manifest.assign(**{"class": np.array(images.classes, dtype=object)[images.manifest["label"]]})
    split = split_of_run(images.manifest, settings, seed, fold)
    used = manifest.loc[split.index].assign(part=split["part"])
    test, seen = used[used["part"] == "test"], used[used["part"] != "test"]
    nearest = _nearest(test, seen, progress)
    originals = manifest[(manifest["subject_by"] == "name") & (manifest["part"] != "augmented")]
    return Audit(
        protocol=settings.name,
        seed=split_seed(settings, seed),
        fold=fold,
        subject_by={str(by or "unknown"): int(n) for by, n in manifest["subject_by"].value_counts().items()},
        agreement=adjacent_agreement(originals, progress),
        images=_count(used, images.classes, "image"),
        subjects=_count(used[used["subject"] != ""], images.classes, "subject"),
        leakage=measure_leakage(split),
        exact_copies=int(test["digest"].isin(set(seen["digest"])).sum()),
        near_copies=int((nearest["similarity"] >= NEAR_COPY).sum()),
        nearest=nearest,
        label_conflicts=_label_conflicts(manifest),
        untestable=_untestable(images, settings, seed),
    )


def _count(rows: pd.DataFrame, classes: list[str], what: str) -> pd.DataFrame:
    counts = rows.groupby(["class", "part"])[what].nunique().unstack(fill_value=0)
    return counts.reindex(index=classes, columns=["train", "validation", "test"], fill_value=0)


def _nearest(test: pd.DataFrame, seen: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    here, there = image_signatures(test, progress), image_signatures(seen, progress)
    mean, basis = whitening(np.concatenate([here, there]), COMPONENTS)
    known = unit((there - mean) @ basis)
    best = np.empty(len(here), np.int64)
    similarity = np.empty(len(here), np.float32)
    with progress.track("nearest training images", len(here)) as advance:
        for start in range(0, len(here), _CHUNK):
            rows = here[start : start + _CHUNK]
            as_is, flipped = (unit((s - mean) @ basis) @ known.T for s in (rows, mirrored(rows)))
            alike = np.maximum(as_is, flipped)
            best[start : start + _CHUNK] = alike.argmax(axis=1)
            similarity[start : start + _CHUNK] = alike.max(axis=1)
            advance(len(rows))
    names = seen["image"].to_numpy()[best]
    return pd.DataFrame({"image": test["image"].to_numpy(), "nearest": names, "similarity": similarity})


def _label_conflicts(manifest: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for what, column in (("content", "digest"), ("subject", "subject")):
        known = manifest[manifest[column] != ""]
        labels = known.groupby(column)["class"].agg(lambda values: sorted(set(values)))
        for key, classes in labels.items():
            if len(classes) == 1:
                continue
            members = known.loc[known[column] == key, "image"]
            rows.append({"what": f"{what} {key}", "images": len(members), "labels": ", ".join(classes)})
    return pd.DataFrame(rows, columns=["what", "images", "labels"])


def _untestable(images: ImageSet, settings: ProtocolSettings, seed: int) -> dict[int, list[str]]:
    missing = {}
    for fold in settings.test_folds:
        if fold is not None:
            split = split_of_run(images.manifest, settings, seed, fold)
            tested = set(split.loc[split["part"] == "test", "label"])
            missing[fold] = [name for label, name in enumerate(images.classes) if label not in tested]
    return {fold: names for fold, names in missing.items() if names}
