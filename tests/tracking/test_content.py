"""The content of a W&B run: names, tags, epochs, and tables of errors with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from alzbench.data.leakage import NOT_EXCLUDED
from alzbench.errors import DataError
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.metrics import metrics
from alzbench.evaluation.predictions import errors, with_confidence
from alzbench.store import Card, Run, RunMetrics, RunStore, read_run
from alzbench.tracking import content
from alzbench.tracking.media import MOST_ERRORS, MOST_MAPS, media
from tests.helpers.command import Command
from tests.helpers.explanations import write_explanation
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


@pytest.fixture
def imported(alzbench: Command, tmp_path: Path) -> Run:
    """A run of imported predictions, of which many are wrong."""
    draw_predictions(tmp_path, seed=0, right=0.2)
    assert alzbench("import", tmp_path / "predictions.csv", "--name", "n", "--classes", "A,B").code == 0
    (run,) = RunStore(Path("runs")).runs()
    return run


def explained_images(run: Run) -> pd.DataFrame:
    """Return the rows of images.csv for half of the predictions."""
    table = with_confidence(run.predictions()).iloc[::2]
    return table.assign(group="sample").reset_index(drop=True)


@pytest.mark.slow
def test_errors_have_the_map_of_the_first_method_if_they_are_explained(imported: Run, tmp_path: Path) -> None:
    import wandb

    wrong = imported.predictions().query("label != predicted")
    picture = tmp_path / "picture.png"
    Image.new("I;16", (400, 200)).save(picture)
    plain = media(imported, wandb, lambda _: None)["test/errors"]
    assert plain.columns == ["image", "picture", "subject", "label", "predicted", "confidence"]
    assert [row[0] for row in plain.data] == errors(imported.predictions())["image"].tolist()[:MOST_ERRORS]
    assert len(plain.data) == min(MOST_ERRORS, len(wrong))
    images = explained_images(imported)
    write_explanation(imported.path, images)
    one = plain.data[0][0]
    table = media(imported, wandb, lambda name: picture if name == one else tmp_path / "gone.png")["test/errors"]
    assert table.columns[1:3] == ["picture", "map"]
    by_image = {row[0]: row[1:3] for row in table.data}
    assert by_image[one][0].image.size == (128, 64)
    assert [row[1] for row in table.data if row[0] != one] == [None] * (len(table.data) - 1)
    explained = set(images["image"])
    assert {name for name, (_, drawn) in by_image.items() if drawn is not None} == explained & by_image.keys()
    name = next(name for name in by_image if name in explained)
    with Image.open(
        imported.path / "explain" / "attention" / f"{images.index[images['image'] == name][0]:04d}.png"
    ) as png:
        assert by_image[name][1].image.tobytes() == png.convert(by_image[name][1].image.mode).tobytes()


@pytest.mark.slow
def test_maps_are_panels_with_captions_beside_their_figures(imported: Run) -> None:
    import wandb

    write_explanation(imported.path, explained_images(imported), heads=0)
    values = media(imported, wandb, lambda _: None)
    assert [key for key in values if key.startswith("explain/") and "figures" not in key] == [
        "explain/attention", "explain/grad_cam",
    ]  # fmt: skip
    panel = values["explain/grad_cam"]
    captions = [image._caption for image in panel]
    assert len(panel) == 2 * MOST_MAPS
    assert captions[0] in {"true A, predicted B 0.700", "true B, predicted A 0.700"}
    assert sum(text[5] != text.split("predicted ")[1][0] for text in captions) == MOST_MAPS
    assert all(image.image.size == (44, 52) for image in panel)
    images = explained_images(imported).sort_values(["confidence", "image"], ascending=[False, True])
    wrong = images["label"] != images["predicted"]
    shown = [*images.index[wrong][:MOST_MAPS], *images.index[~wrong][:MOST_MAPS]]  # the most confident of both
    for image, row in zip(panel, shown, strict=True):
        with Image.open(imported.path / "explain" / "grad_cam" / f"{row:04d}.png") as drawn:
            assert image.image.tobytes() == drawn.convert(image.image.mode).tobytes()
        about = images.loc[row]
        assert image._caption == f"true {about.label}, predicted {about.predicted} {about.confidence:.3f}"
    figures = [values[key]._caption for key in values if key.startswith("explain/figures/")]
    assert {"Each check", "Maps of n ", "Mean maps "} <= {text[:10] for text in figures}


@pytest.mark.slow
def test_a_damaged_explanation_is_an_error_of_its_run(imported: Run) -> None:
    import wandb

    folder = write_explanation(imported.path, explained_images(imported))
    (folder / "images.csv").write_text("image")
    with pytest.raises(DataError, match=r"images\.csv is damaged"):
        media(imported, wandb, lambda _: None)
