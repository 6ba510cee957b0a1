"""Protocols: how images are assigned to train, validation and test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from alzbench.errors import DataError
from alzbench.experiment.protocols import (
    ReferenceProtocol,
    SliceProtocol,
    SubjectFoldsProtocol,
    SubjectProtocol,
)
from alzbench.registry import Entry, Registry
from alzbench.seeds import derive

PARTS = ("train", "validation", "test")
UNUSED = "unused"

# (manifest, settings, seed, fold) -> part of each row: train, validation, test or unused
Assign = Callable[[pd.DataFrame, Any, int, int], "pd.Series[str]"]

PROTOCOLS = Registry("protocol", Entry[Assign])


def make_split(manifest: pd.DataFrame, settings: Any, seed: int, fold: int = 0) -> pd.DataFrame:
    """Assign the images of a manifest.

    Args:
        manifest: See `manifest.ImageSet`.
        settings: Settings of a protocol; `settings.name` is one of PROTOCOLS.
        seed: Seed of the random assignment; the same for all experiments of one seed.
        fold: Fold that is tested, from 0, for a protocol with folds.

    Returns:
        One row for each image that is used, in the manifest's order and with its index: image, label, subject, slice,
        part.

    Raises:
        DataError: A part would be empty.
    """
    parts = PROTOCOLS[settings.name].function(manifest, settings, seed, fold)
    split = manifest[["image", "label", "subject", "slice"]].assign(part=parts)
    split = split[split["part"] != UNUSED]
    empty = [part for part in PARTS if part not in set(split["part"])]
    if empty:
        raise DataError(
            f"The {settings.name} protocol leaves no images for {', '.join(empty)}: {len(manifest)} images, "
            f"{manifest['subject'].nunique()} subjects. Use a larger set, other shares, or another protocol."
        )
    return split


def split_of_run(manifest: pd.DataFrame, settings: Any, seed: int, fold: int | None) -> pd.DataFrame:
    """Assign the images for the run of one seed and fold; see `make_split`."""
    return make_split(manifest, settings, derive(split_seed(settings, seed), "split"), fold or 0)


def split_seed(settings: Any, seed: int) -> int:
    """Return the seed of a run's split: the protocol's, or else the run's own."""
    return seed if settings.split_seed is None else int(settings.split_seed)


@PROTOCOLS.register("reference", ReferenceProtocol)
def _reference(manifest: pd.DataFrame, settings: ReferenceProtocol, seed: int, fold: int) -> pd.Series[str]:
    del fold
    training = manifest["part"].isin(["augmented", "train"])
    parts = pd.Series("test", index=manifest.index)
    if not training.any():
        raise DataError("The reference protocol needs a folder of augmented (or train) images; use slice or subject.")
    parts.loc[training] = _divide(manifest[training], settings.validation, seed, "train", "validation")
    return parts


@PROTOCOLS.register("slice", SliceProtocol)
def _slice(manifest: pd.DataFrame, settings: SliceProtocol, seed: int, fold: int) -> pd.Series[str]:
    del fold
    originals = manifest[manifest["part"] != "augmented"]
    parts = _divide(originals, settings.test, seed, "remaining", "test")
    remaining = originals[parts == "remaining"]
    parts.loc[remaining.index] = _divide(remaining, settings.validation, seed, "train", "validation")
    result = pd.Series(UNUSED, index=manifest.index)
    result.loc[parts.index] = parts
    return _add_augmented(result, manifest, settings.augmented, ["subject", "slice"])


@PROTOCOLS.register("subject", SubjectProtocol)
def _subject(manifest: pd.DataFrame, settings: SubjectProtocol, seed: int, fold: int) -> pd.Series[str]:
    del fold
    rng = np.random.default_rng(seed)
    parts: dict[str, str] = {}
    for subjects in _subjects_by_class(manifest).values():
        parts |= _allot([str(s) for s in rng.permutation(subjects)], settings.test, settings.validation)
    return _assign_subjects(manifest, parts, settings.augmented)


