"""The cost of comparing many stored runs: seconds and peak memory of `alzbench compare`, as one process.

    python -m tests.benchmarks.compare_speed [--runs 1000] [--shape one|folds|unknown] [--repeat 1]

The runs are drawn at random: 200 subjects of 32 slices each, four classes, five seeds an experiment. Shapes: `one` run
a seed; `folds`: five runs a seed, which are pooled; `unknown` subjects, so that each image is resampled. The first
experiments, whose predictions are read for files, have them; thousands of such files would be gigabytes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from alzbench.compare.predictions import MOST_SIDE_BY_SIDE
from alzbench.evaluation.subject_counts import SubjectCounts
from tests.helpers.runs import CARD, make_metrics

CLASSES, SUBJECTS, SLICES, SEEDS, FOLDS = ("Non", "VeryMild", "Mild", "Moderate"), 200, 32, 5, 5


def main() -> None:
    """Draw the runs, compare them, and print the cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--shape", choices=("one", "folds", "unknown"), default="one")
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        for number in range(options.runs):
            draw(Path(folder), number, options.shape, rng)
        for what, more in (("table", []), ("table and CSV", ["--csv", f"{folder}/table.csv"])):
            for _ in range(options.repeat):
                print(f"{options.runs:,} runs ({options.shape}), {what}: {measure(folder, more)}", flush=True)


def measure(folder: str, more: Sequence[str]) -> str:
    """Compare the runs of a folder, and return the cost."""
    command = [sys.executable, "-m", "alzbench", "compare", "--runs", folder, *more]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return f"wall {wall:.2f} s, cpu {cpu:.2f} s (ratio {wall / cpu:.2f}), peak {after.ru_maxrss / 2**20:.2f} GiB"


def draw(root: Path, number: int, shape: str, rng: np.random.Generator) -> None:
    """Write a run of a shape."""
    if shape == "folds":
        name, seed = f"experiment-{number // (SEEDS * FOLDS):05d}", number // FOLDS % SEEDS
        write(root, name, seed, rng, fold=number % FOLDS)
    else:
        write(root, f"experiment-{number // SEEDS:05d}", number % SEEDS, rng, known=shape == "one")


def write(
    root: Path, experiment: str, seed: int, rng: np.random.Generator, *, fold: int | None = None, known: bool = True
) -> None:
    """Write a complete run: of all subjects, or of those of a fold; with each image on its own where not `known`."""
    numbers = np.arange(SUBJECTS) if fold is None else np.arange(SUBJECTS)[fold::FOLDS]
    labels = numbers // FOLDS % len(CLASSES)
    slices = SLICES if known else 1
    if not known:
        numbers, labels = np.arange(SUBJECTS * SLICES), np.repeat(labels, SLICES)
    n = len(numbers)
    right = rng.binomial(slices, rng.beta(4, 2, n))
    counts = np.zeros((n, len(CLASSES), len(CLASSES)), np.int64)
    counts[np.arange(n), labels, labels] = right
    counts[np.arange(n), labels, (labels + 1) % len(CLASSES)] += slices - right
    predicted = np.where(2 * right > slices, labels, (labels + 1) % len(CLASSES))
    names = tuple(f"subject-{k:03d}" for k in numbers)
    path = root / experiment / f"seed-{seed}-{'' if fold is None else f'fold-{fold}-'}h"
    path.mkdir(parents=True)
    folds = {"fold": fold, "folds": 1 if fold is None else FOLDS, "test": f"t{fold}"}
    changes = {"experiment": experiment, "settings_hash": experiment, "seed": seed, "hash": "h", "state": "complete"}
    card = CARD.model_copy(update={**changes, **folds})
    accuracy = float(right.sum() / n / slices)
    (path / "state.json").write_text(card.model_dump_json())
    metrics = make_metrics(accuracy, [accuracy] * len(CLASSES), CLASSES, n * slices)
    if known:
        scores = {**metrics["test"], "n": n, "accuracy": float((predicted == labels).mean())}
        two_way = {"accuracy": accuracy, "roc_auc": accuracy}
        metrics["test_by_subject"] = {"subjects": n, "mean": scores, "vote": scores, "demented": two_way}
    (path / "metrics.json").write_text(json.dumps(metrics))
    healthy = np.where(predicted == 0, 0.6, 0.2)
    subjects = SubjectCounts("subject" if known else "image", names, counts, labels, predicted, healthy, predicted)
    (path / "subjects.json").write_text(json.dumps(subjects.to_json()))
    if int(experiment.rsplit("-", 1)[1]) < MOST_SIDE_BY_SIDE:
        write_predictions(path, subjects, rng)


def write_predictions(path: Path, subjects: SubjectCounts, rng: np.random.Generator) -> None:
    """Write predictions with the counts of a run."""
    cluster, label, predicted = np.repeat(np.argwhere(subjects.counts), subjects.counts[subjects.counts > 0], axis=0).T
    shares = rng.dirichlet(np.ones(len(CLASSES)), len(cluster))
    shares[np.arange(len(cluster)), predicted] += 1
    shares /= shares.sum(1, keepdims=True)
    names, classes = np.array(subjects.names), np.array(CLASSES)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(len(cluster))], "subject": names[cluster], "slice": ""})
    table["subject"] = table["subject"] if subjects.by == "subject" else ""
    table["label"], table["predicted"] = classes[label], classes[predicted]
    table = table.assign(**{f"p_{name}": shares[:, k] for k, name in enumerate(CLASSES)})
    table.to_csv(path / "predictions.csv", index=False)


if __name__ == "__main__":
    main()
