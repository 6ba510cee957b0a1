"""The columns of metrics, from their declarations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from alzbench.evaluation.metrics import Metric
from alzbench.experiment.classes import are_of_dementia
from alzbench.report.document import Column, Form
from alzbench.report.names import short_names

COUNT = Form()
P_VALUE = Form(words=lambda p: f"{p:.3f}" if p >= 0.001 else "<0.001")
SHARE = Form(digits=0, scale=100)
SHARE_OF_MANY = Form(digits=1, scale=100)  # of enough images that a tenth of a per cent counts
PROBABILITY = Form(digits=3)
DEMENTED = "demented or not"  # in the labels of metrics


def metric_form(metric: Metric, *, signed: bool = False, spread: bool = False) -> Form:
    """Return the format of a metric's scores, or of their changes, which have a sign."""
    return Form(metric.digits, metric.scale, signed, spread)


def two_classes(classes: Sequence[str], healthy: str) -> str:
    """Return the name of the classification into healthy and other subjects: `demented or not`, `no tumor or not`."""
    return DEMENTED if are_of_dementia(classes) else f"{healthy} or not"


def worded(metric: Metric, classes: Sequence[str], healthy: str) -> Metric:
    """Return a metric whose label names the classes that it is of; only those of two classes change."""
    if metric.view != "demented" or not healthy or are_of_dementia(classes):
        return metric
    short = healthy if metric.short == "demented" else metric.short
    return replace(metric, label=metric.label.replace(DEMENTED, two_classes(classes, healthy)), short=short)


def metric_name(metric: Metric) -> str:
    """Return the label of a metric with its unit."""
    return metric.label + metric.unit


def metric_column(metric: Metric) -> Column:
    """Return the column of a metric."""
    short = metric.short + metric.unit
    return Column(metric.name, metric_name(metric), metric_form(metric), short, spread=True)


def change_column(metric: Metric) -> Column:
    """Return the column of the paired change of a metric; the terminal shows those of headline metrics."""
    unit = ", points" if metric.scale == 100 else ""
    form = metric_form(metric, signed=True)
    return Column(f"change_{metric.name}", metric.label + unit, form, metric.short + unit, metric.headline)


def class_columns(metric: Metric, classes: Sequence[str]) -> list[Column]:
    """Return a column for each class; its heading is the class."""
    names, form = class_keys(classes), metric_form(metric, spread=metric.needs == "counts")
    return [
        Column(f"{metric.name}_{names[name]}", name, form, short, spread=metric.needs == "counts")
        for name, short in zip(classes, short_names(classes), strict=True)
    ]


def class_keys(classes: Iterable[str]) -> dict[str, str]:
    """Return the classes as keys of columns: `A_low` is marked if it is also the lower end of class A."""
    ends = {f"{name}_{end}" for name in classes for end in ("sd", "low", "high")}
    return {name: f"{name} (class)" if name in ends else name for name in classes}


def headline_first(metrics: Iterable[Metric]) -> list[Metric]:
    """Return the metrics, headline metrics first."""
    return sorted(metrics, key=lambda metric: not metric.headline)
