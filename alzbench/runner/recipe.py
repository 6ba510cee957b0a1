"""The recipe of a run: everything between a job and its run folder, from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alzbench import atomic
from alzbench.data.leakage import measure_leakage
from alzbench.data.manifest import ImageSet
from alzbench.data.protocols import split_of_run
from alzbench.environment import describe_environment
from alzbench.errors import AlzbenchError, DataError, Pruned, describe_os_error
from alzbench.evaluation.metrics import score
from alzbench.evaluation.predictions import make_table
from alzbench.evaluation.sanity import SANITY
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.evaluation.subjects import combine, score_subjects
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.runner.estimator import Estimator, Fit, SanityBaseline
from alzbench.runner.hashes import make_card
from alzbench.runner.job import Context, Job, Outcome
from alzbench.runner.listeners import EpochListener, HistoryFile, Listeners, write_history
from alzbench.runner.network import Network
from alzbench.runner.resolved import resolved_yaml
from alzbench.runner.tracker import begin_tracked
from alzbench.seeds import derive
from alzbench.store import Card, Run, RunWriter, read_run

Tables = dict[str, pd.DataFrame]  # predictions by part


def execute(job: Job, context: Context, listeners: Sequence[EpochListener] = ()) -> Outcome:
    """Do a job, see `run_job`; a failure that says nothing about other jobs is an outcome, too.

    Raises:
        DataError: Images or weights are missing or unreadable.
    """
    context.images.open(job.experiment.data)  # what is wrong with the images is no fault of this job
    try:
        return run_job(job, context, listeners)
    except DataError:
        raise
    except Pruned as error:
        return Outcome(job=job, state="pruned", error=str(error))
    except AlzbenchError as error:
        return Outcome(job=job, state="failed", error=str(error))
    except OSError as error:
        return Outcome(job=job, state="failed", error=describe_os_error(error))


def run_job(job: Job, context: Context, listeners: Sequence[EpochListener] = ()) -> Outcome:
    """Do a job: train, predict, evaluate, and write the run folder; the run is not done again if it is complete.

    The test part of a trial is never read.

    Args:
        job: The job.
        context: What it needs.
        listeners: Hear of each epoch, beside the tracker.

    Raises:
        RunError: The run failed.
        DataError: Images or weights are missing or unreadable.
        Pruned: A listener gave the run up.
    """
    start = time.monotonic()
    images = context.images.open(job.experiment.data)
    split = split_images(job, images)
    card = make_card(job, images, split)
    restart = context.repeats(job)
    if not restart and (stored := context.store.find_complete(card)) is not None:
        return _outcome(job, "stored", stored, start)
    if job.trial is None:
        context.progress.say(f"{job.title}: {_count(split, images.classes)}")
    split = usable_images(job, images, split)
    estimator = make_estimator(job, images, split, context.progress)
    durations: dict[str, float] = {}
    with timed(durations, "features"):
        estimator.prepare()
    with begin_tracked(context.store, card, context.tracker, job.experiment, images, restart) as (writer, tracking):
        write_setup(job, images, split, writer)
        hearing = Listeners([HistoryFile(writer), tracking, *listeners], context.progress.warn)
        with timed(durations, "training"):
            fit = train(estimator, writer, hearing)
        with timed(durations, "prediction"):
            tables = predict(estimator, fit, split, images)
            estimator.save(writer.path)
        with timed(durations, "evaluation"):
            scores = evaluate(tables)
            write_predictions(tables, writer)
            draw_figures
        write_metrics
        writer.forget_checkpoints()
    return _outcome(job, "complete", read_run(writer.path), start)