@PROTOCOLS.register("subject_cv", SubjectFoldsProtocol)
def _subject_cv(manifest: pd.DataFrame, settings: SubjectFoldsProtocol, seed: int, fold: int) -> pd.Series[str]:
    rng = np.random.default_rng(seed)  # the same for every fold, so that the folds partition the subjects
    parts: dict[str, str] = {}
    assigned = 0
    for subjects in _subjects_by_class(manifest).values():
        order = [str(s) for s in rng.permutation(subjects)]
        # each class continues at the fold after the last one's, so that the folds have nearly equal sizes
        tested = [s for i, s in enumerate(order) if (i + assigned) % settings.folds == fold]
        assigned += len(order)
        remaining = [s for s in order if s not in tested]
        parts |= dict.fromkeys(tested, "test") | _allot(remaining, 0, settings.validation)
    return _assign_subjects(manifest, parts, settings.augmented)


def _divide(rows: pd.DataFrame, share: float, seed: int, stays: str, goes: str) -> pd.Series[str]:
    """Divide images at random, with the same shares of each class."""
    parts = pd.Series(stays, index=rows.index)
    try:
        _, chosen = train_test_split(rows.index, test_size=share, random_state=seed, stratify=rows["label"])
    except ValueError as error:
        raise DataError(
            f"{len(rows)} images cannot be divided {1 - share:.0%} to {share:.0%} by class: {error}"
        ) from None
    parts.loc[chosen] = goes
    return parts


def _subjects_by_class(manifest: pd.DataFrame) -> dict[int, list[str]]:
    """Return the known subjects of the original images by class, that of most of their slices; sorted."""
    known = manifest[(manifest["part"] != "augmented") & (manifest["subject"] != "")]
    if known.empty:
        raise DataError(
            "No image's subject is known, from its name or by its content, so subjects cannot be kept apart. Name the "
            "files sub-<subject>_slice-<number>, or use another protocol."
        )
    labels = known.groupby("subject")["label"].agg(lambda values: values.value_counts().index[0])
    return {int(label): sorted(labels.index[labels == label]) for label in sorted(labels.unique())}


def _allot(subjects: list[str], test: float, validation: float) -> dict[str, str]:
    """Assign the subjects of one class, already in random order, to parts.

    If there are enough subjects, each part gets at least one: a single subject goes to training; the second one to the
    test part (to validation where `test` is 0); the third one to validation.
    """
    n = len(subjects)
    tested = min(max(1, round(n * test)), n - 1) if test and n > 1 else 0
    remaining = n - tested
    validated = min(max(1, round(remaining * validation)), remaining - 1) if remaining > 1 else 0
    parts = ["test"] * tested + ["validation"] * validated + ["train"] * (remaining - validated)
    return dict(zip(subjects, parts, strict=True))


def _assign_subjects(manifest: pd.DataFrame, parts: dict[str, str], augmented: str) -> pd.Series[str]:
    """Give each original image its subject's part; images of unknown subjects are not used."""
    result = manifest["subject"].map(parts).fillna(UNUSED)
    result[manifest["part"] == "augmented"] = UNUSED
    return _add_augmented(result, manifest, augmented, ["subject"])


def _add_augmented(parts: pd.Series[str], manifest: pd.DataFrame, augmented: str, keys: list[str]) -> pd.Series[str]:
    """Also train on augmented copies of training images, matched by `keys`; the other copies stay unused."""
    if augmented == "leave_out":
        return parts
    trained = manifest.loc[(parts == "train") & (manifest["subject"] != ""), keys].drop_duplicates()
    copies = manifest[manifest["part"] == "augmented"]
    follows = copies[keys].merge(trained, how="left", on=keys, indicator=True)["_merge"] == "both"
    parts = parts.copy()
    parts.loc[copies.index[follows.to_numpy()]] = "train"
    return parts
