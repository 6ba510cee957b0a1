"""Optuna's plots of the trials of a sweep."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from alzbench.evaluation.metrics import METRICS
from alzbench.sweep.page import trial_figures


def make_optuna_study(*directions: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna_study = optuna.create_study(directions=directions, sampler=optuna.samplers.RandomSampler(seed=0))
    optuna_study.optimize(lambda trial: [trial.suggest_float("x", 0, 1)] * len(directions), n_trials=4)
    return optuna_study


def captions(optuna_study: optuna.Study, *objectives: str) -> list[str]:
    return [caption for _, caption in trial_figures(optuna_study, [METRICS[name] for name in objectives])]


def test_a_plot_that_fails_leaves_out_that_plot_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise TypeError("an unexpected error")

    optuna_study = make_optuna_study("maximize")
    before = captions(optuna_study, "macro_f1")
    monkeypatch.setattr("optuna.visualization.matplotlib.plot_slice", broken)
    assert captions(optuna_study, "macro_f1") == [c for c in before if c != "Macro F1 by field."]
    assert "Macro F1 by field." in before


def test_two_objectives_are_named() -> None:
    shown = captions(make_optuna_study("maximize", "minimize"), "macro_f1", "loss")
    assert {
        "Macro F1 of each trial.", "Cross-entropy loss of each trial.", "Cross-entropy loss by field."
    } <= {*shown}  # fmt: skip
    assert not any("objective 1" in caption or "best so far" in caption for caption in shown)
