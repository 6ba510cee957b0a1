"""Explain runs: choose test images, compute the maps, check them, and store everything in the folders of the runs."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.images import read_image
from alzbench.data.manifest import ImageSet, ImageSets
from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.predictions import with_confidence
from alzbench.explain.attention_maps import attention_weights, slice_weights
from alzbench.explain.inputs import Inputs, Maps
from alzbench.explain.methods import METHODS
from alzbench.explain.overlay import overlay
from alzbench.explain.select import choose
from alzbench.inference.trained import TrainedRun
from alzbench.progress import Progress
from alzbench.store.explanation import (
    Check,
    Contents,
    Explanation,
    ExplanationWriter,
    read_explanation,
    relative_maps,
    writing_explanation,
)
from alzbench.training.features import Features


@dataclass(frozen=True)
class Explained:
    """A run whose maps are computed and not yet stored.

    Attributes:
        trained: The run.
        images: Its image set.
        rows: The explained images: image, subject, slice, label, predicted, confidence, group, and position (in the
            manifest).
        inputs: The same images for the methods.
        maps: The maps of each method.
        seconds: Step -> time.
    """

    trained: TrainedRun
    images: ImageSet
    rows: pd.DataFrame
    inputs: Inputs
    maps: Mapping[str, Maps]
    seconds: dict[str, float] = field(default_factory=dict)


# (a run, progress) -> the checks of its maps
RunChecks = Callable[[Explained, Progress], list[Check]]


def explain_runs(
    runs: Sequence[TrainedRun],
    sets: ImageSets,
    methods: Sequence[str],
    progress: Progress,
    number: int = 200,
    source: str | None = None,
    checks: RunChecks | None = None,
) -> list[Explanation]:
    """Explain test images of runs, and store the explanation of each in its folder.

    The examples are the same images for all runs, as far as the runs test the same images.

    Args:
        runs: The runs.
        sets: Their image sets.
        methods: Names of map methods. One that finds nothing to map in a run is left out there.
        progress: Display of progress.
        number: Largest number of images of a run, see `select.choose`.
        source: Source of the images, instead of the runs' own.
        checks: Function that checks the maps; None: they are not checked.

    Raises:
        ExperimentError: No method finds anything to map in a run.
        DataError: The images are not those of a run.
    """
    tables = [trained.run.predictions() for trained in runs]
    chosen = choose(tables, number, any(trained.model.slices is not None for trained in runs))
    opened = [_open_images(trained, sets, source) for trained in runs]  # all of them before any work
    explanations = []
    for trained, images, table, rows in zip(runs, opened, tables, chosen, strict=True):
        one = compute_maps(trained, images, _rows_of(table, rows, images), methods, progress)
        with _timed(one.seconds, "checks"):
            found = [] if checks is None else checks(one, progress)
        explanations.append(store(one, found, progress))
        del one, found
        gc.collect()  # only one run's maps and models of methods are in memory
    return explanations


def compute_maps(
    trained: TrainedRun, images: ImageSet, rows: pd.DataFrame, methods: Sequence[str], progress: Progress
) -> Explained:
    """Compute the maps of chosen images of a run.

    Args:
        trained: The run.
        images: Its image set.
        rows: See `Explained`.
        methods: Names of map methods.
        progress: Display of progress.

    Raises:
        ExperimentError: No method finds anything to map.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "feature maps"):
        inputs = make_inputs(trained, images, rows, progress)
    maps: dict[str, Maps] = {}
    for name in methods:
        with _timed(seconds, name), progress.track(f"{trained.run.card.title}: {METHODS[name].label}", len(rows)) as go:
            of_method = METHODS[name].function(inputs, go)
        gc.collect()  # a method's models refer to each other, so their memory is not freed by itself
        if of_method is not None:
            maps[name] = of_method
    if not maps:
        raise ExperimentError(
            f"At least one map method must apply to {trained.run.name}; {', '.join(methods)} does not, because its "
            f"model has no attention over positions. Choose others of {', '.join(METHODS)} with --methods."
        )
    return Explained(trained, images, rows, inputs, maps, seconds)


