"""The content of a W&B run: names, tags, epochs, and tables of errors with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from alzbench.data.leakage import NOT_EXCLUDED
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.metrics import metrics
from alzbench.evaluation.predictions import errors
from alzbench.store import Card, RunMetrics, RunStore, read_run
from alzbench.tracking import content
from alzbench.tracking.media import MOST_ERRORS, media
from tests.helpers.command import Command
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import CARD


def card(**changes: Any) -> Card:
    return CARD.model_copy(update=changes)


def test_job_types_are_kinds_of_runs() -> None:
    assert [content.job_type(one) for one in (CARD, card(trial=0), card(sanity=True))] == ["run", "trial", "sanity"]


def test_tags_are_protocol_variant_and_warnings() -> None:
    clean = card(leaks="", demo=False, sanity=False, trial=None)
    assert content.tags(clean) == [clean.protocol, clean.variant]
    every = card(leaks="it does", demo=True, sanity=True, trial=0, variant="v" * 99)
    assert content.tags(every) == [every.protocol, "v" * 64, "leaky", "demo", "sanity", "trial"]
    unknown = clean.model_copy(update={"leaks": f"{NOT_EXCLUDED}: nobody knows"})
    assert content.tags(unknown) == [clean.protocol, clean.variant, "leaks unknown"]


def test_epochs_have_the_names_of_w_and_b() -> None:
    row = {"epoch": 3, "loss": 0.5, "val_accuracy": 0.25, "lr": 1e-3, "val_loss": None}
    assert content.epoch(row) == {"epoch": 3, "train/loss": 0.5, "validation/accuracy": 0.25, "lr": 1e-3}


def test_the_summary_has_every_metric_with_its_interval(tmp_path: Path) -> None:
    draw_predictions(tmp_path, seed=0, right=0.7)
    table = pd.read_csv(tmp_path / "predictions.csv", dtype={"subject": str})
    evaluation = evaluate(table)
    metrics_of_run = RunMetrics(
        test=evaluation.images, test_by_subject=evaluation.subjects, validation=evaluation.images
    )
    with RunStore(tmp_path).begin(CARD) as writer:
        writer.write_metrics(metrics_of_run)
        writer.write_counts(table)
    summary = content.summary(read_run(writer.path))
    for metric in metrics(per_class=False):
        key = f"test/{metric.name}" if metric.level == "image" else f"test_by_subject/{metric.name[len('subject_') :]}"
        assert summary[key] == evaluation.value(metric), metric.name
        has_interval = metric.needs == "counts" or metric.level == "subject"
        assert (f"{key}_low" in summary) == (f"{key}_high" in summary) == has_interval, metric.name
    for metric in metrics(level="image", per_class=True):
        values = evaluation.class_values(metric)
        assert [summary[f"test/{metric.name}/{name}"] for name in "AB"] == values
        assert [summary[f"validation/{metric.name}/{name}"] for name in "AB"] == values
    assert evaluation.subjects is not None
    by_subject = evaluation.subjects.mean
    assert summary["test_by_subject/loss"] == by_subject.scores["loss"]
    assert summary["test_by_subject/f1/A"] == by_subject.per_class["A"]["f1"]
    assert (summary["test/intervals_over"], summary["state"]) == ("subjects", "complete")


@pytest.mark.slow
def test_errors_have_heat_maps_if_the_run_has_some(alzbench: Command, tmp_path: Path) -> None:
    import wandb

    draw_predictions(tmp_path, seed=0, right=0.2)
    assert alzbench("import", tmp_path / "predictions.csv", "--name", "n", "--classes", "A,B").code == 0
    (run,) = RunStore(Path("runs")).runs()
    wrong = run.predictions().query("label != predicted")
    picture = tmp_path / "picture.png"
    Image.new("I;16", (400, 200)).save(picture)
    plain = media(run, wandb, lambda _: None)["test/errors"]
    assert plain.columns == ["image", "picture", "subject", "label", "predicted", "confidence"]
    assert [row[0] for row in plain.data] == errors(run.predictions())["image"].tolist()[:MOST_ERRORS]
    assert len(plain.data) == min(MOST_ERRORS, len(wrong))
    one = wrong["image"].iloc[0]
    heat_map = (run.path / "heatmaps" / one).with_suffix(".png")
    heat_map.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(heat_map)
    table = media(run, wandb, lambda name: picture if name == one else tmp_path / "gone.png")["test/errors"]
    assert table.columns[1:3] == ["picture", "heat map"]
    by_image = {row[0]: row[1:3] for row in table.data}
    thumbnail, heat = by_image.pop(one)
    assert (thumbnail.image.size, heat.image.size) == ((128, 64), (8, 8))
    assert all(pair == [None, None] for pair in by_image.values())
