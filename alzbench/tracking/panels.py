"""The panels of a project's dashboard, as objects of wandb-workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wandb_workspaces.reports.v2 as wr

from alzbench.evaluation.metrics import ACCURACY, metrics
from alzbench.tracking.sweep_summary import JOB_TYPE

LABEL = "label"  # of the config, see `labels.label_of`
MOST_BARS = 60
# see `sweep_summary.send_summary`; older versions sent them as study/01 and so on
_SWEEP_PLOTS = [f"{name}/{k:02d}" for name in (JOB_TYPE, "study") for k in range(1, 7)]


def scores(published: str) -> list[Any]:
    """Return the headline metrics by experiment.

    Args:
        published: The published results, for the title; empty if there are none.
    """
    beside = f"; published: {published}" if published else ""
    shown = [m for m in metrics(level="image", needs="counts", per_class=False) if m.headline]
    return [
        *(
            _bars(f"Test {metric.label} by experiment{beside if metric is ACCURACY else ''}", f"test/{metric.name}")
            for metric in shown
        ),
        _bars(f"Test {ACCURACY.label} by subject", f"test_by_subject/{ACCURACY.name}"),
        _bars("Test images of subjects seen in training", "leakage/same_subject", range_x=(None, None)),
    ]


def by_class(classes: Sequence[str]) -> list[Any]:
    """Return the headline metrics of each class by experiment."""
    shown = [metric for metric in metrics(level="image", per_class=True) if metric.headline]
    return [_bars(f"Test {m.label}, {name}", f"test/{m.name}/{name}") for m in shown for name in classes]


def curves() -> list[Any]:
    """Return the training and validation curves."""
    return [
        _lines("Validation accuracy", "validation/accuracy"),
        _lines("Validation loss", "validation/loss"),
        _lines("Training accuracy", "train/accuracy"),
        _lines("Training loss", "train/loss"),
    ]


def pictures() -> list[Any]:
    """Return the confusion matrices of the runs, side by side."""
    return [
        wr.MediaBrowser(title="Confusion matrices", media_keys=["figures/confusion"], num_columns=3),
        wr.MediaBrowser(title="Training", media_keys=["figures/history"], num_columns=3),
    ]


def comparison(keys: Sequence[str]) -> list[Any]:
    """Return the comparison's own figures, the one with the line at the published accuracy first."""
    return [wr.MediaBrowser(title="Comparison", media_keys=list(keys), num_columns=1)] if keys else []


def sweep(objectives: Sequence[str], fields: Sequence[str]) -> list[Any]:
    """Return all trials over the searched fields, and the importance of each field.

    Args:
        objectives: Their names in a run's summary.
        fields: The searched fields of the experiment.
    """
    columns = [
        *(wr.ParallelCoordinatesPlotColumn(metric=wr.Config(field)) for field in fields),
        *(wr.ParallelCoordinatesPlotColumn(metric=wr.SummaryMetric(objective)) for objective in objectives),
    ]
    return [
        wr.ParallelCoordinatesPlot(title="Trials", columns=columns),
        *(wr.ParameterImportancePlot(with_respect_to=objective) for objective in objectives),
        wr.MediaBrowser(title="Optuna's plots", media_keys=_SWEEP_PLOTS, num_columns=2),
    ]


def laid_out(panels: Sequence[Any], across: int = 2, height: int = 8) -> list[Any]:
    """Return the panels in rows of a report, whose page is 24 wide."""
    width = 24 // across
    for k, panel in enumerate(panels):
        panel.layout = wr.Layout(x=width * (k % across), y=height * (k // across), w=width, h=height)
    return list(panels)


def _bars(title: str, metric: str, range_x: tuple[float | None, float | None] = (0.0, 1.0)) -> Any:
    return wr.BarPlot(
        title=title,
        metrics=[wr.SummaryMetric(metric)],
        range_x=range_x,
        groupby=wr.Config(LABEL),
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",  # over the seeds
        max_bars_to_show=MOST_BARS,
    )


def _lines(title: str, metric: str) -> Any:
    return wr.LinePlot(
        title=title,
        x="epoch",
        y=[metric],
        groupby=wr.Config(LABEL),
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        smoothing_factor=0,
    )
