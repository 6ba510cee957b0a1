"""Grad-CAM and attention maps of predicted images, drawn over the images in their own size."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from alzbench import atomic
from alzbench.explain.inputs import Inputs
from alzbench.explain.methods import METHODS
from alzbench.explain.overlay import overlay
from alzbench.inference.inputs import Inputs as InputFiles
from alzbench.inference.inputs import decode_file, read_pictures
from alzbench.inference.predict import Predictions
from alzbench.inference.trained import TrainedRun
from alzbench.progress import Progress
from alzbench.store.explanation import relative_maps

MOST_IMAGES = 64  # pictures that a person still looks at
_LONGEST_NAME = 200  # bytes: file systems allow 255, with the name of the method and that of a temporary file
METHOD_NAMES = ("grad_cam", "attention")

Pixels = npt.NDArray[np.uint8]


def draw_maps(
    trained: TrainedRun, files: InputFiles, predictions: Predictions, folder: Path, progress: Progress
) -> list[Path]:
    """Draw the maps of the first `MOST_IMAGES` predicted images, and return the PNG files.

    A model that classifies subjects gets the drawn images of a subject together, which may be fewer than were
    predicted; the maps explain the class that was predicted.

    Args:
        trained: The run.
        files: The images.
        predictions: Their predictions.
        folder: Folder of the files; it is created.
        progress: Progress display.
    """
    names, pictures, pixels = _first_images(trained, files, predictions)
    rows = predictions.images.set_index("image").loc[names]
    inputs = Inputs(
        model=trained.model,
        pixels=pixels,
        features=trained.features(pixels),
        subjects=tuple(rows["subject"]),
        targets=np.array([trained.classes.index(name) for name in rows["predicted"]], np.int64),
        extract=trained.extractor,
    )
    if len(predictions.images) > len(names):
        progress.say(f"Maps are drawn of the first {len(names)} images only.")
    stems = _file_names(names)
    written = []
    for method in METHOD_NAMES:
        with progress.track(METHODS[method].label, len(names)) as advance:
            maps = METHODS[method].function(inputs, advance)
        if maps is None:  # the model has no attention
            continue
        for stem, picture, relative in zip(stems, pictures, relative_maps(maps), strict=True):
            path = folder / f"{stem}-{method}.png"
            with atomic.replacing(path) as temporary:
                Image.fromarray(overlay(picture, relative)).save(temporary, "PNG")
            written.append(path)
    return written


def _first_images(
    trained: TrainedRun, files: InputFiles, predictions: Predictions
) -> tuple[list[str], list[Pixels], Pixels]:
    """Return the names, the grey pictures and the pixels of the first predicted images."""
    predicted = set(predictions.images["image"])
    names: list[str] = []
    pictures: list[Pixels] = []
    pixels: list[Pixels] = []
    for file in files.files:
        if len(names) >= MOST_IMAGES or file.images[0].name not in predicted:
            continue
        read, decoded = read_pictures(file), decode_file(file, trained.model.size, trained.model.channels)
        if isinstance(read, str) or isinstance(decoded, str):  # changed since it was predicted
            continue
        names += [image.name for image in file.images]
        pictures += [np.asarray(picture.convert("L"), np.uint8) for picture, _ in read]
        pixels += [image.pixels for image in decoded]
    return names[:MOST_IMAGES], pictures[:MOST_IMAGES], np.stack(pixels[:MOST_IMAGES])


def _file_names(images: Sequence[str]) -> list[str]:
    """Return a different name of a file for each image, without suffix: the image's, with a number if needed."""
    stems: list[str] = []
    used: set[str] = set()
    for image in images:
        plain = re.sub(r"[^\w.-]+", "_", image).strip("_.")
        plain = plain.encode()[-_LONGEST_NAME:].decode(errors="ignore") or "image"
        stem = next(
            name
            for name in itertools.chain([plain], (f"{plain}-{k}" for k in itertools.count(2)))
            if name.lower() not in used
        )
        used.add(stem.lower())
        stems.append(stem)
    return stems
