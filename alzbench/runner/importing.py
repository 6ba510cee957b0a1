"""Import predictions of another program as a run, so that they can be compared with any other run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from alzbench import atomic
from alzbench.data.leakage import NOT_EXCLUDED
from alzbench.data.names import read_names
from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.predictions import class_names
from alzbench.runner.hashes import short_hash
from alzbench.store import Card, Run, RunMetrics, RunStore, RunWriter, read_run
from alzbench.store.foreign import read_predictions

VARIANT = "imported"
NOT_KNOWN = f"{NOT_EXCLUDED}: what its training has seen is not known"  # stored on cards, which are compared
LABELS_ONLY = "the file has predicted labels without probabilities"
_NAMED = 5  # images in an error


@dataclass(frozen=True)
class Source:
    """Facts about imported predictions that their file does not contain.

    Attributes:
        name: Name of the experiment.
        seed: The seed of the training; by default that of `like`, or 0. Files with the same name and different seeds
            are one experiment if they have the same test images, or if each has its own `like`.
        like: A stored run on the same test images. Images, labels, subjects, fold and protocol are checked against it
            and taken from it, so that the two can be compared in pairs.
        protocol: The protocol, if there is no such run.
        classes: Names of the classes in label order; by default those of `like`, or of the probabilities' columns.
        columns: The file's own names of columns.
        other_subjects: True if the user declares that the model was trained without the test subjects. The split of
            `like` cannot show this, because another program may have used other training images.
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
        source: Facts that the file does not contain.
        store: The run folders.
        say: Shows one line to the user: the same run is already stored, or runs cannot be compared in pairs.

    Raises:
        DataError: The file is invalid or does not match `source.like`. Then nothing is stored.
        ExperimentError: The source contradicts itself, or another run has its name and seed.
    """
    known = _known(source)
    classes = class_names(known) if known is not None else source.classes
    foreign = read_predictions(path, classes, source.columns)
    table = foreign.table
    if known is not None and source.like:
        table = _matched(table, known, path, str(source.like.path))
    elif (table["subject"] == "").all():
        table = _with_named_subjects(table, say)
    card = _card(table, source)
    runs = [read_run(state.parent) for state in sorted((store.root / card.experiment).glob("*/state.json"))]
    stored = _stored(card, runs)
    if stored is not None:
        say(f"{stored.path} already holds the same predictions; nothing was changed.")
        return stored
    for other in _other_seeds(card, runs):
        if other.card.hash == card.hash and source.seed is None:
            say(f"{other.path} already holds the same predictions; nothing was changed.")
            return other
        _check_subjects(table, card, other, path)
        if other.card.data != card.data:
            say(f"{other.path} has other test images, so they are not compared; --like RUN names the image set.")
    if source.like and card.seed != source.like.card.seed:
        say(f"{source.like.path} has seed {source.like.card.seed}, so it cannot be paired with seed {card.seed}.")
    return store_predictions(table, card, source.like, store, labels_only=foreign.labels_only)


def store_predictions(table: pd.DataFrame, card: Card, like: Run | None, store: RunStore, *, labels_only: bool) -> Run:
    """Store predictions without a model as a complete run, and return it.

    Args:
        table: A predictions table.
        card: The run's identity.
        like: A run on the same test images, from which the healthy class and the covariates are taken.
        store: The run folders.
        labels_only: True if the probabilities only say which class is predicted.
    """
    target = store.path_of(card)
    with atomic.new_folder(target) as hidden:
        created = datetime.now(UTC).isoformat(timespec="seconds")
        writer = RunWriter(hidden, card.model_copy(update={"created": created}))
        writer.write_table("predictions.csv", table)
        healthy = like.metrics().healthy_label if like else 0
        writer.write_counts(table, healthy)
        if like and (described := like.described()) is not None:
            writer.write_table("covariates.csv", described.drop(columns=["subject", "slice"]).reset_index())
        writer.write_metrics(_metrics(table, card, labels_only, healthy))
        writer.mark("complete")  # last: a folder without a card is no run if this process is killed
    return read_run(target)


def _known(source: Source) -> pd.DataFrame | None:
    """Return the predictions of `source.like`, if there is one."""
    if source.like is None:
        return None
    if source.protocol is not None:
        raise ExperimentError(f"--like {source.like.name} sets the protocol: leave out --protocol, or --like.")
    known = source.like.predictions()
    classes = class_names(known)
    if source.classes is not None and list(source.classes) != classes:
        raise ExperimentError(
            f"The classes must be those of {source.like.name}, in their order: {', '.join(classes)}; got "
            f"{', '.join(source.classes)}. Leave out --classes."
        )
    return known


def _metrics(table: pd.DataFrame, card: Card, labels_only: bool, healthy: int | None) -> RunMetrics:
    evaluation = evaluate(table, not labels_only, healthy)
    name = None if healthy is None else evaluation.images.classes[healthy]
    metrics = RunMetrics(
        test=evaluation.images, test_by_subject=evaluation.subjects, protocol=card.protocol, leaks=card.leaks,
        healthy=name,
    )  # fmt: skip
    return metrics.model_copy(update={"labels_only": LABELS_ONLY}) if labels_only else metrics


def _stored(card: Card, runs: Sequence[Run]) -> Run | None:
    """Return the same run if it is already stored; raises ExperimentError if another run has its name and seed."""
    for run in runs:
        if (run.card.seed, run.card.fold) != (card.seed, card.fold):
            continue
        if run.card.model_copy(update={"state": card.state, "created": "", "finished": "", "error": ""}) == card:
            if run.card.state == "complete":
                return run
            raise ExperimentError(f"{run.path} is {run.card.state}; remove the folder, or give another --name.")
        same = run.card.hash == card.hash
        what = "the same predictions from another source" if same else "other predictions"
        differ = [name for name in ("protocol", "leaks", "data") if getattr(run.card, name) != getattr(card, name)]
        raise ExperimentError(
            f"{card.experiment} must have one run for each seed; {run.path} holds {what}"
            f"{' (' + ', '.join(differ) + ')' if same and differ else ''}. Give another --seed or --name, or remove it."
        )
    return None


def _other_seeds(card: Card, runs: Sequence[Run]) -> list[Run]:
    """Return the complete runs of the experiment with another seed."""
    return [run for run in runs if run.card.seed != card.seed and run.card.state == "complete"]


def _check_subjects(table: pd.DataFrame, card: Card, other: Run, path: Path) -> None:
    """Check that an image has the same subject name in all seeds, because intervals resample subjects."""
    if other.card.test != card.test or not other.has_predictions():
        return
    known = other.predictions().set_index("image")["subject"].reindex(table["image"])
    differ = table.loc[known.notna().to_numpy() & (known.to_numpy() != table["subject"].to_numpy()), "image"]
    if len(differ):
        raise DataError(
            f"{path}: each image must have the same subject as in {other.path}; it differs for {_list(differ)}. "
            "Use the same subject names."
        )


def _with_named_subjects(table: pd.DataFrame, say: Callable[[str], None]) -> pd.DataFrame:
    """Return the table with the subjects and slices that the names of all images give; else unchanged."""
    files = pd.DataFrame({"image": table["image"], "class": table["label"], "part": ""})
    named = read_names(files)
    without = table.loc[named["subject"] == "", "image"]
    if len(without) == len(table):
        return table
    labels = table["label"].groupby(named["subject"]).nunique()
    several = pd.Series(labels.index[labels > 1])
    if len(without) or len(several):
        wrong = f"{_list(without)} without one" if len(without) else f"{_list(several)} with several labels"
        say(
            f"The image names do not give a subject for every image ({wrong}); intervals are over images. A column "
            "subject or --like RUN gives them."
        )
        return table
    say(f"The image names give {len(labels):,} subjects; intervals are over subjects. --like RUN checks them.")
    return table.assign(subject=named["subject"], slice=named["slice"])


def _matched(table: pd.DataFrame, known: pd.DataFrame, path: Path, where: str) -> pd.DataFrame:
    """Return the table in the order and with the names, subjects and slices of a run on the same images."""
    full = _full_names(table["image"], known["image"])
    unknown = table.loc[full == "", "image"]
    if len(unknown):
        raise DataError(f"{path}: each image must match one test image of {where}; not so: {_list(unknown)}.")
    table = table.assign(image=full)
    if table["image"].duplicated().any():
        repeated = table.loc[table["image"].duplicated(), "image"]
        raise DataError(f"{path}: each image must have one row only; repeated: {_list(repeated)}.")
    missing = known.loc[~known["image"].isin(table["image"]), "image"]
    if len(missing):
        raise DataError(f"{path} must have all test images of {where}; {_list(missing)} are missing.")
    table = table.set_index("image").loc[known["image"]].reset_index()
    wrong = table.loc[table["label"].to_numpy() != known["label"].to_numpy(), "image"]
    if len(wrong):
        raise DataError(f"{path}: the labels must be those of {where}; they differ for {_list(wrong)}.")
    pairs = pd.DataFrame({"own": table["subject"], "known": known["subject"].to_numpy()}).drop_duplicates()
    given = (pairs != "").all(axis=None)
    if given and (pairs["own"].duplicated().any() or pairs["known"].duplicated().any()):
        raise DataError(
            f"{path}: the images must be grouped into the same subjects as in {where}. Leave out the column subject."
        )
    return table.assign(subject=known["subject"].to_numpy(), slice=known["slice"].to_numpy())


def _full_names(images: pd.Series, known: pd.Series) -> pd.Series:
    """Return the known name that equals each image's name or ends with it; empty if there is none or several."""
    endings: dict[str, str] = {}
    whole: dict[str, str] = {}
    for name in known:
        parts = name.replace("\\", "/").split("/")
        for start in range(len(parts)):
            names = whole if start == 0 else endings
            ending = "/".join(parts[start:])
            names[ending] = "" if ending in names else name
    plain = images.str.replace("\\", "/", regex=False)
    return plain.map(lambda name: whole.get(name) or endings.get(name, ""))


