"""Throughput of `alzbench predict`, from files, next to Keras's `model.predict` on the same images, already decoded.

    python -m tests.benchmarks.predict_speed --run RUN --images FOLDER

Both are measured in turn in one process, so that what else the machine does slows both. If the folder holds the run's
test images, the probabilities of all of them are compared with the run's own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from alzbench.evaluation.predictions import class_names, probabilities
from alzbench.inference.inputs import Inputs, SliceChoice, decode_file, find_inputs
from alzbench.inference.predict import predict
from alzbench.inference.profile import read_profile
from alzbench.inference.trained import TrainedRun, open_trained_run
from alzbench.progress import Progress
from alzbench.store import read_run

REQUIRED = 3.0  # times as fast
AGREEMENT = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of a stored run that classifies images")
    parser.add_argument("--images", type=Path, required=True, help="folder of images")
    parser.add_argument("--count", type=int, default=640, help="images of each measurement")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    trained = open_trained_run(read_run(arguments.run))
    inputs = find_inputs([arguments.images], SliceChoice(), Progress())
    files = inputs.files[:: max(1, len(inputs.files) // arguments.count)][: arguments.count]
    print(f"{trained.run.name}, extractor {trained.extractor.name}, {len(files)} images in each measurement")
    measure(trained, Inputs(files, inputs.bad), arguments.repeats)
    compare(trained, inputs)


def measure(trained: TrainedRun, inputs: Inputs, repeats: int) -> None:
    """Print the rate of both in each repetition, and the median of their ratios."""
    model, joined = trained.model, trained.model.joined()
    decoded = [image for file in inputs.files for image in decode_file(file, model.size, model.channels)]
    pixels = np.stack([image.pixels for image in decoded]).astype(np.float32)
    profile = read_profile(trained.run.path)
    for _ in range(2):  # both trace and allocate in their first calls
        joined.predict(pixels[:128], verbose=0)
        predict(trained, Inputs(inputs.files[:128], inputs.bad), Progress(), profile)
    ratios, cpu_ratios = [], []
    for _ in range(repeats):
        ours, our_cpu = timed(lambda: predict(trained, inputs, Progress(), profile), len(pixels))
        theirs, their_cpu = timed(lambda: joined.predict(pixels, verbose=0), len(pixels))
        ratios.append(ours / theirs)
        cpu_ratios.append(their_cpu / our_cpu)
        print(
            f"predict from files {ours:6.0f} images/s ({our_cpu:.2f} ms of processor time each)   model.predict "
            f"{theirs:6.0f} images/s ({their_cpu:.2f} ms)   {ratios[-1]:.2f} times"
        )
    median = statistics.median(ratios)
    print(
        f"median {median:.2f} times as fast ({statistics.median(cpu_ratios):.2f} times by processor time); required: "
        f"{REQUIRED} times, {'met' if median >= REQUIRED else 'MISSED'}"
    )


def timed(work: Callable[[], object], images: int) -> tuple[float, float]:
    """Return the images per second of some work, and its processor time per image in milliseconds."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return images / (time.perf_counter() - start), (time.process_time() - cpu) / images * 1000


def compare(trained: TrainedRun, inputs: Inputs) -> None:
    """Print the largest difference from the run's own probabilities, over its test images in the folder."""
    own = trained.run.predictions()
    start = time.perf_counter()
    table = predict(trained, inputs, Progress()).images
    seconds = time.perf_counter() - start
    names = own["image"].map(_ending).to_numpy()
    keyed = table.assign(key=table["image"].map(_ending))
    both = pd.merge(keyed, own.assign(key=names), on="key", suffixes=("", "_run"))
    columns = [f"p_{name}" for name in class_names(own)]
    ours = both[columns].to_numpy()
    theirs = both[[f"{name}_run" for name in columns]].to_numpy()
    difference = float(np.abs(ours - theirs).max()) if len(both) else float("nan")
    print(
        f"{len(table):,} images in {seconds:.1f} s ({len(table) / seconds:.0f} images/s); largest difference from the "
        f"run's own probabilities over {len(both):,} test images: {difference:.2g}, required: {AGREEMENT:g}, "
        f"{'met' if difference <= AGREEMENT else 'MISSED'}"
    )
    assert np.allclose(probabilities(table.drop(columns="warning")).sum(axis=1), 1)


def _ending(name: str) -> str:
    return "/".join(Path(name).parts[-2:])


if __name__ == "__main__":
    main()
