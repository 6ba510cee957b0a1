"""Images for a prediction: files and folders listed, and decoded as the images of a run are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from alzbench.data.files import SUFFIXES, VOLUMES, text_of
from alzbench.data.images import colourfulness, decode, read_image, resize
from alzbench.data.medical import (
    DICOM_SUFFIXES,
    WINDOW,
    Axis,
    Percentiles,
    Unusable,
    kind_of,
    read_header,
    read_slices,
    require_packages,
)
from alzbench.data.names import read_names
from alzbench.data.signature import SIZE
from alzbench.data.subjects import MIN_AGREEMENT, adjacent_agreement
from alzbench.errors import DataError, ExperimentError
from alzbench.progress import Progress

Pixels = npt.NDArray[np.uint8]

_CHECKED_SLICES = ("16", "17")  # neighbours by which the subjects of numbered file names are confirmed


@dataclass(frozen=True)
class SliceChoice:
    """The slices of volumes that are predicted, and how they are read; see `medical.read_slices`.

    Attributes:
        numbers: Numbers of the slices, from 1; None: only files with one slice can be read.
        axis: Axis of the slices.
        window: Percentiles of the grey values that become black and white.
    """

    numbers: tuple[int, ...] | None = None
    axis: Axis = "axial"
    window: Percentiles = WINDOW


@dataclass(frozen=True)
class InputImage:
    """An image that is predicted.

    Attributes:
        name: Its unique name.
        subject, slice: As in a predictions table, '' if unknown.
        warnings: What its header says against it.
    """

    name: str
    subject: str = ""
    slice: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class InputFile:
    """A file with one image, or with several slices.

    Attributes:
        name: Its unique name.
        path: Its path.
        images: Its images, in order.
        choice: The slices of a medical file, one for each image; None for a picture.
    """

    name: str
    path: Path
    images: tuple[InputImage, ...]
    choice: SliceChoice | None = None


@dataclass(frozen=True)
class DecodedImage:
    """An image as the model gets it: `S` pixels along each side, `C` channels.

    Attributes:
        pixels: (S, S, C) in [0, 255].
        aspect: Width divided by height of the original.
        colour: Its mean difference between channels, see `images.colourfulness`.
    """

    pixels: Pixels
    aspect: float
    colour: float


@dataclass(frozen=True)
class Inputs:
    """The files of a prediction.

    Attributes:
        files: The files.
        bad: One row per file whose header is unusable: image, reason.
    """

    files: tuple[InputFile, ...]
    bad: pd.DataFrame

    @property
    def images(self) -> list[InputImage]:
        """All images, in order."""
        return [image for file in self.files for image in file.images]


def find_inputs(paths: Sequence[Path], choice: SliceChoice, progress: Progress) -> Inputs:
    """List images in files and folders: JPEG, PNG, BMP, TIFF, DICOM and NIfTI.

    Args:
        paths: Files, and folders that are searched with all folders below. An image of a folder is named by its path
            below it.
        choice: The slices of volumes.
        progress: Progress display.

    Raises:
        DataError: A file or folder does not exist, or a folder holds no images.
        ExperimentError: The packages for medical files are missing, a volume needs the number of a slice, or has no
            such slice.
    """
    named = _named(paths)
    medical = {name for name, path in named.items() if kind_of(path) is not None}
    if medical:
        require_packages()
    files, bad = [], []
    with progress.track("reading headers", len(medical)) as advance:
        for name, path in named.items():
            if name not in medical:
                files.append(InputFile(name, path, (InputImage(name),)))
                continue
            try:
                files.append(_medical_file(name, path, choice))
            except Unusable as error:
                bad.append((name, str(error)))
            advance()
    return Inputs(tuple(_with_subjects(files, progress)), pd.DataFrame(bad, columns=["image", "reason"], dtype=str))


def decode_file(file: InputFile, size: int, channels: int) -> list[DecodedImage] | str:
    """Return the images of a file as pixels (size, size, channels), resized as those of a run, or why it is unusable.

    A slice of a medical file is a grey picture, and then treated like any other.
    """
    pictures = read_pictures(file)
    if isinstance(pictures, str):
        return pictures
    return [
        DecodedImage(resize(picture, size, channels), aspect, colourfulness(picture)) for picture, aspect in pictures
    ]


def read_pictures(file: InputFile) -> list[tuple[Image.Image, float]] | str:
    """Return the images of a file in their own size, with width divided by height, or why it is unusable."""
    if file.choice is None:
        picture = read_image(file.path)
        return picture if isinstance(picture, str) else [(picture, picture.size[0] / picture.size[1])]
    try:
        slices = read_slices(file.path, file.choice.numbers or (1,), file.choice.axis, file.choice.window)
    except Unusable as error:
        return str(error)
    return [(Image.fromarray(one.pixels), one.aspect) for one in slices]


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Return each file once, by a unique name."""
    named = [(text_of(name), path) for argument in paths for name, path in _files_of(argument)]
    if len({name for name, _ in named}) < len({path.resolve() for _, path in named}):
        named = [(text_of(path.as_posix()), path) for _, path in named]
    first = {path.resolve(): (name, path) for name, path in reversed(named)}
    return {name: path for name, path in named if first[path.resolve()] == (name, path)}