def _card(table: pd.DataFrame, source: Source) -> Card:
    like = source.like.card if source.like else None
    default = like.seed if like else 0
    test = like.test if like else short_hash(_labelled_images(table))
    leaks = "" if source.other_subjects else NOT_KNOWN
    return Card(
        experiment=source.name,
        seed=default if source.seed is None else source.seed,
        fold=like.fold if like else None,
        folds=like.folds if like else 1,
        hash=short_hash(table.sort_values("image").to_csv(index=False))[:12],
        settings_hash=short_hash(f"{VARIANT}/{source.name}"),
        variant=VARIANT,
        protocol=like.protocol if like else source.protocol or VARIANT,
        protocol_hash=like.protocol_hash if like else "",
        split_seed=like.split_seed if like else None,
        leaks=leaks,
        data=like.data if like else test,
        test=test,
        demo=like.demo if like else False,
        sanity=False,
        description="predictions from elsewhere",
    )


def _labelled_images(table: pd.DataFrame) -> str:
    """Return the sorted images with their labels, and the classes in label order: the first is the healthy one."""
    pairs = table[["image", "label"]].sort_values("image")
    return ",".join(class_names(table)) + "\n" + pairs.to_csv(index=False)


def _list(names: pd.Series) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names.iloc[:_NAMED]) + more
