"""The recipe of a run: all steps from a job to its run folder, in order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from alzbench import atomic
from alzbench.data.files import count_left_out
from alzbench.data.leakage import measure_leakage
from alzbench.data.manifest import ImageSet
from alzbench.data.protocols import split_of_run
from alzbench.data.unused import count_unused, unused_text
from alzbench.environment import describe_environment
from alzbench.evaluation.evaluate import Evaluation, evaluate
from alzbench.evaluation.metrics import ACCURACY
from alzbench.evaluation.predictions import make_table
from alzbench.evaluation.sanity import SANITY
from alzbench.progress import Progress
from alzbench.runner.card import make_card
from alzbench.runner.estimator import Estimator, Fit, SanityBaseline
from alzbench.runner.job import Context, Job, Outcome
from alzbench.runner.listeners import EpochListener, HistoryFile, Listeners, write_history
from alzbench.runner.network import Network
from alzbench.runner.resolved import resolved_yaml
from alzbench.runner.tracker import begin_tracked
from alzbench.seeds import derive
from alzbench.store import Card, Run, RunMetrics, RunWriter, read_run

Tables = dict[str, pd.DataFrame]  # part -> predictions table
Evaluations = dict[str, Evaluation]  # part -> its evaluation


def run_job(job: Job, context: Context, listeners: Sequence[EpochListener] = ()) -> Outcome:
    """Execute a job: split, train, predict, evaluate, and write the run folder.

    A complete run is not repeated, and an unfinished run continues. A trial never reads the test part.

    Args:
        job: The job.
        context: Image sets, run folders, progress and tracker.
        listeners: Further listeners of the epochs, besides the tracker.

    Raises:
        RunError: The run failed.
        DataError: Images or weights are missing or unreadable.
        Pruned: A listener stopped the trial.
    """
    start = time.monotonic()
    images = context.images.open(job.experiment.data)
    job.experiment.imbalance.check_classes(images.classes)
    split = split_images(job, images)
    card = make_card(job, images, split)
    restart = job.restarts(context.force)
    if not restart and (stored := context.store.find_complete(card)) is not None:
        return _outcome(job, "stored", stored, start)
    if job.trial is None:
        context.progress.say(f"{job.title}: {count_images(split, images, job.experiment.protocol.name)}")
    split = usable_images(job, images, split)
    durations: dict[str, float] = {}
    with timed(durations, "features"), context.progress.phase("preparing the model"):
        estimator = make_estimator(job, images, split, context.progress)
    with begin_tracked(context.store, card, context.tracker, job.experiment, images, restart) as (writer, tracking):
        write_setup(job, images, split, writer)
        with timed(durations, "features"):
            estimator.prepare()
        with timed(durations, "training"):
            all_listeners = Listeners([HistoryFile(writer), tracking, *listeners], context.progress.warn)
            fit = train(estimator, writer, all_listeners)
        with timed(durations, "prediction"), context.progress.phase("predicting"):
            tables = predict(job, estimator, fit, split, images.classes)
            if job.trial is None:
                estimator.save(writer.path)
        with timed(durations, "evaluation"), context.progress.phase("scoring"):
            evaluations = {part: evaluate(table, healthy=images.healthy_label) for part, table in tables.items()}
            write_predictions(tables, images.healthy_label, writer)
            if job.trial is None:
                draw_figures(job, fit, evaluations["test"], writer.path / "figures")
        writer.write_metrics(collect_metrics(card, images, split, fit, evaluations, durations))
        writer.forget_checkpoints()
    return _outcome(job, "complete", read_run(writer.path), start, durations["features"])


def split_images(job: Job, images: ImageSet) -> pd.DataFrame:
    """Return the part of each image, see `protocols.make_split`; the trials of a sweep share their splits."""
    protocol = job.experiment.protocol
    if job.trial is None:
        return split_of_run(images.manifest, protocol, job.seed, job.fold)
    key = ("split", protocol, job.seed, job.fold)
    if key not in images.derived:
        images.derived[key] = split_of_run(images.manifest, protocol, job.seed, job.fold)
    split: pd.DataFrame = images.derived[key]
    return split


def count_images(split: pd.DataFrame, images: ImageSet, protocol: str) -> str:
    """Return the number of images in each part and in none, and the classes without test images, for people."""
    counts = split["part"].value_counts()
    text = ", ".join(f"{counts.get(part, 0):,} {part}" for part in ("train", "validation", "test")) + " images"
    unused = unused_text(count_unused(images.manifest, split, protocol))
    tested = set(split.loc[split["part"] == "test", "label"])
    missing = [name for label, name in enumerate(images.classes) if label not in tested]
    no_test = f"no test images of {', '.join(missing)}" if missing else ""
    return "; ".join(part for part in (text, unused and f"not used: {unused}", no_test) if part)


def usable_images(job: Job, images: ImageSet, split: pd.DataFrame) -> pd.DataFrame:
    """Return the rows and labels that the job may use: no test images in a trial, shuffled labels if set."""
    if job.experiment.labels == "shuffled":
        split = shuffle_labels(split, images, derive(job.seed, "labels"))
    # without the rows of the test part, nothing that follows can read them
    return split if job.trial is None else split[split["part"] != "test"]


def shuffle_labels(split: pd.DataFrame, images: ImageSet, seed: int) -> pd.DataFrame:
    """Give each subject the label of another, as Yagis et al. 2021 did (doi 10.1038/s41598-021-01681-w).

    All slices of a subject, including augmented ones, get the same label. So a network can learn the labels only by
    recognising subjects, and cannot predict them for new subjects. Images of unknown subjects are shuffled singly.
    """
    groups = split["subject"].where(split["subject"] != "", images.manifest["image"].loc[split.index])
    labels = split["label"].groupby(groups).agg(lambda values: values.value_counts().index[0])
    shuffled = dict(zip(labels.index, np.random.default_rng(seed).permutation(labels.to_numpy()), strict=True))
    return split.assign(label=groups.map(shuffled).astype(int))


def make_estimator(job: Job, images: ImageSet, split: pd.DataFrame, progress: Progress) -> Estimator:
    """Return the sanity baseline, which must fit the images, or the network that the experiment's variant names."""
    if job.experiment.model.variant in SANITY:
        baseline = SanityBaseline(job, images, split, progress)
        baseline.check()
        return baseline
    return Network(job, images, split, progress)


