"""Protocols, which assign images to train, validation and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from alzbench.data.leakage import measure_leakage
from alzbench.data.parts import AUGMENTED, ORIGINAL, is_fold
from alzbench.delimited import quoted
from alzbench.errors import DataError
from alzbench.experiment.protocols import (
    GivenProtocol,
    ReferenceProtocol,
    SliceProtocol,
    SubjectFoldsProtocol,
    SubjectProtocol,
)
from alzbench.registry import Entry, Registry
from alzbench.seeds import derive

PARTS = ("train", "validation", "test")
UNUSED = "unused"


@dataclass(frozen=True)
class Draw:
    """Choice of one of the splits of a protocol.

    Attributes:
        seed: Seed of the random assignment.
        fold: Fold that is tested, from 0; ignored by a protocol without folds.
        validation_fold: Fold that is validated on, from 0; ignored unless the protocol has `validation_folds`.
    """

    seed: int
    fold: int = 0
    validation_fold: int = 0


# (manifest, settings, draw) -> part of each row: train, validation, test or unused
Assign = Callable[[pd.DataFrame, Any, Draw], "pd.Series[str]"]

PROTOCOLS = Registry("protocol", Entry[Assign])


def make_split(
    manifest: pd.DataFrame, settings: Any, seed: int, fold: int = 0, validation_fold: int = 0
) -> pd.DataFrame:
    """Assign the images of a manifest to parts.

    Args:
        manifest: See `manifest.ImageSet`.
        settings: Settings of a protocol; `settings.name` is one of PROTOCOLS.
        seed, fold, validation_fold: See `Draw`.

    Returns:
        One row per used image, in the manifest's order and with its index: image, label, subject, slice, part.

    Raises:
        DataError: A part would be empty, or the protocol needs images or subjects that the manifest does not have.
    """
    parts = PROTOCOLS[settings.name].function(manifest, settings, Draw(seed, fold, validation_fold))
    split = manifest[["image", "label", "subject", "slice"]].assign(part=parts)
    split = split[split["part"] != UNUSED]
    empty = [part for part in PARTS if part not in set(split["part"])]
    if empty:
        subjects = manifest.loc[manifest["subject"] != "", "subject"].nunique()
        raise DataError(
            f"The {settings.name} protocol leaves no images for {', '.join(empty)}: the set has {len(manifest)} images "
            f"and {subjects} known subjects. Use a larger set, other shares, or another protocol."
        )
    return split


def split_of_run(manifest: pd.DataFrame, settings: Any, seed: int, fold: int | None) -> pd.DataFrame:
    """Assign the images to parts for the run of one seed and fold; see `make_split`."""
    folds = getattr(settings, "validation_folds", None)
    validation_fold = seed % folds if folds else 0
    return make_split(manifest, settings, derive(split_seed(settings, seed), "split"), fold or 0, validation_fold)


def split_seed(settings: Any, seed: int) -> int:
    """Return the seed of a run's split: the protocol's `split_seed`, or else the run's own seed."""
    return seed if settings.split_seed is None else int(settings.split_seed)


@PROTOCOLS.register("reference", ReferenceProtocol)
def _reference(manifest: pd.DataFrame, settings: ReferenceProtocol, draw: Draw) -> pd.Series[str]:
    given = manifest["part"].replace({AUGMENTED: "train", ORIGINAL: "test"})
    for part, folders in (("train", "augmented (or train)"), ("test", "original (or test)")):
        if part not in set(given):
            raise DataError(
                f"The reference protocol needs a folder of {folders} images, and this set has none. Use the protocol "
                "slice or subject."
            )
    if given.map(is_fold).any():
        raise DataError("The reference protocol does not use folds. Use the protocol slice, subject or subject_cv.")
    if "validation" not in set(given):
        training = given == "train"
        given.loc[training] = _divide(manifest[training], settings.validation, draw.seed, "train", "validation")
    return given


@PROTOCOLS.register("slice", SliceProtocol)
def _slice(manifest: pd.DataFrame, settings: SliceProtocol, draw: Draw) -> pd.Series[str]:
    originals = manifest[manifest["part"] != "augmented"]
    parts = _divide(originals, settings.test, draw.seed, "remaining", "test")
    remaining = originals[parts == "remaining"]
    parts.loc[remaining.index] = _divide(remaining, settings.validation, draw.seed, "train", "validation")
    result = pd.Series(UNUSED, index=manifest.index)
    result.loc[parts.index] = parts
    return _add_augmented(result, manifest, settings.augmented, ["subject", "slice"])


