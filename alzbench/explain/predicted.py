"""Grad-CAM and attention maps of predicted images, drawn over the images in their own size."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from alzbench import atomic
from alzbench.explain.inputs import Inputs
from alzbench.explain.methods import METHODS
from alzbench.explain.overlay import overlay
from alzbench.inference.inputs import DecodedImage, InputFile, InputImage, decode_file, read_pictures
from alzbench.inference.inputs import Inputs as InputFiles
from alzbench.inference.predict import Predictions
from alzbench.inference.trained import TrainedRun
from alzbench.progress import Progress
from alzbench.store.explanation import relative_maps

MOST_IMAGES = 64  # pictures that a person still looks at
_LONGEST_NAME = 200  # bytes: file systems allow 255, with the name of the method and that of a temporary file
METHOD_NAMES = ("grad_cam", "attention")

Maps = npt.NDArray[np.float16]
Drawn = tuple[InputFile, InputImage, DecodedImage]


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
    drawn = _first_images(trained, files, predictions)
    names = [image.name for _, image, _ in drawn]
    if not names:
        return []
    pixels = np.stack([decoded.pixels for _, _, decoded in drawn])
    rows = predictions.images.set_index("image").loc[names]
    inputs = Inputs(
        model=trained.model,
        pixels=pixels,
        features=trained.features(pixels),
        subjects=tuple(rows["subject"]),
        numbers=tuple(rows["slice"]),
        targets=np.array([trained.classes.index(name) for name in rows["predicted"]], np.int64),
        extract=trained.extractor,
    )
    if len(predictions.images) > len(names):
        progress.say(f"Maps are drawn of the first {len(names)} images only.")
    maps: dict[str, Maps] = {}
    for method in METHOD_NAMES:
        with progress.track(METHODS[method].label, len(names)) as advance:
            of_method = METHODS[method].function(inputs, advance)
        if of_method is not None:  # else the model has no attention
            maps[method] = relative_maps(of_method)
    return _write_pictures(drawn, maps, folder)


def _write_pictures(drawn: Sequence[Drawn], maps: Mapping[str, Maps], folder: Path) -> list[Path]:
    """Write the maps over the pictures, of which those of one file are in memory at a time; return the PNG files."""
    stems = _file_names([image.name for _, image, _ in drawn])
    written: list[Path] = []
    row = 0
    for file, of_file in itertools.groupby(drawn, key=lambda one: one[0]):
        pictures = read_pictures(file)
        for place, _ in enumerate(of_file):
            if not isinstance(pictures, str):  # else changed since it was predicted
                grey = np.asarray(pictures[place][0].convert("L"), np.uint8)
                for method, of_method in maps.items():
                    path = folder / f"{stems[row]}-{method}.png"
                    with atomic.replacing(path) as temporary:
                        Image.fromarray(overlay(grey, of_method[row])).save(temporary, "PNG")
                    written.append(path)
            row += 1
    return written


def _first_images(trained: TrainedRun, files: InputFiles, predictions: Predictions) -> list[Drawn]:
    """Return the first predicted images."""
    predicted = set(predictions.images["image"])
    drawn: list[Drawn] = []
    for file in files.files:
        if len(drawn) >= MOST_IMAGES or file.images[0].name not in predicted:
            continue
        decoded = decode_file(file, trained.model.size, trained.model.channels)
        if not isinstance(decoded, str):  # else changed since it was predicted
            drawn += [(file, image, one) for image, one in zip(file.images, decoded, strict=True)]
    return drawn[:MOST_IMAGES]


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
