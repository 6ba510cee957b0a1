"""What a comparison of many stored runs costs: seconds and peak memory of `alzbench compare`, as one process.

    python -m tests.benchmarks.compare_speed [--runs 1000]

The runs are drawn: 200 subjects of 32 slices each, four classes, five seeds an experiment.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from alzbench.evaluation.subject_counts import SubjectCounts
from tests.test_store import CARD, make_metrics

CLASSES, SUBJECTS, SLICES, SEEDS = ("Non", "VeryMild", "Mild", "Moderate"), 200, 32, 5


def main() -> None:
    """Draw the runs, compare them, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        for number in range(options.runs):
            write(Path(folder), f"experiment-{number // SEEDS:05d}", number % SEEDS, rng)
        start = time.monotonic()
        command = [sys.executable, "-m", "alzbench", "compare", "--runs", folder, "--csv", f"{folder}/table.csv"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - start
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{options.runs:,} runs of {options.runs // SEEDS:,} experiments: {seconds:.2f} s, {memory:.2f} GiB")


def write(root: Path, experiment: str, seed: int, rng: np.random.Generator) -> None:
    """Write a complete run."""
    labels = np.arange(SUBJECTS) % len(CLASSES)
    right = rng.binomial(SLICES, rng.beta(4, 2, SUBJECTS))
    counts = np.zeros((SUBJECTS, len(CLASSES), len(CLASSES)), np.int64)
    counts[np.arange(SUBJECTS), labels, labels] = right
    counts[np.arange(SUBJECTS), labels, (labels + 1) % len(CLASSES)] += SLICES - right
    answers = np.where(2 * right > SLICES, labels, (labels + 1) % len(CLASSES))
    names = tuple(f"subject-{k:03d}" for k in range(SUBJECTS))
    path = root / experiment / f"seed-{seed}-h"
    path.mkdir(parents=True)
    card = replace(CARD, experiment=experiment, settings=experiment, seed=seed, hash="h", state="complete")
    accuracy = float(right.sum() / SUBJECTS / SLICES)
    (path / "state.json").write_text(json.dumps(asdict(card)))
    metrics = make_metrics(accuracy, [accuracy] * len(CLASSES), CLASSES, SUBJECTS * SLICES)
    (path / "metrics.json").write_text(json.dumps(metrics))
    subjects = SubjectCounts("subject", names, counts, labels, answers)
    (path / "subjects.json").write_text(json.dumps(subjects.to_json()))


if __name__ == "__main__":
    main()
