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
from alzbench.registry import Registry
from alzbench.seeds import derive

PARTS = ("train", "validation", "test")
UNUSED = "unused"

# (manifest, settings, seed, fold) -> part of each row: train, validation, test or unused
Assign = Callable[[pd.DataFrame, Any, int, int], "pd.Series[str]"]

PROTOCOLS: Registry[Assign] = Registry("protocol")


def make_split(manifest: pd.DataFrame, settings: Any, seed: int, fold: int = 0) -> pd.DataFrame:
    """Assign the images of a manifest.

    Args:
        manifest: See `manifest.ImageSet`.
        settings: Settings of one of PROTOCOLS.
        seed: Decides what is left to chance; equal for all experiments of one seed.
        fold: Which fold is tested, from 0, for a protocol with folds.

    Returns:
        A row an image that is used, in the manifest's order and with its index: image, label, subject, slice, part.

    Raises:
        DataError: A part would be empty.
    """
    parts = PROTOCOLS[settings.name](manifest, settings, seed, fold)
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
    """Assign the images as a run of this seed and fold has them; see `make_split`."""
    return make_split(manifest, settings, derive(split_seed(settings, seed), "split"), fold or 0)


def split_seed(settings: Any, seed: int) -> int:
    """Return the seed that decides the split of a run: the protocol's, or else the run's own."""
    return seed if settings.split_seed is None else int(settings.split_seed)


def folds_of(settings: Any) -> list[int | None]:
    """Return the folds that a protocol tests in turn; ``[None]`` for one without folds."""
    return list(range(settings.folds)) if isinstance(settings, SubjectFoldsProtocol) else [None]


def _reference(manifest: pd.DataFrame, settings: ReferenceProtocol, seed: int, fold: int) -> pd.Series[str]:
    del fold
    training = manifest["part"].isin(["augmented", "train"])
    parts = pd.Series("test", index=manifest.index)
    if not training.any():
        raise DataError("The reference protocol needs a folder of augmented (or train) images; use slice or subject.")
    parts.loc[training] = _divide(manifest[training], settings.validation, seed, "train", "validation")
    return parts


def _slice(manifest: pd.DataFrame, settings: SliceProtocol, seed: int, fold: int) -> pd.Series[str]:
    del fold
    originals = manifest[manifest["part"] != "augmented"]
    parts = _divide(originals, settings.test, seed, "rest", "test")
    rest = originals[parts == "rest"]
    parts.loc[rest.index] = _divide(rest, settings.validation, seed, "train", "validation")
    result = pd.Series(UNUSED, index=manifest.index)
    result.loc[parts.index] = parts
    return _add_augmented(result, manifest, settings.augmented, ["subject", "slice"])


def _subject(manifest: pd.DataFrame, settings: SubjectProtocol, seed: int, fold: int) -> pd.Series[str]:
    del fold
    rng = np.random.default_rng(seed)
    parts: dict[str, str] = {}
    for subjects in _subjects_by_class(manifest).values():
        parts |= _allot([str(s) for s in rng.permutation(subjects)], settings.test, settings.validation)
    return _assign_subjects(manifest, parts, settings.augmented)


def _subject_cv(manifest: pd.DataFrame, settings: SubjectFoldsProtocol, seed: int, fold: int) -> pd.Series[str]:
    rng = np.random.default_rng(seed)  # the same for every fold, so that the folds partition the subjects
    parts: dict[str, str] = {}
    dealt = 0
    for subjects in _subjects_by_class(manifest).values():
        order = [str(s) for s in rng.permutation(subjects)]
        # each class goes on where the last one stopped, so that the folds are of nearly equal size
        tested = [s for i, s in enumerate(order) if (i + dealt) % settings.folds == fold]
        dealt += len(order)
        rest = [s for s in order if s not in tested]
        parts |= dict.fromkeys(tested, "test") | _allot(rest, 0, settings.validation)
    return _assign_subjects(manifest, parts, settings.augmented)


def _divide(rows: pd.DataFrame, share: float, seed: int, stays: str, goes: str) -> pd.Series[str]:
    """Divide single images at random, each class in the same shares."""
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
    """Return the known subjects of the originals under the class that most of their slices have, sorted."""
    known = manifest[(manifest["part"] != "augmented") & (manifest["subject"] != "")]
    if known.empty:
        raise DataError(
            "No image's subject is known, from its name or by its content, so subjects cannot be kept apart. Name the "
            "files sub-<subject>_slice-<number>, or use another protocol."
        )
    labels = known.groupby("subject")["label"].agg(lambda values: values.value_counts().index[0])
    return {int(label): sorted(labels.index[labels == label]) for label in sorted(labels.unique())}


def _allot(subjects: list[str], test: float, validation: float) -> dict[str, str]:
    """Allot one class's subjects, already in random order.

    Each part gets at least one where there are enough: one subject is trained on; of two, one is tested (or, where
    nothing is to be tested, validates); of three, one is each.
    """
    n = len(subjects)
    tested = min(max(1, round(n * test)), n - 1) if test and n > 1 else 0
    rest = n - tested
    validated = min(max(1, round(rest * validation)), rest - 1) if rest > 1 else 0
    parts = ["test"] * tested + ["validation"] * validated + ["train"] * (rest - validated)
    return dict(zip(subjects, parts, strict=True))


def _assign_subjects(manifest: pd.DataFrame, parts: dict[str, str], augmented: str) -> pd.Series[str]:
    """Give each original image its subject's part; images of unknown subjects are not used."""
    result = manifest["subject"].map(parts).fillna(UNUSED)
    result[manifest["part"] == "augmented"] = UNUSED
    return _add_augmented(result, manifest, augmented, ["subject"])


def _add_augmented(parts: pd.Series[str], manifest: pd.DataFrame, augmented: str, keys: list[str]) -> pd.Series[str]:
    """Let augmented images follow what they are copies of into training, told by `keys`; the others stay unused."""
    if augmented == "leave_out":
        return parts
    trained = manifest.loc[(parts == "train") & (manifest["subject"] != ""), keys].drop_duplicates()
    copies = manifest[manifest["part"] == "augmented"]
    follows = copies[keys].merge(trained, how="left", on=keys, indicator=True)["_merge"] == "both"
    parts = parts.copy()
    parts.loc[copies.index[follows.to_numpy()]] = "train"
    return parts


for _name, _assign in (
    ("reference", _reference),
    ("slice", _slice),
    ("subject", _subject),
    ("subject_cv", _subject_cv),
):
    PROTOCOLS.add(_name, _assign)
