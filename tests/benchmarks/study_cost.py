"""What a study costs, against the same runs done notebook style, both measured side by side on a part and scaled up.

    python -m tests.benchmarks.study_cost --data DIR [--images 2048] [--steps 16]

Notebook style: `ImageDataGenerator` reads, augments and feeds the images, and the whole model, frozen layers included,
runs in every step of every epoch of every run. alzbench: feature maps are computed once, and a run trains what is not
frozen. Both take turns, so that whatever else the machine does meets both. Weights are random: they cost the same.

Scaled up are: an epoch, by images; what is done once (decoding, subjects, feature maps), by images; prediction, by
images; SMOTE's search, by the square of the images, as it compares all pairs. Start and end of a run stay as they are.
SMOTE cannot be fed by a generator, so its notebook runs count as the baseline's.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alzbench.data.folder import list_folder
from alzbench.data.manifest import ImageSets, open_image_set
from alzbench.experiment import Experiment
from alzbench.models.backend import start_backend
from alzbench.progress import Progress
from alzbench.runner import Context, run_all
from alzbench.store import Run, RunStore

SEEDS, EPOCHS, TUNING_EPOCHS, BATCH, PART_EPOCHS = 5, 50, 10, 64, 4
VARIANTS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "attention": {"model": {"variant": "attention"}},
    "multi-head": {"model": {"variant": "multi_head_attention"}},
    "class_weighted": {"imbalance": {"name": "class_weights"}},
    "smote": {"imbalance": {"name": "smote"}},
    "focal": {"train": {"loss": "focal"}},
    "fine_tuned": {"fine_tune": {"epochs": PART_EPOCHS, "lr": 1e-5}},
}
_AUGMENT = {"views": 4, "rotation": 10.0, "shift": 0.1, "zoom": 0.1, "horizontal_flip": True}


@dataclass(frozen=True)
class Part:
    """A part of the set, `share` of the whole, and how many images the whole has for each use."""

    folder: Path
    share: float
    training_images: int
    validation_images: int
    test_images: int


@dataclass(frozen=True)
class Seconds:
    """What one run costs on the whole set.

    Attributes:
        once: What later runs find done.
        each: The rest, with all its epochs.
    """

    once: float
    each: float


def main() -> None:
    """Measure, scale up, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder laid out as the Kaggle set")
    parser.add_argument("--images", type=int, default=2048, help="augmented images of the part")
    parser.add_argument("--steps", type=int, default=16, help="steps of 64 images of each notebook-style training")
    options = parser.parse_args()
    start_backend()
    importlib.import_module("imblearn.over_sampling")  # seconds that have nothing to do with images
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ALZBENCH_CACHE"] = str(Path(folder) / "cache")
        part = link_part(options.data, Path(folder) / "part", options.images)
        start = time.monotonic()
        open_image_set(experiment("baseline", part).data, Progress())
        opening = (time.monotonic() - start) / part.share
        notebook: dict[str, float] = {}
        ours: dict[str, Seconds] = {}
        for name in VARIANTS:
            notebook[name] = notebook_seconds(name, part, options.steps)
            ours[name] = our_seconds(name, part, Path(folder) / "runs")
            print(f"{name}: notebook style {notebook[name]:,.0f} s a run, here {ours[name].each:,.0f} s", flush=True)
    report(notebook, ours, opening)


def report(notebook: dict[str, float], ours: dict[str, Seconds], opening: float) -> None:
    """Print the cost of the study of the six heads, and of one fine-tuned run with nothing cached."""
    heads = [name for name in VARIANTS if name != "fine_tuned"]
    theirs = SEEDS * sum(notebook[name] for name in heads)
    once = opening + sum(ours[name].once for name in heads)
    total = once + SEEDS * sum(ours[name].each for name in heads)
    print(f"{len(heads)} variants, {SEEDS} seeds, {EPOCHS} epochs: notebook style {theirs / 3600:.1f} h, here ", end="")
    print(f"{total / 3600:.2f} h, of which {once / 3600:.2f} h once: {theirs / total:.1f} times cheaper")
    tuned = opening + ours["baseline"].once + ours["fine_tuned"].once + ours["fine_tuned"].each
    print(f"fine_tuned alone, one seed, {EPOCHS} and {TUNING_EPOCHS} epochs, nothing cached: ", end="")
    print(f"{notebook['fine_tuned']:,.0f} s and {tuned:,.0f} s: {notebook['fine_tuned'] / tuned:.1f} times cheaper")


def link_part(data: Path, folder: Path, images: int) -> Part:
    """Link a random part of a set into a folder of the same layout."""
    files = list_folder(data).files
    counts = files["part"].value_counts()
    share = images / int(counts["augmented"])
    chosen = files.sample(frac=share, random_state=0)
    for row in chosen.itertuples():
        place = folder / str(row.image)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(Path(str(row.path)).resolve())
    whole = {name: int(counts[name]) for name in ("augmented", "original")}
    validation = round(0.2 * whole["augmented"])
    return Part(folder, len(chosen) / len(files), whole["augmented"] - validation, validation, whole["original"])


