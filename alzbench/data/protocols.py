"""Protocols: how images are assigned to train, validation and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from sklearn.model_selection import train_test_split

from alzbench.errors import DataError
from alzbench.experiment import ProtocolSettings
from alzbench.registry import Registry

TRAIN_PARTS = frozenset({"augmented", "train"})


@dataclass(frozen=True)
class Protocol:
    """A way to split a manifest.

    Attributes:
        assign: ``(manifest, settings, seed) -> part of each row``, as a Series of train, validation, test or, for rows
            that are left out, unused.
        leaks: What of the test images training has seen; empty where it has seen nothing of their subjects.
    """

    assign: Callable[[pd.DataFrame, ProtocolSettings, int], pd.Series]
    leaks: str


PROTOCOLS: Registry[Protocol] = Registry("protocol")


def reference(manifest: pd.DataFrame, settings: ProtocolSettings, seed: int) -> pd.Series:
    """Assign as the reference work does: a stratified share of the augmented images validates, all originals test."""
    training = manifest["part"].isin(TRAIN_PARTS)
    labels = manifest.loc[training, "label"]
    parts = pd.Series("test", index=manifest.index)
    try:
        train, validation = train_test_split(
            labels.index, test_size=settings.validation, random_state=seed, stratify=labels
        )
    except ValueError as error:
        raise DataError(f"{len(labels)} images cannot be split into train and validation: {error}") from error
    parts.loc[train] = "train"
    parts.loc[validation] = "validation"
    return parts


PROTOCOLS.add(
    "reference",
    Protocol(reference, "the test images are the originals of the augmented images in training and validation"),
)


def make_split(manifest: pd.DataFrame, settings: ProtocolSettings, seed: int) -> pd.DataFrame:
    """Assign the images of a manifest.

    Returns:
        A row an image that is used, in the manifest's order and with its index: image, label, part (train, validation
        or test).
    """
    parts = PROTOCOLS[settings.name].assign(manifest, settings, seed)
    split = manifest[["image", "label"]].assign(part=parts)
    return split[split["part"] != "unused"]
