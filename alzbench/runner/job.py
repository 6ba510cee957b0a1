"""A job (one run as plain data), the context of its execution, and its outcome."""

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
        experiment: The experiment to run; its `seeds` are ignored.
        seed: The run's seed.
        fold: The fold that is tested; None for a protocol without folds.
        trial: Number of the trial, in the sweep with the name of the experiment; None if the run is not a trial. A
            trial never reads the test part.
        chosen_by: Hash of the nested sweep that chose the settings in this fold. The folds may have other settings, and
            are one experiment all the same; None if the settings are the experiment's own.
    """

    experiment: Experiment
    seed: int = Field(ge=0)
    fold: int | None = None
    trial: int | None = None
    chosen_by: str | None = None

    @property
    def title(self) -> str:
        """Experiment, trial, seed and fold, for people."""
        trial = "" if self.trial is None else f", trial {self.trial}"
        fold = "" if self.fold is None else f", fold {self.fold}"
        return f"{self.experiment.name}{trial}, seed {self.seed}{fold}"

    def restarts(self, force: bool) -> bool:
        """Return True if the job starts again even if its run is complete: if forced, but not for a sanity baseline."""
        return force and not self.experiment.sanity


@dataclass(frozen=True)
class Context:
    """Resources that the jobs of a command share on one machine.

    Attributes:
        images: The image sets, each opened when it is first needed.
        store: The run folders.
        progress: Display of progress.
        tracker: Follows each run.
        force: Repeat complete runs, except sanity baselines.
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
        state: `complete`; `stored`: it was complete before; `pruned`: the sweep stopped the trial;
            `left out`: a sanity baseline that does not fit the images; or `failed`.
        path: The run folder; None if the job failed, was pruned or left out.
        accuracy: Test accuracy; None if there is none, as for a trial.
        seconds: Duration of the job, from its split to its last file.
        preparation: Seconds of it in which what later runs share was computed, such as feature maps.
        error: The reason if there is no run folder.
    """

    job: Job
    state: Literal["complete", "stored", "pruned", "left out", "failed"]
    path: Path | None = None
    accuracy: float | None = None
    seconds: float = 0.0
    preparation: float = 0.0
    error: str = ""

    def run(self) -> Run:
        """Read the stored run; raises RunError with the reason if there is none."""
        if self.path is None:
            raise RunError(f"{self.job.title}: {self.error}")
        return read_run(self.path)

    @property
    def sentence(self) -> str:
        """The outcome, for people."""
        state = "already complete" if self.state == "stored" else self.state
        if self.state == "left out":  # for all seeds and folds alike
            return f"{self.job.experiment.name}: left out, because {self.error}"
        if self.path is None:
            return f"{self.job.title}: {state}: {self.error}"
        accuracy = "" if self.accuracy is None else f", test {ACCURACY.label} {ACCURACY.text(self.accuracy)}"
        return f"{self.job.title}: {state}{accuracy}, in {self.path}"
