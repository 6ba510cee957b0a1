"""Resolved experiments: every default is written out, and options that do not fit are refused."""

from __future__ import annotations

import pytest
import yaml

from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment
from alzbench.runner import resolved_yaml
from alzbench.runner.resolved import model_options
from tests.helpers.running import Tiny


def test_every_setting_is_written_out(tiny: Tiny) -> None:
    text = resolved_yaml(tiny(model={"options": {}}))
    assert "units: 128" in text
    assert "dropout: 0.3" in text
    assert "patience: null" in text


def test_a_resolved_experiment_is_read_back_as_the_same_experiment(tiny: Tiny) -> None:
    text = resolved_yaml(tiny(description="Länge"))
    again = Experiment.model_validate(yaml.safe_load(text))
    assert resolved_yaml(again) == text
    assert "Länge" in text


def test_options_at_their_default_are_left_out_on_request(tiny: Tiny) -> None:
    experiment = tiny(model={"options": {"units": 8, "dropout": 0.3}})
    assert model_options(experiment, exclude_defaults=True) == {"units": 8}
    assert model_options(experiment)["dropout"] == 0.3


def test_a_sanity_baseline_takes_no_options(tiny: Tiny) -> None:
    assert model_options(tiny(model={"variant": "largest_class", "options": {}})) == {}
    with pytest.raises(ExperimentError) as caught:
        model_options(tiny(model={"variant": "largest_class", "options": {"units": 8}}))
    assert str(caught.value) == "the sanity baseline largest_class takes no model.options, got units."


def test_an_unknown_option_is_named(tiny: Tiny) -> None:
    with pytest.raises(ExperimentError, match="unit"):
        model_options(tiny(model={"options": {"unit": 8}}))
