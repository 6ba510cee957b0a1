"""Predictions from elsewhere stored as a run, so that they are compared like any other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from alzbench.errors import DataError
from alzbench.evaluation.foreign import read_predictions
from alzbench.evaluation.metrics import score
from alzbench.evaluation.predictions import class_names
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.evaluation.subjects import score_subjects
from alzbench.store import Card, Run, RunStore, read_run

VARIANT = "imported"
_NAMED = 5


def import_predictions(
    path: Path,
    name: str,
    store: RunStore,
    *,
    seed: int = 0,
    like: Run | None = None,
    protocol: str = VARIANT,
    classes: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Run:
    """Store the predictions of a CSV file as a complete run.

    Args:
        path: The file, see `foreign.read_predictions`.
        name: Name of the experiment.
        store: Where run folders lie.
        seed: The seed it was made with; several files of one name and different seeds are one experiment.
        like: A stored run on the same test images. Images, labels, subjects and protocol are checked against it and
            taken from it, so that the two can be compared in pairs.
        protocol: The protocol it was made under, where there is no such run.
        classes: Names of the classes in label order; by default those of `like`.
        columns: The file's own names of columns.

    Raises:
        DataError: The file, or what it says, is wrong. Nothing is stored then.
    """
    known = None if like is None else like.predictions()
    chosen = class_names(known) if known is not None and classes is None else list(classes or ())
    if not chosen:
        raise DataError("The names of the classes must be known: give --classes A,B,... or --like RUN.")
    table = read_predictions(path, chosen, columns)
    if known is not None:
        table = _matched(table, known, path, str(like.path) if like else "")
    card = _card(table, name, seed, like, protocol)
    with store.begin(card) as writer:
        writer.write_table("predictions.csv", table)
        writer.write_json("subjects.json", count_subjects(table).to_json(), indent=None)
        scores = {"test": score(table), "test_by_subject": score_subjects(table)}
        writer.write_json("metrics.json", {**scores, "protocol": card.protocol, "leaks": card.leaks})
    return read_run(writer.path)


def _matched(table: pd.DataFrame, known: pd.DataFrame, path: Path, where: str) -> pd.DataFrame:
    """Return the table in the order and with the names, subjects and slices of a run on the same images."""
    full = _full_names(table["image"], known["image"])
    unknown = table.loc[full == "", "image"]
    if len(unknown):
        raise DataError(f"{path}: the images must be those of {where}; {_list(unknown)} are not, or could be several.")
    table = table.assign(image=full)
    if table["image"].duplicated().any():
        raise DataError(f"{path}: an image must come once; {_list(table.loc[table['image'].duplicated(), 'image'])}.")
    missing = known.loc[~known["image"].isin(table["image"]), "image"]
    if len(missing):
        raise DataError(f"{path}: all test images of {where} must be there; {_list(missing)} are missing.")
    table = table.set_index("image").loc[known["image"]].reset_index()
    wrong = table.loc[table["label"].to_numpy() != known["label"].to_numpy(), "image"]
    if len(wrong):
        raise DataError(f"{path}: the labels must be those of {where}; those of {_list(wrong)} differ.")
    return table.assign(subject=known["subject"].to_numpy(), slice=known["slice"].to_numpy())


def _full_names(images: pd.Series, known: pd.Series) -> pd.Series:
    """Return the known name that each image's name is, or is the end of; empty where there is none or several."""
    endings: dict[str, str] = {}
    for name in known:
        parts = name.split("/")
        for start in range(len(parts)):
            ending = "/".join(parts[start:])
            endings[ending] = "" if ending in endings else name
    endings |= {name: name for name in known}
    return images.str.replace("\\", "/", regex=False).map(lambda name: endings.get(name, ""))


def _card(table: pd.DataFrame, name: str, seed: int, like: Run | None, protocol: str) -> Card:
    classes = class_names(table)
    index = {label: k for k, label in enumerate(classes)}
    content = hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16]
    asked = pd.DataFrame({"image": table["image"], "label": table["label"].map(index)})
    test = hashlib.sha256(asked.to_csv(index=False).encode()).hexdigest()[:16]
    of = like.card if like else None
    return Card(
        experiment=name,
        seed=seed,
        fold=None,
        folds=1,
        hash=content[:12],
        settings=hashlib.sha256(f"{VARIANT}/{name}".encode()).hexdigest()[:16],
        variant=VARIANT,
        protocol=of.protocol if of else protocol,
        protocol_settings=of.protocol_settings if of else "",
        split_seed=of.split_seed if of else None,
        leaks=of.leaks if of else "what its training has seen is not known",
        data=of.data if of else test,
        test=test,
        demo=of.demo if of else False,
        sanity=False,
        description="predictions from elsewhere",
    )


def _list(names: pd.Series) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names.iloc[:_NAMED]) + more
