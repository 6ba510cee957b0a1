"""Dark share: the share of a slice's head that is as dark as cerebrospinal fluid, which grows with atrophy.

Letters: `n` images.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from alzbench.arrays import ArrayStore, Rows
from alzbench.cache import cache_folder
from alzbench.data.anatomy import fluid_mask, head_mask
from alzbench.data.manifest import ImageSet
from alzbench.progress import Progress

SAMPLE = 40  # images that are looked at before a set is measured
_COLOUR = 16  # mean difference between the channels of an image with colours, in grey values
_THUMBNAIL = 64
_BATCH = 256
_VERSION = 1

Float = npt.NDArray[np.float64]


def dark_share(pixels: npt.NDArray[np.number]) -> float:
    """Return the share in [0, 1] of the pixels of the head that are as dark as fluid, see `anatomy.fluid_mask`.

    Args:
        pixels: (h, w) grey values in [0, 255], or (h, w, C) colours, whose mean is used.

    Returns:
        NaN if there is no head on a dark background: no corner is dark, or everything is.
    """
    head = head_mask(pixels)
    if head.all() or not head.any():
        return float("nan")
    return float(fluid_mask(pixels, head).sum() / head.sum())


def dark_shares(images: ImageSet, rows: pd.DataFrame, progress: Progress) -> Float:
    """Return the dark shares (n,) of images, from the cache if their content is in it; NaN as `dark_share`.

    Args:
        images: The set.
        rows: n rows with the index of its manifest.
        progress: Display of progress.
    """
    store = ArrayStore(cache_folder() / "dark_share" / f"v{_VERSION}", (1,), np.float64)
    form = "x".join(map(str, images.pixels.shape[1:]))  # the share depends on the size of the pixels
    keys = images.manifest["digest"].loc[rows.index] + f"-{form}"
    missing = keys[keys.isin(set(store.missing(keys.tolist())))].drop_duplicates()
    if len(missing):
        store.add(missing.tolist(), _measure(images.pixels, missing.index.to_numpy(), progress)[:, None])
    return np.asarray(store.rows(keys.tolist()).take(slice(None)), np.float64)[:, 0]


def _measure(pixels: Rows, places: npt.NDArray[np.int64], progress: Progress) -> Float:
    batches = [places[start : start + _BATCH] for start in range(0, len(places), _BATCH)]

    def measure(batch: npt.NDArray[np.int64]) -> list[float]:
        return [dark_share(image) for image in pixels.take(batch)]

    measured: list[float] = []
    with progress.track("dark shares", len(places)) as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
        for shares in pool.map(measure, batches):
            measured += shares
            advance(len(shares))
    return np.array(measured)


def why_not_measured(images: ImageSet) -> str:
    """Return the reason why the dark share of a set means nothing, from a sample of its images; empty if it does.

    It needs a class of healthy people, and grey slices on a dark background.
    """
    if images.healthy is None:
        return "the set has no class of healthy people"
    places = np.unique(np.linspace(0, len(images.manifest) - 1, SAMPLE).astype(int))
    paths = images.manifest["path"].iloc[places]
    if 2 * sum(map(_has_colours, paths)) > len(places):
        return "its images are coloured, not grey slices of a head"
    shares = np.array([dark_share(image) for image in images.pixels.take(places)])
    if 2 * np.isnan(shares).sum() > len(places):
        return "its images have no dark background around a head"
    return ""


def _has_colours(path: str) -> bool:
    """Return True if a picture has colours; False too if it is none, such as a DICOM file."""
    try:
        with Image.open(path) as image:
            if image.mode in ("1", "L", "I", "F", "I;16"):
                return False
            image.draft("RGB", (_THUMBNAIL, _THUMBNAIL))
            small = np.asarray(image.convert("RGB").resize((_THUMBNAIL, _THUMBNAIL)), np.int16)
    except (OSError, ValueError):
        return False
    return bool((small.max(-1) - small.min(-1)).mean() > _COLOUR)