def experiment(name: str, part: Part | None) -> Experiment:
    """Return the experiment of a variant on a part of the set."""
    changes = VARIANTS[name]
    values = {
        "name": name,
        "data": {"source": str(part.folder) if part else "kaggle"},
        "augment": _AUGMENT,
        **changes,
        "model": {"backbone": {"weights": "none"}, **changes.get("model", {})},
        "train": {"epochs": PART_EPOCHS, "batch_size": BATCH, **changes.get("train", {})},
    }
    return Experiment.model_validate(values)


def our_seconds(name: str, part: Part, runs: Path) -> Seconds:
    """Run an experiment on the part, and return what it would cost on the whole set."""
    context = Context(ImageSets(Progress()), RunStore(runs), Progress())
    (outcome,) = run_all([experiment(name, part)], context)
    if outcome.path is None:
        raise SystemExit(f"{name} failed: {outcome.error}")
    run = outcome.run()
    durations = run.metrics().duration_s
    epochs = _epoch_seconds(run)
    training = EPOCHS * epochs[0] + (TUNING_EPOCHS * epochs[1] if len(epochs) > 1 else 0.0)
    history = run.table("history.csv")["duration_s"].sum()
    before = durations["training"] - PART_EPOCHS * sum(epochs)  # building, compiling, and SMOTE's search
    search = max(0.0, durations["training"] - history) if name == "smote" else 0.0
    fixed = before - search + durations["evaluation"]
    each = training / part.share + fixed + search / part.share**2 + durations["prediction"] / part.share
    return Seconds(durations["features"] / part.share, each)


def _epoch_seconds(run: Run) -> list[float]:
    """Return the seconds of an epoch of each stage, without the first, in which the step is compiled."""
    history = run.table("history.csv")
    stages = [history] if "stage" not in history else [rows for _, rows in history.groupby("stage", sort=False)]
    return [statistics.median(rows["duration_s"].iloc[1:]) for rows in stages]


def notebook_seconds(name: str, part: Part, steps: int) -> float:
    """Train the whole model for some steps from a generator, and return what all epochs would cost."""
    training, validation = _generators(part.folder)
    total = 0.0
    for tuned, epochs in ((False, EPOCHS), (True, TUNING_EPOCHS if name == "fine_tuned" else 0)):
        if not epochs:
            continue
        model = _whole_model(name, tuned)
        model.fit(training, steps_per_epoch=2, epochs=1, verbose=0)
        model.evaluate(validation, steps=2, verbose=0)
        start = time.monotonic()
        model.fit(training, steps_per_epoch=steps, epochs=1, verbose=0, **_class_weight(name))
        a_step = (time.monotonic() - start) / steps
        start = time.monotonic()
        model.evaluate(validation, steps=max(2, steps // 4), verbose=0)
        a_test_step = (time.monotonic() - start) / max(2, steps // 4)
        total += epochs * (part.training_images * a_step + part.validation_images * a_test_step) / BATCH
    return total + part.test_images * a_test_step / BATCH


def _class_weight(name: str) -> dict[str, Any]:
    return {"class_weight": {0: 0.8, 1: 0.9, 2: 1.0, 3: 1.3}} if name == "class_weighted" else {}


def _generators(folder: Path) -> tuple[Any, Any]:
    import tensorflow as tf

    # what notebooks use; Keras itself has deprecated it
    generator = tf.keras.preprocessing.image.ImageDataGenerator(
        rescale=1 / 255, rotation_range=10, width_shift_range=0.1, height_shift_range=0.1, zoom_range=0.1,
        horizontal_flip=True, validation_split=0.2,
    )  # fmt: skip
    where = folder / "AugmentedAlzheimerDataset"
    arguments = {"target_size": (128, 128), "batch_size": BATCH, "class_mode": "sparse"}
    return tuple(
        generator.flow_from_directory(where, subset=subset, **arguments) for subset in ("training", "validation")
    )  # type: ignore[return-value]


def _whole_model(name: str, tuned: bool) -> Any:
    """Return the compiled model from pixels to logits, of which only what training changes is trainable."""
    import keras

    from alzbench.experiment import BackboneSettings, DataSettings
    from alzbench.models.classifier import build_head, join_suffix
    from alzbench.models.prefix import build_prefix, build_suffix
    from alzbench.training.losses import make_loss

    chosen, backbone, data = experiment(name, None), BackboneSettings(weights="none"), DataSettings(channels=3)
    until = "block_14" if tuned else None
    prefix = build_prefix(backbone, data, until)
    network = build_head(chosen.model, build_prefix(backbone, data).shape, len(data.classes), "float32", 0)
    if tuned:
        network = join_suffix(build_suffix(backbone, data, "block_14"), network)
    pixels = keras.Input(prefix.model.input_shape[1:])
    model = keras.Model(pixels, network(keras.ops.cast(prefix.model(pixels), "float16")))
    model.compile("adam", loss=make_loss(chosen.train), metrics=["accuracy"], jit_compile=False)
    return model


if __name__ == "__main__":
    main()
