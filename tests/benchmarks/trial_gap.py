"""The time from one head-only trial of a sweep to the next, beyond its own training, with features cached.

    python -m tests.benchmarks.trial_gap --data DIR [--trials 8] [--epochs 4]

What a trial costs beside its training: drawing its settings, its run folder, building its network, predicting and
scoring the validation part, and telling the storage. The first two trials are left out: they start TensorFlow and
compute what features are missing.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path

import yaml

from alzbench.experiment.loaded_sweep import load_sweep
from alzbench.progress import Progress
from alzbench.store import RunStore
from alzbench.sweep import Places, run_sweep

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
LEFT_OUT = 2


def main() -> None:
    """Run a sweep and print what lies between the trainings of its trials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="phantom")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gap.yaml"
        file.write_text(
            yaml.safe_dump(
                {
                    "base": str(EXPERIMENTS / "attention.yaml"),
                    "set": {"protocol.name": "subject"},
                    "trials": options.trials,
                    "space": {"train.lr": {"low": 1e-4, "high": 1e-2, "log": True},
                              "model.options.key_dim": {"choices": [64, 128]}},
                    "final": {"seeds": []},
                }
            )
        )  # fmt: skip
        settings = [f"train.epochs={options.epochs}", f"data.source={options.data}"]
        root = Path(folder) / "runs"
        places = Places(RunStore(root), None, Path(folder) / "best.yaml", Path(folder) / "page.html")
        run_sweep(load_sweep(file, settings), places, Progress(), quiet=True)
        gaps, trainings = _gaps(root)
    print(
        f"{len(gaps)} gaps between head-only trials of {options.epochs} epochs: median {statistics.median(gaps):.2f} s"
        f", longest {max(gaps):.2f} s, beside {statistics.median(trainings):.1f} s of training"
    )


def _gaps(root: Path) -> tuple[list[float], list[float]]:
    """Return the seconds between the ends of trials less the training of the later one, and the trainings."""
    ends = {}
    for run in RunStore(root).runs():
        training = run.metrics().duration_s["training"]
        ends[run.card.trial] = ((run.path / "metrics.json").stat().st_mtime, training)
    ordered = [ends[number] for number in sorted(ends, key=lambda number: number or 0)][LEFT_OUT - 1 :]
    pairs = list(itertools.pairwise(ordered))
    return [later[0] - earlier[0] - later[1] for earlier, later in pairs], [later[1] for _, later in pairs]


if __name__ == "__main__":
    main()