@PROTOCOLS.register("subject", SubjectProtocol)
def _subject(manifest: pd.DataFrame, settings: SubjectProtocol, draw: Draw) -> pd.Series[str]:
    rng = np.random.default_rng(draw.seed)
    parts: dict[str, str] = {}
    remaining: list[list[str]] = []
    for subjects in _subjects_by_class(manifest).values():
        order = [str(s) for s in rng.permutation(subjects)]
        allotted = _allot(order, settings.test, settings.validation)
        parts |= allotted
        remaining.append([s for s in order if allotted[s] != "test"])
    return _assign_subjects(manifest, parts | _validation_fold(remaining, settings, draw), settings.augmented)


@PROTOCOLS.register("subject_cv", SubjectFoldsProtocol)
def _subject_cv(manifest: pd.DataFrame, settings: SubjectFoldsProtocol, draw: Draw) -> pd.Series[str]:
    rng = np.random.default_rng(draw.seed)  # the same order for every fold, so that the folds partition the subjects
    parts: dict[str, str] = {}
    remaining: list[list[str]] = []
    assigned = 0
    for subjects in _subjects_by_class(manifest).values():
        order = [str(s) for s in rng.permutation(subjects)]
        tested = _fold_of(order, settings.folds, draw.fold, assigned)
        assigned += len(order)
        remaining.append([s for s in order if s not in tested])
        parts |= dict.fromkeys(tested, "test") | _allot(remaining[-1], 0, settings.validation)
    return _assign_subjects(manifest, parts | _validation_fold(remaining, settings, draw), settings.augmented)


@PROTOCOLS.register("given", GivenProtocol)
def _given(manifest: pd.DataFrame, settings: GivenProtocol, draw: Draw) -> pd.Series[str]:
    parts = manifest["split"].where(manifest["split"].isin(PARTS), UNUSED)
    for part in ("train", "test"):
        if not (parts == part).any():
            found = manifest["split"].unique().tolist()
            raise DataError(
                f"The given protocol needs images whose split is {part}; data.subjects gives the splits "
                f"{quoted([name for name in found if name]) or 'of none'}. Add a column split with train, test and, if "
                "you like, validation."
            )
    if not (parts == "validation").any():
        training = manifest[parts == "train"]
        parts.loc[training.index] = _divide_subjects(training, settings.validation, draw.seed)
    split = manifest[["image", "label", "subject", "slice"]].assign(part=parts)[parts != UNUSED]
    untrained = sorted(set(split["label"]) - set(split.loc[split["part"] == "train", "label"]))
    if untrained:
        example = split.loc[split["label"] == untrained[0], "image"].iloc[0]
        raise DataError(
            f"The given split must train on every class; {len(untrained)} occur in no training image, for example that "
            f"of {example}. Correct the column split, or leave out these images."
        )
    shared = measure_leakage(split).shared_subjects
    if shared and not settings.allow_leakage:
        raise DataError(
            f"The given split must keep subjects apart; {len(shared):,} are in test and in training or validation too: "
            f"{quoted(shared)}. Correct the column split, or report the leakage with protocol.allow_leakage: true."
        )
    return parts


def _divide_subjects(rows: pd.DataFrame, share: float, seed: int) -> pd.Series[str]:
    """Assign images to training, and those of a `share` of each class's known subjects to validation."""
    if (rows["subject"] == "").all():
        return _divide(rows, share, seed, "train", "validation")
    rng = np.random.default_rng(seed)
    parts: dict[str, str] = {}
    for subjects in _subjects_by_class(rows.assign(part="original")).values():
        parts |= _allot([str(s) for s in rng.permutation(subjects)], 0, share)
    return rows["subject"].map(parts).fillna("train")


