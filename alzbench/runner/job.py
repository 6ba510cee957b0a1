"""Jobs: one run each as plain data, what is needed to execute them, and their outcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from alzbench.data.manifest import ImageSets
from alzbench.errors import RunError
from alzbench.evaluation.metrics import ACCURACY
from alzbench.experiment import Experiment
from alzbench.experiment.strict import StrictModel
from alzbench.progress import Progress
from alzbench.runner.tracker import Tracker
from alzbench.store import Run, RunStore, read_run


class Job(StrictModel):
    """One run, as plain data: it can be written as JSON, sent to another process, and executed there.

    Attributes:
        experiment: What is run; its `seeds` play no part.
        seed: The run's seed.
        fold: The fold that is tested; None for a protocol without folds.
        trial: Number of the trial in the sweep that is named as the experiment; None for a run that is no trial. The
            test part of a trial is never read.
    """

    experiment: Experiment
    seed: int = Field(ge=0)
    fold: int | None = None
    trial: int | None = None

    @property
    def title(self) -> str:
        """Experiment, trial, seed and fold, for people."""
        trial = "" if self.trial is None else f", trial {self.trial}"
        fold = "" if self.fold is None else f", fold {self.fold}"
        return f"{self.experiment.name}{trial}, seed {self.seed}{fold}"

    def restarts(self, force: bool) -> bool:
        """Return True if the job is run from its first epoch even if its run is complete: by force, but no baseline."""
        return force and not self.experiment.sanity


@dataclass(frozen=True)
class Context:
    """What the jobs of a command share on the machine that executes them.

    Attributes:
        images: The image sets, each opened when it is first needed.
        store: The run folders.
        progress: Where to report.
        tracker: Follows each run.
        force: Run complete runs again, except those of sanity baselines.
    """

    images: ImageSets
    store: RunStore
    progress: Progress
    tracker: Tracker | None = None
    force: bool = False


class Outcome(StrictModel):
    """The outcome of a job, as plain data: it can be written as JSON and sent back.

    Attributes:
        job: The job.
        state: `complete`; `stored`: it was complete before; `pruned`: the sweep gave the trial up; or `failed`.
        path: The run folder; None where the job failed or was pruned.
        accuracy: Of the test images; None where there is none.
        seconds: Duration of the job, from its split to its last file.
        error: The reason where it failed or was pruned.
    """

    job: Job
    state: Literal["complete", "stored", "pruned", "failed"]
    path: Path | None = None
    accuracy: float | None = None
    seconds: float = 0.0
    error: str = ""

    def run(self) -> Run:
        """Read the stored run; raises RunError with the reason where there is none."""
        if self.path is None:
            raise RunError(f"{self.job.title}: {self.error}")
        return read_run(self.path)

    @property
    def sentence(self) -> str:
        """The outcome, for people."""
        state = "complete already" if self.state == "stored" else self.state
        if self.path is None:
            return f"{self.job.title}: {state}: {self.error}"
        accuracy = "" if self.accuracy is None else f", test {ACCURACY.label} {ACCURACY.text(self.accuracy)}"
        return f"{self.job.title}: {state}{accuracy}, in {self.path}"
