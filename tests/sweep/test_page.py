"""The figures of a sweep's page."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from alzbench.sweep.page import study_figures


def study(*directions: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(directions=directions, sampler=optuna.samplers.RandomSampler(seed=0))
    made.optimize(lambda trial: [trial.suggest_float("x", 0, 1)] * len(directions), n_trials=4)
    return made


def test_a_plot_that_fails_leaves_out_that_plot_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise TypeError("of a kind that nobody foresaw")

    made = study("maximize")
    before = [caption for _, caption in study_figures(made, ["macro_f1"])]
    monkeypatch.setattr("optuna.visualization.matplotlib.plot_slice", broken)
    assert [c for _, c in study_figures(made, ["macro_f1"])] == [c for c in before if c != "macro_f1 by field."]
    assert "macro_f1 by field." in before


def test_two_objectives_are_named() -> None:
    captions = [caption for _, caption in study_figures(study("maximize", "minimize"), ["macro_f1", "loss"])]
    assert {"macro_f1 of each trial.", "loss of each trial.", "loss by field."} <= {*captions}
    assert not any("objective 1" in caption or "best so far" in caption for caption in captions)
