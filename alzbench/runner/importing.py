"""Predictions from elsewhere stored as a run, so that they are compared like any other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from alzbench import atomic
from alzbench.data.leakage import NOT_EXCLUDED
from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.metrics import score
from alzbench.evaluation.predictions import class_names
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.evaluation.subjects import score_subjects
from alzbench.store import Card, Run, RunStore, RunWriter, read_run
from alzbench.store.foreign import read_predictions

VARIANT = "imported"
NOT_KNOWN = f"{NOT_EXCLUDED}: what its training has seen is not known"
ANSWERS_ONLY = "the predictions came as answers, without probabilities"
_NAMED = 5


@dataclass(frozen=True)
class Source:
    """What is known of predictions from elsewhere beside their file.

    Attributes:
        name: Name of the experiment.
        seed: The seed it was made with; by default that of `like`, or 0. Files of one name and several seeds are one
            experiment, as long as their test images are the same or those of runs that they are like.
        like: A stored run on the same test images. Images, labels, subjects, fold and protocol are checked against it
            and taken from it, so that the two can be compared in pairs.
        protocol: The protocol it was made under, where there is no such run.
        classes: Names of the classes in label order; by default those of `like`, or of the probabilities' columns.
        columns: The file's own names of columns.
        other_subjects: Whether it is declared to be trained without the subjects of the test images. The split of
            `like` says nothing about what another program was trained on.
    """

    name: str
    seed: int | None = None
    like: Run | None = None
    protocol: str | None = None
    classes: Sequence[str] | None = None
    columns: Mapping[str, str] | None = None
    other_subjects: bool = False


def import_predictions(path: Path, source: Source, store: RunStore, say: Callable[[str], None] = lambda _: None) -> Run:
    """Store the predictions of a CSV file as a complete run, and return it.

    Args:
        path: The file, see `foreign.read_predictions`.
        source: What is known of it.
        store: Where run folders lie.
        say: Is told where the same run is there already, which stays as it is.

    Raises:
        DataError: The file, or what it says, is wrong, or another run has its name and seed. Nothing is stored then.
        ExperimentError: What is said of it cannot be.
    """
    known = _known(source)
    classes = class_names(known) if known is not None else source.classes
    foreign = read_predictions(path, classes, source.columns)
    table = foreign.table
    if known is not None and source.like:
        table = _matched(table, known, path, str(source.like.path))
    card = _card(table, source)
    runs = [read_run(state.parent) for state in sorted((store.root / card.experiment).glob("*/state.json"))]
    stored = _stored(card, runs)
    if stored is not None:
        say(f"{stored.path} holds the same predictions already; nothing was changed.")
        return stored
    for other in _other_seeds(card, runs):
        if other.card.hash == card.hash and source.seed is None:
            say(f"{other.path} holds the same predictions already; nothing was changed.")
            return other
        _check_subjects(table, card, other, path)
        if other.card.data != card.data:
            say(f"{other.path} has other test images, so that the two are compared apart; --like RUN says whose.")
    if source.like and card.seed != source.like.card.seed:
        say(f"{source.like.path} is of seed {source.like.card.seed}: it is no pair with one of seed {card.seed}.")
    target = store.path_of(card)
    with atomic.new_folder(target) as hidden:
        writer = RunWriter(hidden, replace(card, created=datetime.now(UTC).isoformat(timespec="seconds")))
        writer.write_table("predictions.csv", table)
        writer.write_json("subjects.json", count_subjects(table).to_json(), indent=None)
        writer.write_json("metrics.json", _metrics(table, card, foreign.answers_only))
        writer.mark("complete")  # last: a folder without a card is no run, should this process be killed
    return read_run(target)


def _known(source: Source) -> pd.DataFrame | None:
    """Return the predictions of the run that it is like, where there is one."""
    if source.like is None:
        return None
    if source.protocol is not None:
        raise ExperimentError(f"The protocol is that of {source.like.name}: leave out --protocol, or --like.")
    known = source.like.predictions()
    classes = class_names(known)
    if source.classes is not None and list(source.classes) != classes:
        raise ExperimentError(
            f"The classes must be those of {source.like.name}, in their order: {', '.join(classes)}; got "
            f"{', '.join(source.classes)}. Leave out --classes."
        )
    return known


def _metrics(table: pd.DataFrame, card: Card, answers_only: bool) -> dict[str, Any]:
    by_subject, test = score_subjects(table), score(table)
    found = {"test": test, "test_by_subject": by_subject, "protocol": card.protocol, "leaks": card.leaks}
    if not answers_only:
        return found
    test["loss"] = None
    if by_subject is not None:
        by_subject["demented"]["roc_auc"] = None
    return {**found, "answers_only": ANSWERS_ONLY}


def _stored(card: Card, runs: Sequence[Run]) -> Run | None:
    """Return the same run where it is stored already; raises ExperimentError where another has its name and seed."""
    for run in runs:
        if (run.card.seed, run.card.fold) != (card.seed, card.fold):
            continue
        if replace(run.card, state=card.state, created="", finished="", error="") == card:
            if run.card.state == "complete":
                return run
            raise ExperimentError(f"{run.path} is {run.card.state}; remove the folder, or give another --name.")
        same = run.card.hash == card.hash
        what = "the same predictions, said to be made otherwise" if same else "other predictions"
        differ = [name for name in ("protocol", "leaks", "data") if getattr(run.card, name) != getattr(card, name)]
        raise ExperimentError(
            f"{card.experiment} must have one run of a seed; {run.path} holds {what}"
            f"{' (' + ', '.join(differ) + ')' if same and differ else ''}. Give --seed, another --name, or remove it."
        )
    return None


def _other_seeds(card: Card, runs: Sequence[Run]) -> list[Run]:
    """Return the complete runs of the experiment with another seed."""
    return [run for run in runs if run.card.seed != card.seed and run.card.state == "complete"]


def _check_subjects(table: pd.DataFrame, card: Card, other: Run, path: Path) -> None:
    """Check that subjects of the same images have the same names: one is left out of all seeds at once."""
    if other.card.test != card.test or not (other.path / "predictions.csv").is_file():
        return
    known = other.predictions().set_index("image")["subject"].reindex(table["image"])
    differ = table.loc[known.notna().to_numpy() & (known.to_numpy() != table["subject"].to_numpy()), "image"]
    if len(differ):
        raise DataError(
            f"{path}: the subjects must be those of {other.path}, by the same names; those of {_list(differ)} differ."
        )


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
    pairs = pd.DataFrame({"own": table["subject"], "known": known["subject"].to_numpy()}).drop_duplicates()
    given = (pairs != "").all(axis=None)
    if given and (pairs["own"].duplicated().any() or pairs["known"].duplicated().any()):
        raise DataError(f"{path}: the subjects must be those of {where}, by whatever names. Leave out the column.")
    return table.assign(subject=known["subject"].to_numpy(), slice=known["slice"].to_numpy())


def _full_names(images: pd.Series, known: pd.Series) -> pd.Series:
    """Return the known name that each image's name is, or is the end of; empty where there is none or several."""
    endings: dict[str, str] = {}
    whole: dict[str, str] = {}
    for name in known:
        parts = name.replace("\\", "/").split("/")
        for start in range(len(parts)):
            found = whole if start == 0 else endings
            ending = "/".join(parts[start:])
            found[ending] = "" if ending in found else name
    plain = images.str.replace("\\", "/", regex=False)
    return plain.map(lambda name: whole.get(name) or endings.get(name, ""))


def _card(table: pd.DataFrame, source: Source) -> Card:
    like = source.like.card if source.like else None
    default = like.seed if like else 0
    test = like.test if like else _hash(_asked(table))
    leaks = "" if source.other_subjects else NOT_KNOWN
    return Card(
        experiment=source.name,
        seed=default if source.seed is None else source.seed,
        fold=like.fold if like else None,
        folds=like.folds if like else 1,
        hash=_hash(table.sort_values("image").to_csv(index=False))[:12],
        settings=_hash(f"{VARIANT}/{source.name}"),
        variant=VARIANT,
        protocol=like.protocol if like else source.protocol or VARIANT,
        protocol_settings=like.protocol_settings if like else "",
        split_seed=like.split_seed if like else None,
        leaks=leaks,
        data=like.data if like else test,
        test=test,
        demo=like.demo if like else False,
        sanity=False,
        description="predictions from elsewhere",
    )


def _asked(table: pd.DataFrame) -> str:
    """Return images and labels in one order, and the classes in theirs: the first is the healthy one."""
    pairs = table[["image", "label"]].sort_values("image")
    return ",".join(class_names(table)) + "\n" + pairs.to_csv(index=False)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _list(names: pd.Series) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names.iloc[:_NAMED]) + more
