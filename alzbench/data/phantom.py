"""The phantom set: synthetic slices, similar enough to brain MRI to test all code without a download.

Each subject has its own head (size, shape, tilt, brightness). With the stage of the disease the ventricles grow and
the cortex thins, as in atrophy, but subjects of neighbouring stages overlap. The set has the layout of the Kaggle set,
so that the same code reads it. Results on it say nothing about real patients.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import filelock
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from alzbench import atomic
from alzbench.cache import cache_folder
from alzbench.progress import Progress

WIDTH, HEIGHT = 176, 208
SLICES = 6
SUBJECTS = {"NonDemented": 18, "VeryMildDemented": 12, "MildDemented": 8, "ModerateDemented": 4}
AUGMENTED = 240  # augmented images per class: the augmented Kaggle set is nearly balanced too
_VERSION = 1
_NAME = re.compile(r"(?P<stage>\w+)-subject(?P<subject>\d+)-slice(?P<slice>\d+)\.png")

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """The properties of one subject; lengths are shares of half the head's width.

    Attributes:
        radii: Half width and half height of the skull, in pixels.
        tilt: Rotation, in radians.
        cortex: Thickness of the cortex.
        ventricles: Size of the ventricles.
        folds: Phases of the cortical folds.
        brightness: Grey value of white matter, in [0, 1].
    """

    radii: tuple[float, float]
    tilt: float
    cortex: float
    ventricles: float
    folds: Float
    brightness: float


def draw_phantom_set(progress: Progress) -> Path:
    """Return the folder of the phantom set; draw the set first if the cache does not contain it."""
    folder = cache_folder() / f"phantom-v{_VERSION}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():  # another process may have drawn the set while this one waited
            _draw_set(folder, progress)
    return folder


def _draw_set(folder: Path, progress: Progress) -> None:
    with (
        atomic.new_folder(folder) as temporary,
        progress.track("drawing phantoms", len(SUBJECTS)) as advance,
        ThreadPoolExecutor(2) as pool,
    ):
        for _ in pool.map(lambda stage: _draw_class(temporary, stage), range(len(SUBJECTS))):
            advance()


def draw_head(stage: int, rng: np.random.Generator) -> Head:
    """Sample a subject at a stage from 0 (healthy) to 3 (moderate dementia)."""
    return Head(
        radii=(rng.normal(66, 2.5), rng.normal(84, 3)),
        tilt=rng.normal(0, 0.05),
        cortex=float(np.clip(rng.normal(_cortex(stage), 0.012), 0.05, None)),
        ventricles=float(np.clip(rng.normal(_ventricle_size(stage), 0.025), 0.05, None)),
        folds=rng.uniform(0, 2 * np.pi, 3),
        brightness=rng.normal(0.72, 0.025),
    )


def _cortex(stage: int) -> float:
    return 0.20 - 0.035 * stage


def _ventricle_size(stage: int) -> float:
    return 0.14 + 0.12 * stage


def draw_slice(head: Head, level: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw one axial slice (HEIGHT, WIDTH) of uint8; `level` in [0, 1] rises from the middle of the ventricles."""
    image = _tissues(head, level)
    image = ndimage.gaussian_filter(image, 1.0) + rng.normal(0, 0.02, image.shape)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def changed_region(image: str) -> npt.NDArray[np.bool_] | None:
    """Return the region of an original phantom image that the stage of the disease changes, bool (HEIGHT, WIDTH).

    It is where this head, with the cortex and ventricles of a healthy subject, differs from the same head with those
    of the last stage: what a model of the stage should look at.

    Args:
        image: Name of the image; its folders do not matter. None is returned for a name of another set.
    """
    found = _NAME.fullmatch(PurePath(image).name)
    if found is None or found["stage"] not in SUBJECTS:
        return None
    stage, number = list(SUBJECTS).index(found["stage"]), int(found["slice"])
    if not (1 <= int(found["subject"]) <= SUBJECTS[found["stage"]] and 1 <= number <= SLICES):
        return None
    head = draw_head(stage, _subject_rng(stage, int(found["subject"])))
    first, last = (replace(head, cortex=_cortex(s), ventricles=_ventricle_size(s)) for s in (0, len(SUBJECTS) - 1))
    level = _level(number)
    region: npt.NDArray[np.bool_] = _tissues(first, level) != _tissues(last, level)
    return region


def _tissues(head: Head, level: float) -> Float:
    """Return the grey value of the tissue at each pixel (HEIGHT, WIDTH), in [0, 1], without blur and noise."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    x, y = x - WIDTH / 2, y - HEIGHT / 2
    cos, sin = np.cos(head.tilt), np.sin(head.tilt)
    shrink = 1 - 0.12 * level
    u = (cos * x + sin * y) / (head.radii[0] * shrink)
    v = (cos * y - sin * x) / (head.radii[1] * shrink)
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    folds = sum(0.012 * np.sin(k * angle + p) for k, p in zip((9, 14, 23), head.folds, strict=True))
    brain = radius < 0.86 + folds
    white = radius < 0.86 + 2.2 * folds - head.cortex
    image = np.zeros((HEIGHT, WIDTH))
    image[radius < 1.06] = 0.18  # scalp
    image[(radius > 0.93) & (radius < 1.0)] = 0.85  # skull, as bright as its fat is in these images
    image[(radius <= 0.93)] = 0.08  # fluid
    image[brain] = 0.55 * head.brightness / 0.72
    image[white] = head.brightness
    image[_ventricles(u, v, head.ventricles * (1 - 0.35 * level))] = 0.10
    image[(np.abs(u) < 0.012) & (np.abs(v) > 0.45) & brain] = 0.12  # the fissure between the hemispheres
    return image


def _ventricles(u: Float, v: Float, size: float) -> npt.NDArray[np.bool_]:
    """Return the mask of two mirrored horns that open to the front and to the back."""
    bend = 0.10 + 0.35 * v**2 + 0.3 * size
    across = (np.abs(u) - bend) / (0.45 * size)
    along = v / (0.22 + 0.8 * size)
    return across**2 + along**2 < 1


def _draw_class(folder: Path, stage: int) -> None:
    name = list(SUBJECTS)[stage]
    original, augmented = folder / "OriginalDataset" / name, folder / "AugmentedAlzheimerDataset" / name
    for part in (original, augmented):
        part.mkdir(parents=True)
    slices = {}
    for subject in range(1, SUBJECTS[name] + 1):
        rng = _subject_rng(stage, subject)
        head = draw_head(stage, rng)
        for number in range(1, SLICES + 1):
            pixels = draw_slice(head, _level(number), rng)
            slices[f"{name}-subject{subject:02d}-slice{number:02d}"] = Image.fromarray(pixels)
    for stem, image in slices.items():
        image.save(original / f"{stem}.png")
    rng = np.random.default_rng([_VERSION, stage])
    for copy in range(AUGMENTED):
        stem = list(slices)[copy % len(slices)]
        _moved(slices[stem], rng).save(augmented / f"{stem}-copy{copy:03d}.png")


def _subject_rng(stage: int, subject: int) -> np.random.Generator:
    return np.random.default_rng([_VERSION, stage, subject])


def _level(number: int) -> float:
    return (number - 1) / (SLICES - 1)


def _moved(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    moved = image.rotate(
        rng.uniform(-12, 12), Image.Resampling.BILINEAR, translate=tuple(rng.integers(-6, 7, 2).tolist())
    )
    return moved.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else moved
