"""Resolved experiments: every default written out, including the options of the variant."""

from __future__ import annotations

from typing import Any

import yaml

from alzbench.errors import ExperimentError
from alzbench.evaluation.sanity import SANITY
from alzbench.experiment import Experiment
from alzbench.models.user_file import find_variant


def resolved_yaml(experiment: Experiment) -> str:
    """Return the experiment as YAML with every default written out."""
    values = experiment.model_dump(mode="json")
    values["model"]["options"] = model_options(experiment)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def model_options(experiment: Experiment, *, exclude_defaults: bool = False) -> dict[str, Any]:
    """Return the options of the experiment's variant, with or without those at their default.

    Raises:
        ExperimentError: The variant does not exist, or an option does not fit.
    """
    name, options = experiment.model.variant, experiment.model.options
    if name in SANITY:
        if options:
            raise ExperimentError(f"the sanity baseline {name} takes no model.options, got {', '.join(options)}.")
        return {}
    checked = find_variant(experiment.model).check_options(options)
    return checked.model_dump(mode="json", exclude_defaults=exclude_defaults)
