"""Run the jobs of a command one after another, each in its own folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alzbench.errors import AlzbenchError, DataError, Interrupted, LeftOut, Pruned, describe_os_error
from alzbench.experiment import Experiment
from alzbench.models.user_file import blaming_files
from alzbench.runner.job import Context, Job, Outcome
from alzbench.runner.listeners import EpochListener
from alzbench.runner.plan import plan_jobs, sanity_experiments, stored_states, would_run
from alzbench.runner.recipe import run_job
from alzbench.runner.remaining import Remaining


def run_all(experiments: Sequence[Experiment], context: Context, *, sanity: bool = False) -> Iterator[Outcome]:
    """Run every seed and fold of every experiment and yield each outcome; a failed run does not stop the next.

    Args:
        experiments: The experiments, in order.
        context: Image sets, run folders, progress and tracker.
        sanity: Also run the sanity baselines, after the experiments.

    Raises:
        ExperimentError: An experiment is invalid; raised before any run starts.
        DataError: Images or weights are missing or unreadable.
    """
    yield from run_jobs(plan_jobs([*experiments, *(sanity_experiments(experiments) if sanity else [])]), context)


def run_and_say(experiments: Sequence[Experiment], context: Context, *, sanity: bool = False) -> list[Outcome]:
    """Run everything as `run_all` does, say each outcome, and return all of them."""
    outcomes: list[Outcome] = []
    said: set[str] = set()
    for outcome in run_all(experiments, context, sanity=sanity):
        outcomes.append(outcome)
        if outcome.state != "left out" or outcome.sentence not in said:  # it is the same for all seeds and folds
            context.progress.say(outcome.sentence)
        said.add(outcome.sentence)
    return outcomes


def failure_sentences(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a sentence for each failed run, and one for all of them; none if no run failed."""
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if not failed:
        return []
    last = f"{len(failed)} of {len(outcomes)} runs failed; the same command repeats only these."
    return [*(f"{outcome.job.title}: {outcome.error}" for outcome in failed), last]


def run_jobs(jobs: Sequence[Job], context: Context) -> Iterator[Outcome]:
    """Run checked jobs in order, as `run_all` does; raises DataError."""
    to_do = _to_do(jobs, context)
    remaining = Remaining([job.experiment for job in to_do])
    if context.tracker is not None:
        context.tracker.prepare([job.experiment for job in to_do])
    with context.progress.track("runs", len(to_do) if len(to_do) > 1 else 0, left=remaining.seconds) as advance:
        for job in jobs:
            outcome = execute(job, context)
            if outcome.state != "stored":
                own = outcome.seconds - outcome.preparation  # later runs do not prepare the same again
                remaining.finish(job.experiment, own if outcome.state == "complete" else None)
                advance(1)
            yield outcome


def _to_do(jobs: Sequence[Job], context: Context) -> list[Job]:
    """Return the jobs whose runs are not complete, as far as known before their images are read."""
    states = stored_states(jobs, context.store)
    return [job for job, state in zip(jobs, states, strict=True) if would_run(job, state, context.force)]


def execute(job: Job, context: Context, listeners: Sequence[EpochListener] = ()) -> Outcome:
    """Execute a job, see `run_job`; return a failure as an outcome if it need not affect other jobs.

    Raises:
        DataError: Images or weights are missing or unreadable.
    """
    context.images.open(job.experiment.data)  # a failure here affects the other jobs too
    try:
        with blaming_files():
            return run_job(job, context, listeners)
    except (DataError, Interrupted):
        raise
    except Pruned as error:
        return Outcome(job=job, state="pruned", error=str(error))
    except LeftOut as error:
        return Outcome(job=job, state="left out", error=str(error))
    except AlzbenchError as error:
        return Outcome(job=job, state="failed", error=str(error))
    except OSError as error:
        return Outcome(job=job, state="failed", error=describe_os_error(error))
