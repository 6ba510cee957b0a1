"""Hashes of experiments and runs: equal hashes mean equal results, so stored runs are found by them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from alzbench.evaluation.sanity import SANITY
from alzbench.experiment import Experiment
from alzbench.experiment.schema import canonical
from alzbench.models.user_file import file_digest
from alzbench.models.weights import weights_fingerprint
from alzbench.runner.resolved import model_options

# Settings that do not change the results of a run: names, tracking, and the place of the images and of what describes
# them (their content is hashed)
_NOT_HASHED: dict[str, Any] = {
    "name": True,
    "description": True,
    "seeds": True,
    "tracking": True,
    "data": {"source": True, "kaggle": True, "subjects": True},
    "model": {"file": True, "backbone": {"file": True}},  # their content is hashed
}
_MEANING = 1  # of the settings' defaults


def settings_hash(experiment: Experiment) -> str:
    """Return the hash of all settings that decide the results of a run.

    Only settings that differ from their defaults are hashed, so a setting that is added later does not change the hash
    of older runs. If you change the meaning of a default, increase `_MEANING`.
    """
    values = canonical(experiment).model_dump(mode="json", exclude=_NOT_HASHED, exclude_defaults=True)
    values.setdefault("model", {})["options"] = model_options(experiment, exclude_defaults=True)
    if experiment.model.file is not None:
        values["model"]["file"] = file_digest(experiment.model)
    if experiment.model.backbone.file is not None:
        values["model"].setdefault("backbone", {})["file"] = file_digest(experiment.model.backbone)
    return short_hash(json.dumps([_MEANING, values], sort_keys=True))


def protocol_hash(experiment: Experiment) -> str:
    """Return the hash of the settings of the experiment's protocol."""
    values = experiment.protocol.model_dump(mode="json")
    for newer in ("split_seed", "validation_folds"):  # the hash is older than these settings
        if values.get(newer) is None:
            values.pop(newer, None)
    return short_hash(json.dumps(values, sort_keys=True))


def run_hash(experiment: Experiment, seed: int, fold: int | None, data: str, chosen_by: str | None = None) -> str:
    """Return the hash of everything that decides the results of one run: settings, seed, fold, images and weights.

    Args:
        experiment: The experiment.
        seed, fold: Seed and fold of the run.
        data: Fingerprint of the image set.
        chosen_by: See `Job`.
    """
    weights = "" if experiment.model.variant in SANITY else weights_fingerprint(experiment.model.backbone)
    choice = f"/{chosen_by}" if chosen_by else ""
    return short_hash(f"{settings_hash(experiment)}/{seed}/{fold}/{data}/{weights}{choice}")[:12]


def short_hash(text: str) -> str:
    """Return 16 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
