"""Store the mean prediction of several experiments as an experiment, which can be compared with any other."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.predictions import class_names, mean_predictions
from alzbench.runner.hashes import short_hash
from alzbench.runner.importing import store_predictions
from alzbench.store import Card, Run, RunStore

VARIANT = "ensemble"

Key = tuple[str, str, int, int | None]  # images, protocol, seed and fold


def ensemble_experiments(runs: Sequence[Run], experiments: Sequence[str], name: str, store: RunStore) -> list[Run]:
    """Store the mean probabilities of experiments on the same test images, one run for each protocol, seed and fold.

    Args:
        runs: The stored runs.
        experiments: Names of the experiments, two or more.
        name: Name of the new experiment.
        store: The run folders.

    Returns:
        The runs. One whose predictions are already stored is not written again.

    Raises:
        ExperimentError: The experiments have no seed with the same test images in common, or one has several settings.
        DataError: A predictions table is damaged. Then nothing is stored.
    """
    if len(set(experiments)) < 2:
        raise ExperimentError(f"An ensemble needs two experiments or more; got {', '.join(experiments) or 'none'}.")
    if name in {run.card.experiment for run in runs if run.card.variant != VARIANT}:
        raise ExperimentError(f"--name must be new, and {name} is an experiment with runs of its own. Choose another.")
    members = [_by_key(runs, experiment) for experiment in dict.fromkeys(experiments)]
    common = [key for key in members[0] if all(key in other for other in members[1:])]
    if not common:
        raise ExperimentError(
            f"{' and '.join(dict.fromkeys(experiments))} must have a complete run on the same images, with the same "
            "protocol, seed and fold; they have none in common. Run them with the same --seeds and protocol."
        )
    every = [[member[key] for member in members] for key in common]
    settings = {_settings_of(same) for same in every}
    if any(run.card.experiment == name and run.card.settings_hash not in settings for run in runs):
        raise ExperimentError(
            f"--name must be new, and {name} is an ensemble of other experiments or settings. Choose another."
        )
    means = [_mean(same) for same in every]  # all of them, with all checks, before the first is stored
    return [_store(table, same, name, store) for table, same in zip(means, every, strict=True)]


def _by_key(runs: Sequence[Run], experiment: str) -> dict[Key, Run]:
    """Return the complete runs of an experiment by images, protocol, seed and fold."""
    own = [run for run in runs if run.card.experiment == experiment and run.is_scored]
    if not own:
        raise ExperimentError(f"{experiment} must be an experiment with complete runs, and has none.")
    settings: dict[tuple[str, str], str] = {}
    for run in own:
        if settings.setdefault(_kind(run), run.card.settings_hash) != run.card.settings_hash:
            raise ExperimentError(
                f"{experiment} must have one set of settings with the protocol {run.card.protocol}, and its runs have "
                "several. Name a folder of runs with --runs that holds one of them."
            )
    return {(*_kind(run), run.card.seed, run.card.fold): run for run in own}


def _kind(run: Run) -> tuple[str, str]:
    return run.card.data, run.card.protocol_hash


def _check_alike(members: Sequence[Run]) -> None:
    """Raise ExperimentError unless runs of one seed and fold have probabilities for the same test images."""
    first, *others = members
    for other in others:
        if other.card.test != first.card.test:
            raise ExperimentError(
                f"{first.name} and {other.name} must have the same test images, and have not. Run both with the same "
                "protocol."
            )
        if other.card.demo != first.card.demo:
            raise ExperimentError(
                f"{first.name} and {other.name} must both be runs of --demo, or neither. Leave one out."
            )
    for run in members:
        if not run.has_predictions() or run.metrics().labels_only:
            raise ExperimentError(f"{run.name} must have probabilities, and stores none. Leave it out.")


def _mean(members: Sequence[Run]) -> pd.DataFrame:
    """Return the first run's predictions with the mean probabilities of all."""
    _check_alike(members)
    tables = [run.predictions() for run in members]
    first = tables[0]
    images, names = sorted(first["image"]), class_names(first)
    for run, table in zip(members, tables, strict=True):
        if class_names(table) != names:
            raise ExperimentError(f"{run.name} and {members[0].name} must have the same classes. Leave one out.")
        if sorted(table["image"]) != images:
            raise DataError(
                f"{run.path / 'predictions.csv'} must hold the images of {members[0].name}, and does not. Repeat the "
                "run with --force."
            )
    others = [table.set_index("image").loc[first["image"]].reset_index() for table in tables[1:]]
    return mean_predictions([first, *others])


def _store(table: pd.DataFrame, members: Sequence[Run], name: str, store: RunStore) -> Run:
    # with the settings: under another protocol, the same predictions are another run
    card = _card(members, name, short_hash(_settings_of(members) + table.to_csv(index=False))[:12])
    stored = store.find_complete(card)
    return stored or store_predictions(table, card, members[0], store, labels_only=False)


def _settings_of(runs: Sequence[Run]) -> str:
    """Return the hash of the settings of all experiments of an ensemble."""
    return short_hash("/".join([VARIANT, *sorted({run.card.settings_hash for run in runs})]))


def _card(members: Sequence[Run], name: str, digest: str) -> Card:
    cards = [run.card for run in members]
    return cards[0].model_copy(
        update={
            "experiment": name,
            "hash": digest,
            "settings_hash": _settings_of(members),
            "variant": VARIANT,
            "leaks": next((card.leaks for card in cards if card.leaks), ""),
            "sanity": False,
            "description": f"mean prediction of {' and '.join(card.experiment for card in cards)}",
            "state": "running",
            "created": "",
            "finished": "",
        }
    )
