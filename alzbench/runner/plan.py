"""What is to be run: checked experiments, their hashes, and the sanity rows that belong beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import yaml

from alzbench.data.leakage import measure_leakage
from alzbench.data.manifest import ImageSet
from alzbench.errors import ExperimentError
from alzbench.evaluation.sanity import SANITY
from alzbench.experiment import Experiment, ModelSettings, TrainSettings
from alzbench.models.backbones import check_backbone, check_block
from alzbench.models.variant_file import file_digest, find_variant
from alzbench.models.weights import weights_fingerprint
from alzbench.store import Card, RunStore, State

# Settings that do not change what a run computes: names, where the images come from (their content is hashed), and
# where runs are mirrored to.
_NOT_HASHED: dict[str, Any] = {
    "name": True,
    "description": True,
    "seeds": True,
    "tracking": True,
    "data": {"source": True, "kaggle": True},
    "model": {"file": True},  # its content is hashed
}
_MEANING = 1  # of the settings' defaults
_SHUFFLED_EPOCHS = 20


def check(experiment: Experiment) -> None:
    """Check what the schema cannot: variant and options, backbone and blocks, class weights, and their combinations.

    Raises:
        ExperimentError: One of them does not exist or does not fit.
    """
    try:
        _options(experiment)
        check_backbone(experiment.model.backbone)
        experiment.imbalance.check_classes(experiment.data.classes)
        if experiment.fine_tune is not None:
            check_block(experiment.model.backbone.name, experiment.fine_tune.first_block)
        if experiment.model.variant not in SANITY:
            _check_unit(experiment)
    except ExperimentError as error:
        raise ExperimentError(f"experiment {experiment.name}: {error}") from None


def _check_unit(experiment: Experiment) -> None:
    variant = find_variant(experiment.model)
    if variant.classifies == "subject" and experiment.imbalance.adds_feature_maps:
        raise ExperimentError(
            f"imbalance {experiment.imbalance.name} makes slices of no subject, and variant {variant.name} classifies "
            "subjects; use class_weights, oversampling or balanced_batches with it."
        )


def resolved_yaml(experiment: Experiment) -> str:
    """Return the experiment as YAML with every default written out, the variant's own included."""
    values = experiment.model_dump(mode="json")
    values["model"]["options"] = _options(experiment)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def settings_hash(experiment: Experiment) -> str:
    """Return the hash of all settings that decide what a run computes.

    Only what differs from the defaults is hashed, so a setting that is added later leaves the runs of before as they
    are. Who changes the meaning of a default raises `_MEANING`.
    """
    values = experiment.model_dump(mode="json", exclude=_NOT_HASHED, exclude_defaults=True)
    values.setdefault("model", {})["options"] = _options(experiment, exclude_defaults=True)
    if experiment.model.file is not None:
        values["model"]["file"] = file_digest(experiment.model)
    return short_hash(json.dumps([_MEANING, values], sort_keys=True))


@dataclass(frozen=True)
class PlannedRun:
    """A run that would be done, and the state of a stored one with the same settings; None where there is none."""

    experiment: Experiment
    seed: int
    fold: int | None
    stored: State | None


def planned_runs(experiments: Sequence[Experiment], store: RunStore) -> list[PlannedRun]:
    """Return the runs of checked experiments in order, without opening any image.

    Raises:
        ExperimentError: An experiment is wrong.
    """
    for experiment in experiments:
        check(experiment)
    stored = store.runs(unreadable=lambda _: None)  # one that is run says so itself, and others do not matter
    states = {(r.card.experiment, r.card.settings, r.card.seed, r.card.fold): r.card.state for r in stored}
    return [
        PlannedRun(e, seed, fold, states.get((e.name, settings_hash(e), seed, fold)))
        for e in experiments
        for seed in e.seeds
        for fold in e.protocol.test_folds
    ]


def make_card(experiment: Experiment, seed: int, fold: int | None, images: ImageSet, split: pd.DataFrame) -> Card:
    """Return the card of one run."""
    settings = settings_hash(experiment)
    test = split.loc[split["part"] == "test", ["image", "label"]]
    own = {"split_seed"} if experiment.protocol.split_seed is None else set()  # the hash is older than this setting
    protocol = json.dumps(experiment.protocol.model_dump(mode="json", exclude=own), sort_keys=True)
    return Card(
        experiment=experiment.name,
        seed=seed,
        fold=fold,
        folds=len(experiment.protocol.test_folds),
        hash=short_hash(f"{settings}/{seed}/{fold}/{images.fingerprint}/{_weights(experiment)}")[:12],
        settings=settings,
        variant=experiment.model.variant,
        protocol=experiment.protocol.name,
        protocol_settings=short_hash(protocol),
        split_seed=experiment.protocol.split_seed,
        leaks=measure_leakage(split).sentence,
        data=images.fingerprint,
        test=short_hash(test.to_csv(index=False)),
        demo=experiment.demo,
        sanity=experiment.sanity,
        description=experiment.description,
    )


def sanity_experiments(experiments: Sequence[Experiment]) -> list[Experiment]:
    """Return the sanity rows for experiments: one set for each set of images, protocol and backbone."""
    rows: dict[str, Experiment] = {}
    for experiment in experiments:
        for row in _sanity_rows(experiment):
            same = f"{row.name}/{settings_hash(row)}/{row.data.source}/{row.data.kaggle}"
            seeds = {*rows[same].seeds, *row.seeds} if same in rows else row.seeds
            rows[same] = row.model_copy(update={"seeds": sorted(seeds)})
    return list(rows.values())


def _sanity_rows(experiment: Experiment) -> list[Experiment]:
    base = Experiment(
        name="sanity",
        data=experiment.data,
        protocol=experiment.protocol,
        seeds=experiment.seeds,
        tracking=experiment.tracking,
        demo=experiment.demo,
        sanity=True,
    )
    rows = [
        base.model_copy(
            update={
                "name": f"sanity-{name.replace('_', '-')}",
                "description": _as_phrase(SANITY[name].description),
                "model": ModelSettings(variant=name),
            }
        )
        for name in SANITY
    ]
    shuffled = base.model_copy(
        update={
            "name": "sanity-shuffled-labels",
            "description": "the baseline on labels shuffled among subjects: only recognising subjects helps",
            "labels": "shuffled",
            "model": ModelSettings(variant="baseline", backbone=experiment.model.backbone),
            "train": TrainSettings(epochs=_SHUFFLED_EPOCHS, batch_size=64),
        }
    )
    return [*rows, shuffled]


def _as_phrase(sentence: str) -> str:
    """Return a sentence in the form of experiments' descriptions: without capital and full stop."""
    return sentence[:1].lower() + sentence[1:].removesuffix(".")


def _weights(experiment: Experiment) -> str:
    no_network = experiment.model.variant in SANITY
    return "" if no_network else weights_fingerprint(experiment.model.backbone)


def _options(experiment: Experiment, *, exclude_defaults: bool = False) -> dict[str, Any]:
    name, options = experiment.model.variant, experiment.model.options
    if name in SANITY:
        if options:
            raise ExperimentError(f"the sanity baseline {name} takes no model.options, got {', '.join(options)}.")
        return {}
    return (
        find_variant(experiment.model).check_options(options).model_dump(mode="json", exclude_defaults=exclude_defaults)
    )


def short_hash(text: str) -> str:
    """Return 16 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