def write_setup(job: Job, images: ImageSet, split: pd.DataFrame, writer: RunWriter) -> None:
    """Write the files that are known before training; for a trial, only those that differ between trials."""
    experiment = job.experiment
    if images.kaggle:  # with the version that was found, for a handle without one
        experiment = experiment.model_copy(
            update={"data": experiment.data.model_copy(update={"kaggle": images.kaggle})}
        )
    atomic.write_text(writer.path / "experiment.yaml", resolved_yaml(experiment))
    writer.write_json("environment.json", describe_environment())
    if job.trial is not None:
        return
    writer.write_table("split.csv", split)
    if experiment.model.file is not None:
        atomic.write_text(writer.path / "variant.py", Path(experiment.model.file).read_text(encoding="utf-8"))
    if experiment.model.backbone.file is not None:
        file = Path(experiment.model.backbone.file)
        atomic.write_text(writer.path / "backbone.py", file.read_text(encoding="utf-8"))
    if len(images.skipped):
        writer.write_table("skipped.csv", images.skipped)
    if len(images.covariates.columns):
        test = split.index[split["part"] == "test"]
        writer.write_table("covariates.csv", split.loc[test, ["image"]].join(images.covariates))
    if len(images.left_out):
        writer.write_table("left_out.csv", images.left_out[["image", "reason"]])


def train(estimator: Estimator, writer: RunWriter, listeners: Listeners) -> Fit:
    """Train, and write the history of all epochs."""
    fit = estimator.fit(writer, listeners)
    if fit.history:
        # write again: a run that was stopped between its last checkpoint and this file lacks the last row
        write_history(writer, fit.history)
    return fit


def predict(job: Job, estimator: Estimator, fit: Fit, split: pd.DataFrame, classes: Sequence[str]) -> Tables:
    """Return the predictions of the validation part, and, except for a trial, of the test part."""
    validation, test = (split[split["part"] == part] for part in ("validation", "test"))
    tables = {"validation": make_table(validation, fit.validation, classes)}
    if job.trial is None:
        tables["test"] = make_table(test, estimator.predict(test), classes)
    return tables


def write_predictions(tables: Tables, healthy: int | None, writer: RunWriter) -> None:
    """Write the predictions tables, and the counts of the test part by subject."""
    writer.write_table("predictions_val.csv", tables["validation"])
    if "test" in tables:
        writer.write_table("predictions.csv", tables["test"])
        writer.write_counts(tables["test"], healthy)


def draw_figures(job: Job, fit: Fit, test: Evaluation, folder: Path) -> None:
    """Draw the confusion matrix of the test part, and the history if there is one."""
    from alzbench.drawing import save
    from alzbench.evaluation.figures import confusion_figure, history_figure

    title = f"{job.experiment.name}, seed {job.seed}, {job.experiment.protocol.name} protocol"
    save(confusion_figure(test.images, title), folder / "confusion.png")
    if fit.history and fit.notes.kept_epoch is not None:
        save(history_figure(pd.DataFrame(fit.history), fit.notes.kept_epoch, title), folder / "history.png")


def collect_metrics(
    card: Card,
    images: ImageSet,
    split: pd.DataFrame,
    fit: Fit,
    evaluations: Evaluations,
    durations: dict[str, float],
) -> RunMetrics:
    """Return the content of metrics.json; for a trial, without the test part."""
    notes = {name: getattr(fit.notes, name) for name in fit.notes.model_fields_set}
    if fit.head_notes is not None:
        notes["head"] = fit.head_notes
    validation = evaluations["validation"]
    if card.trial is not None:
        subjects = validation.subjects.mean if validation.subjects else None
        return RunMetrics(validation=validation.images, validation_by_subject=subjects, duration_s=durations, **notes)
    return RunMetrics(
        test=evaluations["test"].images,
        test_by_subject=evaluations["test"].subjects,
        validation=validation.images,
        protocol=card.protocol,
        leaks=card.leaks,
        leakage=measure_leakage(split),
        images={str(part): int(n) for part, n in split["part"].value_counts().items()},
        healthy=images.healthy,
        skipped_images=len(images.skipped),
        left_out_images=count_left_out(images.left_out),
        unused_images=count_unused(images.manifest, split, card.protocol),
        duration_s=durations,
        **notes,
    )


@contextmanager
def timed(durations: dict[str, float], step: str) -> Iterator[None]:
    """Add the seconds that the block takes."""
    start = time.monotonic()
    yield
    durations[step] = round(durations.get(step, 0.0) + time.monotonic() - start, 3)


def _outcome(
    job: Job, state: Literal["complete", "stored"], run: Run, start: float, preparation: float = 0.0
) -> Outcome:
    accuracy = run.evaluation().value(ACCURACY) if job.trial is None else None
    seconds = round(time.monotonic() - start, 3)
    return Outcome(job=job, state=state, path=run.path, accuracy=accuracy, seconds=seconds, preparation=preparation)
