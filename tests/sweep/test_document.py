"""The document of a sweep, as it is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alzbench.evaluation.metrics import METRICS
from alzbench.report.columns import metric_name
from alzbench.report.document import Document
from alzbench.store import RunStore
from tests.helpers.command import Command
from tests.helpers.sweeps import Write, opened, trials

LR = {"train.lr": {"low": 1e-4, "high": 1e-3}}

pytestmark = pytest.mark.usefixtures("without_page")


def test_the_settings_the_best_trial_and_the_test_are_printed(alzbench: Command, write: Write) -> None:
    result = alzbench("sweep", write(trials=2, epochs=1, space=LR, final={"seeds": [0]}, objective="quadratic_kappa"))
    assert result.code == 0, result.err
    best = max(trials(), key=lambda trial: (trial.values[0], -trial.number))
    rows = [" ".join(line.split()) for line in result.out.splitlines()]
    for row in (
        "Sweep s-sweep",
        "trials 2 complete",
        "objective quadratic-weighted kappa on validation, by slice",
        "sampler tpe, seed 0",
        "pruner none",
        f"best trial {best.number}: quadratic_kappa {best.values[0]:.4f} on validation",
        f"train.lr {best.params['train.lr']:.4g}",
        "file s-sweep-best.yaml",
        "storage sqlite:///runs/s-sweep/optuna.db",
        "Base and best are tested with seed 0, on the split of seed 0, which all trials share.",
    ):
        assert row in rows, result.out
    (tested,) = (row for row in rows if row.startswith("s-sweep-best "))
    assert tested.endswith(f"train.lr {best.params['train.lr']:.6g}")
    assert rows[-1] == "reports/s-sweep.html"


def test_without_a_final_test_only_the_sweep_is_printed(alzbench: Command, write: Write) -> None:
    file = write(trials=1, epochs=1, space=LR, final={"seeds": []})
    result = alzbench("sweep", file)
    assert result.code == 0, result.err
    assert "tested" not in result.out
    printed = json.loads(alzbench("sweep", file, "--json").out)
    assert (printed["sweep"], printed["runs"], printed["front"]) == ("s-sweep", [], [0])
    assert printed["best"] == {
        "trial": 0, "values": trials()[0].values, "settings": trials()[0].params, "file": "s-sweep-best.yaml",
    }  # fmt: skip
    assert printed["trials"] == {"complete": 1, "pruned": 0, "failed": 0}
    assert (printed["report"], printed["caution"]) == ("reports/s-sweep.html", None)


@pytest.mark.parametrize("objective", ["loss", "quadratic_kappa", "macro_f1"])
def test_the_page_has_the_objective_of_base_and_best_on_the_validation_part(
    alzbench: Command, write: Write, monkeypatch: pytest.MonkeyPatch, objective: str
) -> None:
    """As numbers, whether or not it has an interval."""
    written: list[Document] = []
    monkeypatch.setattr("alzbench.sweep.run.write_page", lambda document, *_: written.append(document))
    result = alzbench("sweep", write(trials=2, epochs=1, space=LR, final={"seeds": [0]}, objective=objective))
    assert result.code == 0, result.err
    (table,) = (t for t in written[0].sections[0].tables if t.key == "validation")
    label = metric_name(METRICS[objective])
    ((_, base, best, change),) = (row for row in table.texts if row[0] == f"{label}, by slice")
    assert "–" not in (base, best, change)
    stored = {run.card.experiment: run for run in RunStore(Path("runs")).runs() if run.card.trial is None}
    for name, text in (("base", base), ("s-sweep-best", best)):
        validation = stored[name].metrics().validation
        assert validation is not None
        value = validation.scores[objective]
        assert value is not None
        assert float(text.split()[0]) == pytest.approx(value, abs=0.001)


def test_optuna_dashboard_gets_the_names_of_objectives_and_the_folders_of_runs(alzbench: Command, write: Write) -> None:
    file = write(trials=1, epochs=1, space=LR, final={"seeds": []}, objective=["macro_f1", "loss"], sampler="nsga2")
    assert alzbench("sweep", file).code == 0
    with opened() as optuna_study:
        assert optuna_study.metric_names == ["macro_f1", "loss"]
    (trial,) = trials()
    (folder,) = Path("runs/s-sweep").glob("trial-0000-*")
    assert trial.user_attrs["runs"] == [str(folder)]
