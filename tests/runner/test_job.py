"""Jobs and outcomes as plain data, and what becomes of a job that is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from alzbench.errors import DataError, Interrupted, Pruned, RunError
from alzbench.runner import Job, Outcome, execute, plan_jobs, settings_hash, stored_states
from alzbench.runner.plan import sanity_experiments, would_run
from tests.helpers.running import Tiny, make_context, run
from tests.helpers.stub_network import Stub

CHANGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "folds": {"protocol": {"name": "subject_cv", "folds": 3, "split_seed": 4}},
    "online": {"augment": {"views": "online"}},
    "options": {"model": {"variant": "attention", "options": {"key_dim": 32, "dropout": 0.5}}},
    "weights": {"imbalance": {"name": "class_weights", "weights": {"NonDemented": 1.0, "MildDemented": 2.0}}},
    "tuned": {"fine_tune": {"first_block": "block_16", "lr": 1e-6}, "train": {"patience": 3, "lr": 0.1}},
    "classes": {"data": {"classes": ("A", "B")}, "seeds": [3, 1]},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_job_survives_a_journey_as_json(tiny: Tiny, changes: dict[str, Any]) -> None:
    job = Job(experiment=tiny(**changes), seed=7, fold=2, trial=11)
    arrived = Job.model_validate_json(job.model_dump_json())
    assert arrived == job
    assert settings_hash(arrived.experiment) == settings_hash(job.experiment)


def test_the_jobs_of_sanity_baselines_survive_it_too(tiny: Tiny) -> None:
    jobs = plan_jobs(sanity_experiments([tiny(seeds=[0, 1])]))
    assert len(jobs) == 8
    assert [Job.model_validate_json(job.model_dump_json()) for job in jobs] == jobs


def test_a_job_is_frozen_and_takes_nothing_else(tiny: Tiny) -> None:
    job = Job(experiment=tiny(), seed=0)
    with pytest.raises(ValidationError, match="frozen"):
        job.seed = 1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Job(experiment=tiny(), seed=-1)
    with pytest.raises(ValidationError, match="Extra inputs"):
        Job.model_validate_json('{"seed": 0, "images": 1, "experiment": {"name": "a"}}')


def test_an_outcome_survives_a_journey_as_json(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    stub.fails = {"bad": RunError("odd")}
    complete, failed = run(tmp_path / "runs", tiny(), tiny(name="bad"))
    for outcome in (complete, failed):
        assert Outcome.model_validate_json(outcome.model_dump_json()) == outcome
    arrived = Outcome.model_validate_json(complete.model_dump_json())
    assert arrived.run().card == complete.run().card
    assert arrived.accuracy == complete.run().evaluation().images.scores["accuracy"] == 0.5
    with pytest.raises(RunError, match="bad, seed 0: odd"):
        failed.run()


def test_sentences_of_outcomes(tiny: Tiny, tmp_path: Path) -> None:
    job = Job(experiment=tiny(), seed=3, fold=1)
    folder = tmp_path / "x"
    sentences = [
        Outcome(job=job, state="complete", path=folder, accuracy=0.25).sentence,
        Outcome(job=job, state="stored", path=folder, accuracy=0.5).sentence,
        Outcome(job=job.model_copy(update={"trial": 4, "fold": None}), state="complete", path=folder).sentence,
        Outcome(job=job, state="failed", error="The disk is full.").sentence,
    ]
    assert sentences == [
        f"tiny, seed 3, fold 1: complete, test accuracy 25.00 %, in {folder}",
        f"tiny, seed 3, fold 1: already complete, test accuracy 50.00 %, in {folder}",
        f"tiny, trial 4, seed 3: complete, in {folder}",
        "tiny, seed 3, fold 1: failed: The disk is full.",
    ]


def test_a_job_that_travelled_is_executed_and_found_again(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    job = Job.model_validate_json(Job(experiment=tiny(), seed=2).model_dump_json())
    first = execute(job, make_context(tmp_path / "runs"))
    again = execute(Job(experiment=tiny(), seed=2), make_context(tmp_path / "runs"))
    assert (first.state, again.state) == ("complete", "stored")
    assert first.path == again.path
    assert (first.run().card.seed, stub.trained) == (2, [("tiny", 2)])


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (RunError("odd"), "failed", "odd"),
        (Pruned("worse than others"), "pruned", "worse than others"),
        (OSError(28, "No space left on device", "f"), "failed", "The disk is full (f)"),
    ],
)
def test_a_failure_is_an_outcome(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], error: Exception, state: str, text: str
) -> None:
    stub.fails = {"tiny": error}
    outcome = execute(Job(experiment=tiny(), seed=0), make_context(tmp_path / "runs"))
    assert (outcome.state, outcome.path, outcome.accuracy) == (state, None, None)
    assert outcome.error.startswith(text)


@pytest.mark.parametrize(
    "error", [DataError("no weights"), KeyboardInterrupt(), Interrupted("stop"), ValueError("a bug")]
)
def test_what_other_jobs_would_meet_as_well_is_raised(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], error: BaseException
) -> None:
    stub.fails = {"tiny": error}
    with pytest.raises(type(error)):
        execute(Job(experiment=tiny(), seed=0), make_context(tmp_path / "runs"))


def test_images_that_cannot_be_read_are_no_failure_of_one_job(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied", "images")

    monkeypatch.setattr("alzbench.data.manifest.open_image_set", refuse)
    with pytest.raises(PermissionError):
        execute(Job(experiment=tiny(), seed=0), make_context(tmp_path / "runs"))
    assert stub.trained == []


def test_force_spares_sanity_baselines(tiny: Tiny) -> None:
    job, baseline = (Job(experiment=tiny(sanity=sanity), seed=0) for sanity in (False, True))
    assert [job.restarts(force) for force in (False, True)] == [False, True]
    assert not baseline.restarts(force=True)
    assert [would_run(job, state, False) for state in (None, "failed", "interrupted", "complete")] == [True] * 3 + [
        False
    ]
    assert would_run(job, "complete", True)
    assert not would_run(baseline, "complete", True)


def test_jobs_are_planned_by_experiment_then_seed_then_fold(tiny: Tiny) -> None:
    folds = {"name": "subject_cv", "folds": 2}
    jobs = plan_jobs([tiny(name="b", seeds=[1, 0]), tiny(name="a", seeds=[5, 6], protocol=folds)], trial=3)
    assert [(job.experiment.name, job.seed, job.fold) for job in jobs] == [
        ("b", 1, None), ("b", 0, None), ("a", 5, 0), ("a", 5, 1), ("a", 6, 0), ("a", 6, 1),
    ]  # fmt: skip
    assert {job.trial for job in jobs} == {3}


def test_stored_states_are_those_of_the_same_settings_and_seed(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    stub.fails = {"b": RunError("odd")}
    context = make_context(tmp_path / "runs")
    run(tmp_path / "runs", tiny(name="a"), tiny(name="b"))
    jobs = plan_jobs([tiny(name="a", seeds=[0, 1]), tiny(name="b"), tiny(name="a", train={"epochs": 9})])
    assert stored_states(jobs, context.store) == ["complete", None, "failed", None]
