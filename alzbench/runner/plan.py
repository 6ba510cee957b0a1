"""The plan of a command: checked experiments, their jobs, and the sanity baselines beside them."""

from __future__ import annotations

from collections.abc import Sequence

from alzbench.data.described import has_covariate
from alzbench.errors import ExperimentError
from alzbench.evaluation.sanity import SANITY
from alzbench.experiment import Experiment, ModelSettings, TrainSettings
from alzbench.models.cuts import check_backbone, check_cut
from alzbench.models.user_file import find_variant
from alzbench.runner.hashes import settings_hash
from alzbench.runner.job import Job
from alzbench.runner.resolved import model_options
from alzbench.store import RunStore, State

_SHUFFLED_EPOCHS = 20


def plan_jobs(experiments: Sequence[Experiment], trial: int | None = None) -> list[Job]:
    """Return the jobs of experiments in order, one for each seed and fold; opens no image.

    Args:
        experiments: The experiments.
        trial: Number of the trial, if the jobs are trials.

    Raises:
        ExperimentError: An experiment is invalid.
    """
    for experiment in experiments:
        check(experiment)
    return [
        Job(experiment=experiment, seed=seed, fold=fold, trial=trial)
        for experiment in experiments
        for seed in experiment.seeds
        for fold in experiment.protocol.test_folds
    ]


def stored_states(jobs: Sequence[Job], store: RunStore) -> list[State | None]:
    """Return the state of each job's stored run, assuming unchanged images; None if there is none."""
    runs = store.runs(unreadable=lambda _: None)  # a damaged run is reported when its job is executed
    states = {(r.card.experiment, r.card.settings_hash, r.card.seed, r.card.fold): r.card.state for r in runs}
    hashes: dict[int, str] = {}  # the jobs of an experiment share it
    for job in jobs:
        if id(job.experiment) not in hashes:
            hashes[id(job.experiment)] = settings_hash(job.experiment)
    return [
        states.get((job.experiment.name, job.chosen_by or hashes[id(job.experiment)], job.seed, job.fold))
        for job in jobs
    ]


def would_run(job: Job, state: State | None, force: bool) -> bool:
    """Return True if a job must run, given the state of its stored run."""
    return state != "complete" or job.restarts(force)


def check(experiment: Experiment) -> None:
    """Check what the schema cannot check: variant, options, backbone, cut, class weights, and combinations.

    Raises:
        ExperimentError: One of them does not exist or does not fit.
    """
    try:
        model_options(experiment)
        check_backbone(experiment.model.backbone, experiment.data)
        if experiment.data.known_classes is not None:
            experiment.imbalance.check_classes(experiment.data.known_classes)
        check_cut(experiment.model.backbone, experiment.fine_tune)
        if experiment.model.variant not in SANITY:
            _check_unit(experiment)
    except ExperimentError as error:
        raise ExperimentError(f"experiment {experiment.name}: {error}") from None


def _check_unit(experiment: Experiment) -> None:
    variant = find_variant(experiment.model)
    if variant.classifies == "subject" and experiment.imbalance.adds_feature_maps:
        raise ExperimentError(
            f"imbalance {experiment.imbalance.name} creates slices without a subject, but variant {variant.name} "
            "classifies subjects; use class_weights, oversampling or balanced_batches instead."
        )


def sanity_experiments(experiments: Sequence[Experiment]) -> list[Experiment]:
    """Return the sanity baselines of experiments: once for each set of images, protocol and backbone."""
    baselines: dict[str, Experiment] = {}
    for experiment in experiments:
        for baseline in _sanity_baselines(experiment):
            data = baseline.data  # the images and subjects are in no hash of settings
            same = f"{baseline.name}/{settings_hash(baseline)}/{data.source}/{data.kaggle}/{data.subjects}"
            seeds = {*baselines[same].seeds, *baseline.seeds} if same in baselines else baseline.seeds
            baselines[same] = baseline.model_copy(update={"seeds": sorted(seeds)})
    return list(baselines.values())


def _sanity_baselines(experiment: Experiment) -> list[Experiment]:
    base = Experiment(
        name="sanity",
        data=experiment.data,
        protocol=experiment.protocol,
        seeds=experiment.seeds,
        tracking=experiment.tracking,
        demo=experiment.demo,
        sanity=True,
    )
    baselines = [
        base.model_copy(
            update={
                "name": f"sanity-{name.replace('_', '-')}",
                "description": _as_phrase(SANITY[name].description),
                "model": ModelSettings(variant=name),
            }
        )
        for name in SANITY
        if SANITY[name].is_added and (not SANITY[name].needs or has_covariate(experiment.data, SANITY[name].needs))
    ]
    shuffled = base.model_copy(
        update={
            "name": "sanity-shuffled-labels",
            "description": "the baseline with labels shuffled among subjects: it can learn only to recognise subjects",
            "labels": "shuffled",
            "model": ModelSettings(variant="baseline", backbone=experiment.model.backbone),
            "train": TrainSettings(epochs=_SHUFFLED_EPOCHS, batch_size=64),
        }
    )
    return [*baselines, shuffled]


def _as_phrase(sentence: str) -> str:
    """Return a sentence without its first capital and its full stop, like the description of an experiment."""
    return sentence[:1].lower() + sentence[1:].removesuffix(".")