def _divide(rows: pd.DataFrame, share: float, seed: int, part: str, other_part: str) -> pd.Series[str]:
    """Assign images to `part` and a `share` of them to `other_part`, at random and with equal shares of each class."""
    parts = pd.Series(part, index=rows.index)
    try:
        _, chosen = train_test_split(rows.index, test_size=share, random_state=seed, stratify=rows["label"])
    except ValueError:
        counts = rows["label"].value_counts()
        raise DataError(
            f"{len(rows)} images cannot be divided {1 - share:.0%} to {share:.0%} by class: each part must get an "
            f"image of each class, and the {len(counts)} classes have from {counts.min()} to {counts.max()} images. "
            "Use a larger set or other shares."
        ) from None
    parts.loc[chosen] = other_part
    return parts


def _subjects_by_class(manifest: pd.DataFrame) -> dict[int, list[str]]:
    """Return label -> sorted known subjects of the original images; a subject has the label of most of its slices."""
    known = manifest[(manifest["part"] != "augmented") & (manifest["subject"] != "")]
    if known.empty:
        raise DataError(
            "The subject of at least one image must be known, from its name or its content, to keep subjects apart. "
            "Name the files sub-<subject>_slice-<number>, or use another protocol."
        )
    labels = known.groupby("subject")["label"].agg(lambda values: values.value_counts().index[0])
    return {int(label): sorted(labels.index[labels == label]) for label in sorted(labels.unique())}


def _allot(subjects: list[str], test: float, validation: float) -> dict[str, str]:
    """Assign the subjects of one class, already in random order, to parts.

    Each part gets at least one of three or more subjects. A single subject is for training; the second one is for the
    test (for validation if `test` is 0), and the third one for validation.

    Args:
        subjects: The subjects.
        test: Share of the subjects.
        validation: Share of the remaining subjects.
    """
    n = len(subjects)
    n_test = min(max(1, round(n * test)), n - 1) if test and n > 1 else 0
    remaining = n - n_test
    n_validation = min(max(1, round(remaining * validation)), remaining - 1) if remaining > 1 else 0
    parts = ["test"] * n_test + ["validation"] * n_validation + ["train"] * (remaining - n_validation)
    return dict(zip(subjects, parts, strict=True))


def _fold_of(order: list[str], folds: int, fold: int, assigned: int) -> list[str]:
    """Return the subjects of a class in one of the folds.

    Each class continues at the fold where the previous class ended, so that folds have nearly equal sizes.

    Args:
        order: The class's subjects, in random order.
        folds, fold: Number of folds, and the fold, from 0.
        assigned: Number of subjects of the earlier classes.
    """
    return [subject for number, subject in enumerate(order, start=assigned) if number % folds == fold]


def _validation_fold(
    remaining: list[list[str]], settings: SubjectProtocol | SubjectFoldsProtocol, draw: Draw
) -> dict[str, str]:
    """Divide the subjects outside the test part into folds, one of which is validated on.

    Args:
        remaining: The subjects of each class, in random order. The only one of a class is for training.
        settings, draw: The protocol, and the fold; nothing is returned if the protocol has no `validation_folds`.
    """
    if settings.validation_folds is None:
        return {}
    parts: dict[str, str] = {}
    assigned = 0
    for subjects in (subjects for subjects in remaining if len(subjects) > 1):
        validated = _fold_of(subjects, settings.validation_folds, draw.validation_fold, assigned)
        parts |= dict.fromkeys(subjects, "train") | dict.fromkeys(validated, "validation")
        assigned += len(subjects)
    return parts


def _assign_subjects(manifest: pd.DataFrame, parts: dict[str, str], augmented: str) -> pd.Series[str]:
    """Assign each original image to its subject's part; images of unknown subjects are unused."""
    result = manifest["subject"].map(parts).fillna(UNUSED)
    result[manifest["part"] == "augmented"] = UNUSED
    return _add_augmented(result, manifest, augmented, ["subject"])


def _add_augmented(parts: pd.Series[str], manifest: pd.DataFrame, augmented: str, keys: list[str]) -> pd.Series[str]:
    """Assign augmented copies of training images, matched by `keys`, to training; the other copies stay unused."""
    if augmented == "leave_out":
        return parts
    training = manifest.loc[(parts == "train") & (manifest["subject"] != ""), keys].drop_duplicates()
    copies = manifest[manifest["part"] == "augmented"]
    matched = copies[keys].merge(training, how="left", on=keys, indicator=True)["_merge"] == "both"
    parts = parts.copy()
    parts.loc[copies.index[matched.to_numpy()]] = "train"
    return parts