def _files_of(argument: Path) -> list[tuple[str, Path]]:
    if argument.is_dir():
        files = [(path.relative_to(argument).as_posix(), path) for path in sorted(argument.rglob("*"))]
        images = [(name, path) for name, path in files if _is_image(name, path)]
        if not images:
            raise DataError(
                f"The folder {argument} must contain images ({', '.join(_suffixes())}); it contains none, nor do the "
                "folders below. Name another folder or file."
            )
        return images
    if not argument.is_file():
        raise DataError(f"There is no file or folder {argument}. Name an image, or a folder of images.")
    return [(argument.name, argument)]


def _suffixes() -> list[str]:
    return sorted({*SUFFIXES, *DICOM_SUFFIXES, *VOLUMES})


def _is_image(name: str, path: Path) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    if hidden or not path.is_file() or path.name == "DICOMDIR":
        return False
    return path.suffix.lower() in SUFFIXES or kind_of(path) is not None


def _medical_file(name: str, path: Path, choice: SliceChoice) -> InputFile:
    """Return a medical file with its chosen slices; raises Unusable if its header is."""
    header = read_header(path, choice.axis)
    volume = kind_of(path) == "nifti"
    if header.slices == 1 and not volume:
        image = InputImage(name, header.subject, header.slice, header.warnings)
        return InputFile(name, path, (image,), replace(choice, numbers=(1,)))
    slices = f"{choice.axis} slices" if volume else "frames"
    if choice.numbers is None:
        middle = (header.slices + 1) // 2
        raise ExperimentError(
            f"{path} is a volume of {header.slices} {slices}, and only some of them are like the training images. "
            f"Choose them by number, from 1: --slices {middle}, or --slices {max(1, middle - 9)}-{middle}."
        )
    outside = [number for number in choice.numbers if not 1 <= number <= header.slices]
    if outside:
        raise ExperimentError(
            f"--slices must be from 1 to {header.slices}, the number of {slices} in {path}; got {outside[0]}."
        )
    subject = (_without_suffix(name) if volume else header.subject) or name
    images = [InputImage(f"{name}[{k}]", subject, str(k), header.warnings) for k in choice.numbers]
    return InputFile(name, path, tuple(images), choice)


def _without_suffix(name: str) -> str:
    suffix = next(suffix for suffix in sorted(VOLUMES, key=len)[::-1] if name.lower().endswith(suffix))
    return name[: -len(suffix)]


def _with_subjects(files: Sequence[InputFile], progress: Progress) -> Iterable[InputFile]:
    """Add the subject and slice of each picture whose file name holds them; see `data.names`.

    The numbers of the Kaggle set are ambiguous, so their subjects are confirmed by some neighbouring slices.
    """
    # tables hold text alone: a path with other bytes has no subject
    pictures = [
        (k, file)
        for k, file in enumerate(files)
        if file.choice is None and text_of(str(file.path.absolute())) == str(file.path.absolute())
    ]
    if not pictures:
        return files
    folders = [file.path.absolute().parent for _, file in pictures]
    table = pd.DataFrame(
        {
            "image": [file.name for _, file in pictures],
            "path": [str(file.path) for _, file in pictures],
            "class": [folder.name for folder in folders],
            "part": [str(folder.parent) for folder in folders],
        },
        index=[k for k, _ in pictures],
    )
    named = table.join(read_names(table))
    numbered = named[named["numbered"]]
    for _, rows in numbered.groupby("part"):
        if not _confirmed(rows, progress):
            named.loc[rows.index, ["subject", "slice"]] = ""
    known = named[named["subject"] != ""]
    about = {k: (str(s), str(n)) for k, s, n in zip(known.index, known["subject"], known["slice"], strict=True)}
    return [
        replace(file, images=(replace(file.images[0], subject=about[k][0], slice=about[k][1]),)) if k in about else file
        for k, file in enumerate(files)
    ]


def _confirmed(rows: pd.DataFrame, progress: Progress) -> bool:
    """Return True if the pixels of two neighbouring slices of each subject confirm the subjects of file names."""
    checked = rows[rows["slice"].isin(_CHECKED_SLICES)].reset_index(drop=True)
    readable = decode(checked, SIZE, 1, progress).files
    agreement = adjacent_agreement(readable, progress)
    return agreement is not None and agreement >= MIN_AGREEMENT
