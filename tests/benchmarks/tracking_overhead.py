"""Overhead of tracking a run of the baseline in W&B offline, measured in pairs of whole commands.

    python -m tests.benchmarks.tracking_overhead --data DIR [--pairs 3] [--epochs 50] [--protocol reference]

Each pair is one command with `tracking.wandb: disabled` and one with `offline`, which take turns in going first, on
feature maps that an earlier command has computed. It measures the wall-clock time, and the processor time of the
command and its processes, the client's included.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "baseline.yaml"


def main() -> None:
    """Run the pairs and print the overhead of offline tracking."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="phantom")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--protocol", default="reference")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:

        def measured(mode: str, epochs: int) -> tuple[float, float]:
            """Return wall-clock and processor seconds of one command."""
            assignments = {"protocol.name": options.protocol, "train.epochs": epochs, "tracking.wandb": mode}
            command = [sys.executable, "-m", "alzbench", "run", str(EXPERIMENT), "--data", options.data, "--quiet",
                       "--no-sanity", "--force", "--runs", f"{folder}/{mode}"]  # fmt: skip
            command += [f"--set={name}={value}" for name, value in assignments.items()]
            before, start_s = _processor_s(), time.monotonic()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "WANDB_SILENT": "true"})
            return time.monotonic() - start_s, _processor_s() - before

        measured("disabled", 1)
        ratios = []
        for number in range(options.pairs):
            order = ("disabled", "offline") if number % 2 == 0 else ("offline", "disabled")
            seconds = {mode: measured(mode, options.epochs) for mode in order}
            ratios.append([a / b for a, b in zip(seconds["offline"], seconds["disabled"], strict=True)])
            (wall, used), (plain_wall, plain_used) = seconds["offline"], seconds["disabled"]
            print(f"offline {wall:.1f} s, disabled {plain_wall:.1f} s; processor {used:.1f} s, {plain_used:.1f} s")
    for name, k in (("wall-clock time", 0), ("processor time", 1)):
        overheads = [100 * (pair[k] - 1) for pair in ratios]
        low, high = min(overheads), max(overheads)
        print(f"{name}: {statistics.median(overheads):+.1f} % (median; {low:+.1f} to {high:+.1f} %)")


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
