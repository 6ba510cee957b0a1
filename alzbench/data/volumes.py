"""Sets of NIfTI volumes: their slices, written once as an image folder in the cache."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import filelock
import numpy as np
import pandas as pd
from PIL import Image

from alzbench import atomic
from alzbench.cache import cache_folder
from alzbench.data.files import VOLUMES, ImageFile, find_volumes, left_out_table
from alzbench.data.images import content_digest
from alzbench.data.medical import Slice, Unusable, read_header, read_slices, require_packages
from alzbench.errors import DataError
from alzbench.experiment.volumes import VolumeSettings
from alzbench.progress import Progress

_VERSION = 2
_UNUSABLE = "unusable.json"
_SAME = 0.01
_MOST_STRETCH = 20  # of a voxel; a header that says more is wrong
_SUBJECT = re.compile(r"OAS\d_\d{4}(?![0-9])|sub-[A-Za-z0-9]+")
_ADNI = re.compile(r"(?<![0-9])\d{3}_S_\d{4,5}(?![0-9])")


@dataclass(frozen=True)
class VolumeSlices:
    """The slices of a set of volumes, as image files.

    Attributes:
        folder: The slices of the volume `<folders>/<name>` are in the folder `<folders>/<name>/`; their names hold the
            subject and the number of the slice.
        bad: One row per unusable volume: image, path, reason.
        left_out: See `folder.Listing.left_out`: the other images of the set.
    """

    folder: Path
    bad: pd.DataFrame
    left_out: pd.DataFrame


def open_volumes(root: Path, settings: VolumeSettings, progress: Progress) -> VolumeSlices:
    """Return the slices of all NIfTI volumes below a folder; write them first if the cache does not contain them.

    A volume is one subject, unless names say that several volumes are of one person: `sub-01`, `OAS1_0001` or
    `002_S_0295` (ADNI) in the path.

    Args:
        root: Folder of the set.
        settings: Which slices.
        progress: Progress display.

    Raises:
        ExperimentError: The extra `medical` is not installed.
        DataError: There is no volume, or none is usable.
    """
    require_packages()
    found, left_out = find_volumes(root)
    if not found:
        raise DataError(f"{root} must contain NIfTI volumes (.nii, .nii.gz), because data.volumes is set; it has none.")
    folder = cache_folder() / "volumes" / f"v{_VERSION}" / _key(found, settings, progress)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            with atomic.new_folder(folder) as temporary:
                _write(found, settings, temporary, progress)
    reasons: dict[str, str] = json.loads((folder / _UNUSABLE).read_text(encoding="utf-8"))
    rows = [(_name(file), file.path, reasons[_name(file)]) for file in found if _name(file) in reasons]
    if len(rows) == len(found):
        raise DataError(f"No volume below {root} can be used; {rows[0][0]}: {rows[0][2]}.")
    return VolumeSlices(
        folder / "slices", pd.DataFrame(rows, columns=["image", "path", "reason"], dtype=str), left_out_table(left_out)
    )


def volume_of(image: str) -> str:
    """Return the volume of a slice, as a path below the set's folder with slashes."""
    return PurePosixPath(image).parent.as_posix()


def is_volume(folder: str) -> bool:
    """Return True for a folder with the name of a volume."""
    return folder.lower().endswith(VOLUMES)


def slice_numbers(depth: int, settings: VolumeSettings) -> list[int]:
    """Return the numbers, from 1, of the slices that are taken from a volume with `depth` slices."""
    low, high = settings.between
    places = np.linspace(low * (depth - 1), high * (depth - 1), settings.slices) if settings.slices > 1 else None
    chosen = [(low + high) / 2 * (depth - 1)] if places is None else places
    return sorted({int(np.floor(place + 0.5)) + 1 for place in chosen})


def name_subjects(volumes: Sequence[str]) -> list[str]:
    """Return the subject of each volume (path with slashes), such as `sub-01`; each other volume has its own.

    A volume whose path says nothing has the name of its file, or its whole path where several files have that name.
    `x.nii` and `x.nii.gz` in one folder are one volume, stored twice.
    """
    known = [_SUBJECT.search(name) or _ADNI.search(name) for name in volumes]
    plain = [re.sub(r"(?i)\.nii(\.gz)?$", "", name) for name in volumes]
    frequent = Counter(_letters(PurePosixPath(volume).name) for volume in set(plain))
    subjects = []
    for volume, match in zip(plain, known, strict=True):
        if match is not None:
            subjects.append(match[0] if match.re is _SUBJECT else f"sub-{_letters(match[0])}")
            continue
        own = _letters(PurePosixPath(volume).name)
        if not own or frequent[own] > 1:
            own = f"{_letters(volume)}{hashlib.sha256(volume.encode()).hexdigest()[:6]}"
        subjects.append(f"sub-{own}")
    return subjects


def _letters(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)


def _name(file: ImageFile) -> str:
    return PurePosixPath(*file.folders, file.name).as_posix()


def _key(files: Sequence[ImageFile], settings: VolumeSettings, progress: Progress) -> str:
    """Return a hash of the volumes' names and content, and of the settings."""
    whole = hashlib.sha256(settings.model_dump_json().encode())
    with progress.track("reading volumes", len(files)) as advance:
        for file in files:
            digest, reason = content_digest(file.path)
            whole.update(f"{_name(file)}\0{digest or reason}\n".encode())
            advance()
    return whole.hexdigest()[:24]


def _write(files: Sequence[ImageFile], settings: VolumeSettings, target: Path, progress: Progress) -> None:
    """Write the slices of all usable volumes, and the reasons why others are not."""
    reasons: dict[str, str] = {}
    subjects = name_subjects([_name(file) for file in files])
    with progress.track("slices of volumes", len(files)) as advance:
        for file, subject in zip(files, subjects, strict=True):
            try:
                _write_volume(Path(file.path), settings, target.joinpath("slices", *file.folders, file.name), subject)
            except Unusable as error:
                reasons[_name(file)] = str(error)
            advance()
    (target / _UNUSABLE).write_text(json.dumps(reasons), encoding="utf-8")


def _write_volume(path: Path, settings: VolumeSettings, target: Path, subject: str) -> None:
    numbers = slice_numbers(read_header(path, settings.axis).slices, settings)
    slices = read_slices(path, numbers, settings.axis, settings.window)
    target.mkdir(parents=True)
    for number, one in zip(numbers, slices, strict=True):
        _in_true_shape(one).save(target / f"{subject}_slice-{number:03d}.png")


def _in_true_shape(one: Slice) -> Image.Image:
    """Return a slice whose pixels are as wide as high; voxels often are not."""
    height, width = one.pixels.shape
    picture = Image.fromarray(one.pixels)
    stretch = one.aspect * height / width
    if abs(stretch - 1) < _SAME or not 1 / _MOST_STRETCH < stretch < _MOST_STRETCH:
        return picture
    size = (round(width * stretch), height) if stretch > 1 else (width, round(height / stretch))
    return picture.resize(size, Image.Resampling.BILINEAR)
