"""Running experiments: every seed and fold, each into a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alzbench import atomic
from alzbench.data.leakage import measure_leakage
from alzbench.data.manifest import ImageSet, ImageSets
from alzbench.data.protocols import split_of_run
from alzbench.errors import AlzbenchError, DataError, describe_os_error
from alzbench.evaluation.metrics import score
from alzbench.evaluation.predictions import make_table
from alzbench.evaluation.sanity import SANITY
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.evaluation.subjects import score_subjects
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.runner.network import NetworkRun
from alzbench.runner.plan import make_card, planned_runs, resolved_yaml, sanity_experiments
from alzbench.runner.remaining import Remaining
from alzbench.runner.tracker import Tracker, begin_tracked
from alzbench.seeds import derive
from alzbench.store import Run, RunStore, RunWriter, read_run


@dataclass(frozen=True)
class Outcome:
    """What became of one run.

    Attributes:
        experiment, seed, fold: Which run; fold is None for a protocol without folds.
        state: `complete`, `found` (it was complete before) or `failed`.
        run: The stored run; None where it failed.
        error: Why it failed.
    """

    experiment: str
    seed: int
    fold: int | None
    state: str
    run: Run | None
    error: str = ""

    @property
    def title(self) -> str:
        """Experiment, seed and fold, for people."""
        return f"{self.experiment}, seed {self.seed}" + ("" if self.fold is None else f", fold {self.fold}")

    @property
    def sentence(self) -> str:
        """What became of it, for people."""
        if self.run is None:
            return f"{self.title}: {self.state}: {self.error}"
        accuracy = self.run.metrics["test"]["accuracy"]
        state = "complete already" if self.state == "found" else self.state
        return f"{self.title}: {state}, test accuracy {100 * accuracy:.2f} %, in {self.run.path}"


def run_all(
    experiments: Sequence[Experiment],
    store: RunStore,
    progress: Progress,
    *,
    force: bool = False,
    quiet: bool = False,
    sanity: bool = False,
    tracker: Tracker | None = None,
) -> Iterator[Outcome]:
    """Run every seed and fold of every experiment and yield each outcome; a failed run does not stop the next.

    Args:
        experiments: What to run, in order.
        store: Where run folders lie.
        progress: Where to report.
        force: Run again what is complete.
        quiet: Keep libraries quiet too.
        sanity: Run the sanity rows that belong beside the experiments, after them.
        tracker: Follows each run.

    Raises:
        ExperimentError: An experiment is wrong; found before anything is run.
        DataError: Images or weights are missing or unreadable.
    """
    everything = [*experiments, *(sanity_experiments(experiments) if sanity else [])]
    to_do = _to_do(everything, store, force)
    remaining = Remaining(to_do)
    if tracker is not None:
        tracker.prepare(to_do)
    image_sets = ImageSets(progress, quiet)
    with progress.track("runs", len(to_do) if len(to_do) > 1 else 0, left=remaining.seconds) as advance:
        for experiment in everything:
            images = image_sets.open(experiment.data)
            for seed in experiment.seeds:
                for fold in experiment.protocol.test_folds:
                    start = time.monotonic()
                    anew = force and not experiment.sanity
                    outcome = _run_one(experiment, seed, fold, images, store, progress, anew, tracker)
                    if outcome.state != "found":
                        remaining.finish(experiment, time.monotonic() - start if outcome.run else None)
                        advance(1)
                    yield outcome


def _to_do(experiments: Sequence[Experiment], store: RunStore, force: bool) -> list[Experiment]:
    """Return the experiment of each run that is not complete; which images are there is not known yet."""
    return [
        run.experiment
        for run in planned_runs(experiments, store)
        if run.stored != "complete" or (force and not run.experiment.sanity)
    ]


def _run_one(
    experiment: Experiment,
    seed: int,
    fold: int | None,
    images: ImageSet,
    store: RunStore,
    progress: Progress,
    force: bool,
    tracker: Tracker | None,
) -> Outcome:
    try:
        state, run = _execute(experiment, seed, fold, images, store, progress, force, tracker)
    except DataError:
        raise
    except AlzbenchError as error:
        return Outcome(experiment.name, seed, fold, "failed", None, str(error))
    except OSError as error:
        return Outcome(experiment.name, seed, fold, "failed", None, describe_os_error(error))
    return Outcome(experiment.name, seed, fold, state, run)


def _execute(
    experiment: Experiment,
    seed: int,
    fold: int | None,
    images: ImageSet,
    store: RunStore,
    progress: Progress,
    force: bool,
    tracker: Tracker | None,
) -> tuple[str, Run]:
    split = split_of_run(images.manifest, experiment.protocol, seed, fold)
    card = make_card(experiment, seed, fold, images, split)
    title = Outcome(experiment.name, seed, fold, "running", None).title
    if not force and (found := store.find_complete(card)):
        return "found", found
    progress.say(f"{title}: {_count(split, images.classes)}")
    if experiment.labels == "shuffled":
        split = _shuffle_labels(split, images, derive(seed, "labels"))
    network = None
    if experiment.model.variant not in SANITY:
        network = NetworkRun(experiment, seed, images, split, progress)
        network.prepare()
    with begin_tracked(store, card, tracker, experiment, images, anew=force) as writer:
        _work(experiment, images, split, network, writer)
    return "complete", read_run(writer.path)


def _work(
    experiment: Experiment, images: ImageSet, split: pd.DataFrame, network: NetworkRun | None, writer: RunWriter
) -> None:
    """Write everything that belongs into the run folder."""
    from alzbench.environment import describe_environment
    from alzbench.evaluation import figures

    atomic.write_text(writer.path / "experiment.yaml", resolved_yaml(experiment))
    writer.write_json("environment.json", describe_environment())
    writer.write_table("split.csv", split)
    if experiment.model.file is not None:
        atomic.write_text(writer.path / "variant.py", Path(experiment.model.file).read_text(encoding="utf-8"))
    if len(images.skipped):
        writer.write_table("skipped.csv", images.skipped)
    if network:
        tables, notes = network.predictions(writer)
        seconds = network.seconds
    else:
        start = time.monotonic()
        tables, notes = _sanity_predictions(experiment, images, split), {}
        seconds = {"answers": round(time.monotonic() - start, 3)}
    start = time.monotonic()
    writer.write_table("predictions_val.csv", tables["validation"])
    writer.write_table("predictions.csv", tables["test"])
    scores = {part: score(table) for part, table in tables.items()}
    title = f"{experiment.name}, seed {writer.card.seed}, {experiment.protocol.name} protocol"
    figures.save(figures.confusion_figure(scores["test"], title), writer.path / "figures" / "confusion.png")
    by_subject = score_subjects(tables["test"])
    writer.write_json("subjects.json", count_subjects(tables["test"]).to_json(), indent=None)
    seconds["evaluation"] = round(time.monotonic() - start, 3)
    writer.write_json(
        "metrics.json",
        {
            **scores,
            "test_by_subject": by_subject,
            **notes,
            "protocol": writer.card.protocol,
            "leaks": writer.card.leaks,
            "leakage": asdict(measure_leakage(split)),
            "images": {str(part): int(n) for part, n in split["part"].value_counts().items()},
            "skipped_images": len(images.skipped),
            "duration_s": seconds,
        },
    )
    writer.forget_checkpoints()


def _sanity_predictions(experiment: Experiment, images: ImageSet, split: pd.DataFrame) -> dict[str, pd.DataFrame]:
    answer = SANITY[experiment.model.variant].function

    def pixels_of(rows: pd.DataFrame) -> Any:
        return images.pixels.take(rows.index.to_numpy())

    training = split[split["part"] == "train"]
    tables = {}
    for part in ("validation", "test"):
        rows = split[split["part"] == part]
        labels = training["label"].to_numpy()
        probabilities = answer(pixels_of(training), labels, pixels_of(rows), len(images.classes))
        tables[part] = make_table(rows, probabilities, images.classes)
    return tables


def _shuffle_labels(split: pd.DataFrame, images: ImageSet, seed: int) -> pd.DataFrame:
    """Give each subject the label of another, as Yagis et al. 2021 did (doi 10.1038/s41598-021-01681-w).

    All slices of a subject, augmented ones too, keep a label in common, so a network that recognises subjects can learn
    it, and one that must judge unseen subjects cannot. Images of unknown subjects are shuffled one by one.
    """
    groups = split["subject"].where(split["subject"] != "", images.manifest["image"].loc[split.index])
    labels = split["label"].groupby(groups).agg(lambda values: values.value_counts().index[0])
    shuffled = dict(zip(labels.index, np.random.default_rng(seed).permutation(labels.to_numpy()), strict=True))
    return split.assign(label=groups.map(shuffled).astype(int))


def _count(split: pd.DataFrame, classes: Sequence[str]) -> str:
    counts = split["part"].value_counts()
    text = ", ".join(f"{counts.get(part, 0):,} {part}" for part in ("train", "validation", "test")) + " images"
    tested = set(split.loc[split["part"] == "test", "label"])
    missing = [name for label, name in enumerate(classes) if label not in tested]
    return f"{text}; {', '.join(missing)} cannot be tested here" if missing else text