def make_inputs(trained: TrainedRun, images: ImageSet, rows: pd.DataFrame, progress: Progress) -> Inputs:
    """Return the inputs of chosen images of a run; their feature maps are read from the cache or computed."""
    positions = rows["position"].to_numpy(np.int64)
    features = Features(trained.prefix, trained.experiment.augment, images.pixels, images.manifest["digest"].tolist())
    features.compute([(0, positions)], progress)
    return Inputs(
        model=trained.model,
        pixels=np.asarray(images.pixels.take(positions), np.uint8),
        features=np.asarray(features.stored(positions, 0).take(slice(None)), np.float16),
        subjects=tuple(rows["subject"]),
        numbers=tuple(rows["slice"]),
        targets=rows["predicted"].map(trained.classes.index).to_numpy(np.int64),
        extract=lambda pixels: features.extractor(pixels),
    )


def store(explained: Explained, checks: list[Check], progress: Progress) -> Explanation:
    """Write an explanation into the folder of its run, in the place of an earlier one, and return it."""
    run = explained.trained.run
    with writing_explanation(run.path) as writer:
        with _timed(explained.seconds, "pictures"):
            writer.write_images(explained.rows)
            _write_arrays(explained, writer)
            _write_pictures(explained, writer, progress)
        contents = Contents(
            methods={name: METHODS[name].info for name in explained.maps},
            checks=checks,
            subject=explained.trained.model.slices is not None,
            seconds={step: round(time, 2) for step, time in explained.seconds.items()},
        )
        writer.write_contents(contents)
    stored = read_explanation(run.path)
    assert stored is not None
    return stored


def _write_arrays(explained: Explained, writer: ExplanationWriter) -> None:
    for name, maps in explained.maps.items():
        writer.write_array(name, relative_maps(maps))
    weights = attention_weights(explained.inputs, no_advance)
    if weights is not None:
        writer.write_array("attention_weights", weights.astype(np.float16))
    of_slices = slice_weights(explained.inputs)
    if of_slices is not None:
        writer.write_array("slice_weights", of_slices)


def _write_pictures(explained: Explained, writer: ExplanationWriter, progress: Progress) -> None:
    channels = explained.trained.model.channels
    paths = explained.images.manifest["path"].to_numpy()[explained.rows["position"].to_numpy()]
    relative = {name: relative_maps(maps) for name, maps in explained.maps.items()}
    with progress.track(f"{explained.trained.run.card.title}: pictures", len(paths)) as advance:
        for row, path in enumerate(paths):
            picture = _read_slice(str(path), channels)
            writer.write_picture(row, picture)
            for name, maps in relative.items():
                writer.write_picture(row, overlay(picture, maps[row]), name)
            advance()


def _read_slice(path: str, channels: int) -> npt.NDArray[np.uint8]:
    """Return an image of the set in its own size: (height, width), or (height, width, 3) for a model of RGB images."""
    image = read_image(path)
    if isinstance(image, str):
        raise DataError(f"{path} must be readable, as it was when the set was opened; it is not ({image}).")
    return np.asarray(image.convert("L" if channels == 1 else "RGB"), np.uint8)


def _open_images(trained: TrainedRun, sets: ImageSets, source: str | None) -> ImageSet:
    """Return the image set of a run; raises DataError if it is not the one that the run was made with."""
    data = trained.experiment.data
    settings = data if source is None else data.model_copy(update={"source": source})
    images = sets.open(settings)
    if images.fingerprint != trained.run.card.data:
        raise DataError(
            f"The images must be those of {trained.run.name} (fingerprint {trained.run.card.data}); {settings.source} "
            f"holds {len(images.manifest):,} images with the fingerprint {images.fingerprint}. Name the folder of the "
            "run's images with --data."
        )
    return images


def _rows_of(table: pd.DataFrame, chosen: pd.DataFrame, images: ImageSet) -> pd.DataFrame:
    """Return a run's own predictions of the chosen images, with their groups and positions, see `Explained`."""
    rows = with_confidence(table).set_index("image").loc[chosen["image"]].reset_index()
    positions = pd.Index(images.manifest["image"]).get_indexer(pd.Index(rows["image"]))
    if (positions < 0).any():
        missing = rows["image"][int(np.argmax(positions < 0))]
        raise DataError(
            f"Every predicted image must be in the image set; {missing} is not. Repeat the run with --force."
        )
    return rows.assign(group=chosen["group"].to_numpy(), position=positions)


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[step] = seconds.get(step, 0.0) + time.monotonic() - start


def no_advance(_n: int = 1, note: str | None = None) -> None:
    """Ignore the progress of a method."""
    del note
