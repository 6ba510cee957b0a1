"""The profile of a run's training images, see `inference.profile`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.images import colourfulness, read_image
from alzbench.data.manifest import ImageSet
from alzbench.inference.profile import MOST_IMAGES, Measures, Profile, grey_histograms, make_profile, pooled

_BATCH = 256
_READ = 200  # files, of which the colour is measured: the decoded pixels may be grey already


def profile_of(images: ImageSet, split: pd.DataFrame, features: Any) -> Profile:
    """Return the profile of a run.

    Args:
        images: The image set.
        split: Rows image, label, subject, part, with the manifest's index.
        features: Feature maps of the set, of which view 0 is stored.
    """
    training, held_out = (_measure(images, _sample(split, part), features) for part in ("train", "validation"))
    return make_profile(training, held_out)


def _sample(split: pd.DataFrame, part: str) -> npt.NDArray[np.int64]:
    """Return up to MOST_IMAGES positions of a part, spread evenly over the manifest, which is sorted by class."""
    positions = split.index[split["part"] == part].to_numpy()
    return _spread(positions, MOST_IMAGES)


def _spread(positions: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    chosen = np.linspace(0, len(positions) - 1, min(len(positions), most)).round().astype(int)
    spread: npt.NDArray[np.int64] = positions[chosen]
    return spread


def _measure(images: ImageSet, positions: npt.NDArray[np.int64], features: Any) -> Measures:
    rows = images.manifest.loc[positions]
    stored = features.stored(positions, 0)
    histograms, means = [], []
    for start in range(0, len(positions), _BATCH):
        batch = slice(start, start + _BATCH)
        histograms.append(grey_histograms(np.asarray(images.pixels.take(positions[batch]), np.uint8)))
        means.append(pooled(stored.take(batch)))
    return Measures(
        colour=np.array(list(_colours(images, positions))),
        aspect=(rows["width"] / rows["height"]).to_numpy(np.float64),
        histograms=np.concatenate(histograms),
        features=np.concatenate(means),
    )


def _colours(images: ImageSet, positions: npt.NDArray[np.int64]) -> Iterator[float]:
    for path in images.manifest["path"].loc[_spread(positions, _READ).tolist()]:
        picture = read_image(path)
        if not isinstance(picture, str):
            yield colourfulness(picture)
