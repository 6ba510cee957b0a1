"""The profile of a run's training images, by which images that are unlike them are recognised.

It holds the range of what can be measured in an image: its colour, its aspect ratio, its grey values, and how far its
mean-pooled features are from those of the training images. The distance is that of probabilistic principal component
analysis (Tipping and Bishop 1999, doi 10.1111/1467-9868.00196): Mahalanobis along the principal components, and the
rest relative to its variance.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import linalg

from alzbench import atomic
from alzbench.arrays import read_arrays
from alzbench.errors import DataError

FILE = "profile.npz"
MOST_IMAGES = 2000  # training images that a profile is made from, and as many held-out ones for its limits
COMPONENTS = 64
QUANTILE = 0.995  # of the held-out images
MARGIN = 1.15  # a limit is this much above the quantile
_ASPECT_MARGIN = 1.05
_LEAST_COLOUR = 4.0  # grey values; JPEG's rounding gives grey images less colour than this
_BINS = 32  # of a grey histogram
_FLOOR = 1e-6

COLOUR, ASPECT, GREY, FEATURES = "colour", "aspect ratio", "grey values", "features"

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measures:
    """What is compared with the training images: `n` images, `D` channels of the feature maps.

    Attributes:
        colour: (n,) see `images.colourfulness`.
        aspect: (n,) width divided by height.
        histograms: (n, _BINS) cumulative shares of the grey values.
        features: (n, D) mean-pooled feature maps.
    """

    colour: Float
    aspect: Float
    histograms: Float
    features: Float


@dataclass(frozen=True)
class Profile:
    """A profile: `D` channels of the feature maps, `k` principal components.

    Attributes:
        colour: Highest colour.
        aspect: (2,) lowest and highest aspect ratio.
        histogram: (_BINS,) mean cumulative histogram.
        histogram_limit: Largest distance from it.
        mean: (D,) mean features.
        components: (k, D) principal components, each divided by its standard deviation.
        residual: Variance of the features per channel outside the components.
        distance_limit: Largest distance of the features.
    """

    colour: Float
    aspect: Float
    histogram: Float
    histogram_limit: Float
    mean: Float
    components: Float
    residual: Float
    distance_limit: Float

    def reasons(self, measures: Measures) -> list[list[str]]:
        """Return, for each image, in what it is unlike the training images; empty if in nothing."""
        low, high = self.aspect
        unlike = {
            COLOUR: measures.colour > self.colour,
            ASPECT: (measures.aspect < low) | (measures.aspect > high),
            GREY: self.histogram_distances(measures.histograms) > self.histogram_limit,
            FEATURES: self.distances(measures.features) > self.distance_limit,
        }
        return [[name for name, rows in unlike.items() if rows[k]] for k in range(len(measures.aspect))]

    def distances(self, features: Float) -> Float:
        """Return the distance (n,) of mean-pooled features (n, D) from those of the training images, about 1."""
        centred = features - self.mean
        along = centred @ self.components.T
        lengths = np.square(self.components).sum(axis=1)  # 1 / variance along each component
        inside = (np.square(along) / lengths).sum(axis=1)  # squared length along the components
        outside = np.maximum(np.square(centred).sum(axis=1) - inside, 0) / self.residual
        distances: Float = np.sqrt((np.square(along).sum(axis=1) + outside) / features.shape[1])
        return distances

    def histogram_distances(self, histograms: Float) -> Float:
        """Return the earth mover's distance (n,) of cumulative histograms (n, _BINS), a share of the grey range."""
        distances: Float = np.abs(histograms - self.histogram).mean(axis=1)
        return distances


def make_profile(training: Measures, held_out: Measures) -> Profile:
    """Return the profile of training images, with limits from them and from held-out images of the same run.

    A limit is a high quantile of the images, the larger of the two, with a margin.
    """
    mean = training.features.mean(axis=0)
    components, residual = _principal(training.features - mean)
    open_profile = Profile(
        colour=np.array(max(_limit(training.colour, held_out.colour), _LEAST_COLOUR)),
        aspect=np.array(_range(np.concatenate([training.aspect, held_out.aspect]))),
        histogram=training.histograms.mean(axis=0),
        histogram_limit=np.array(np.inf),
        mean=mean,
        components=components,
        residual=np.array(residual),
        distance_limit=np.array(np.inf),
    )
    values = {field.name: getattr(open_profile, field.name) for field in fields(Profile)}
    both = (training, held_out)
    values["histogram_limit"] = np.array(_limit(*(open_profile.histogram_distances(m.histograms) for m in both)))
    values["distance_limit"] = np.array(_limit(*(open_profile.distances(m.features) for m in both)))
    return Profile(**values)


def grey_histograms(pixels: npt.NDArray[np.uint8]) -> Float:
    """Return the cumulative histogram (n, _BINS) of the grey values of images (n, S, S, C)."""
    grey = pixels.mean(axis=-1).astype(np.uint8) if pixels.shape[-1] > 1 else pixels[..., 0]
    bins = (grey // (256 // _BINS)).reshape(len(grey), -1)
    counts = np.stack([np.bincount(row, minlength=_BINS) for row in bins]) if len(bins) else np.empty((0, _BINS))
    shares: Float = counts.cumsum(axis=1) / max(bins.shape[1], 1)
    return shares


def pooled(features: npt.NDArray[np.floating]) -> Float:
    """Return feature maps (n, H, W, D) averaged over their positions (n, D)."""
    means: Float = features.mean(axis=(1, 2), dtype=np.float32).astype(np.float64)
    return means


def write_profile(profile: Profile, folder: Path) -> None:
    """Write a profile into a run folder, in single precision."""
    values = {field.name: getattr(profile, field.name).astype(np.float32) for field in fields(Profile)}
    with atomic.replacing(folder / FILE) as temporary, temporary.open("wb") as file:
        np.savez(file, **values)


def read_profile(folder: Path) -> Profile | None:
    """Read the profile of a run; None if it has none, because an older version made the run.

    Raises:
        DataError: The file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        content = read_arrays(path)
        missing = [field.name for field in fields(Profile) if field.name not in content]
        if missing:
            raise ValueError(f"it has no {missing[0]}")
        if any(content[field.name].dtype.kind != "f" for field in fields(Profile)):
            raise ValueError("it must hold floating-point numbers")
        profile = Profile(**{field.name: content[field.name].astype(np.float64) for field in fields(Profile)})
        _check(profile)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is damaged ({' '.join(str(error).split())}); remove this file, or repeat the run with --force."
        ) from None
    return profile


def _check(profile: Profile) -> None:
    """Raise ValueError if the arrays of a profile do not fit together."""
    channels = profile.mean.shape[-1] if profile.mean.ndim == 1 else -1
    expected = {
        "colour": (), "aspect": (2,), "histogram": (_BINS,), "histogram_limit": (), "mean": (channels,),
        "components": (len(profile.components) if profile.components.ndim else 0, channels), "residual": (),
        "distance_limit": (),
    }  # fmt: skip
    for name, shape in expected.items():
        if getattr(profile, name).shape != shape or not np.isfinite(getattr(profile, name)).all():
            raise ValueError(f"{name} must hold finite numbers of shape {shape}")
    if profile.residual <= 0 or not profile.components.any(axis=1).all():
        raise ValueError("the variance of the features must be above 0")


def _principal(centred: Float) -> tuple[Float, float]:
    """Return the leading principal components (k, D), each divided by its standard deviation, and the variance of a
    channel outside them."""
    n, channels = centred.shape
    count = max(0, min(COMPONENTS, n // 4, channels // 2))
    total = float(np.square(centred).sum() / max(n - 1, 1))
    if count == 0:
        return np.empty((0, channels)), max(total / channels, _FLOOR)
    if n < channels:  # the smaller of two matrices with the same eigenvalues
        values, vectors = linalg.eigh(centred @ centred.T, subset_by_index=(n - count, n - 1))
        axes = (centred.T @ vectors) / np.sqrt(np.maximum(values, _FLOOR))
    else:
        values, axes = linalg.eigh(centred.T @ centred, subset_by_index=(channels - count, channels - 1))
    variances = np.maximum(values / max(n - 1, 1), _FLOOR)
    residual = max((total - float(variances.sum())) / (channels - count), _FLOOR)
    return (axes / np.sqrt(np.maximum(variances, residual))).T, residual


def _limit(training: Float, held_out: Float) -> float:
    return MARGIN * max(
        (float(np.quantile(values, QUANTILE)) for values in (training, held_out) if len(values)), default=0
    )


def _range(values: Float) -> tuple[float, float]:
    return float(values.min()) / _ASPECT_MARGIN, float(values.max()) * _ASPECT_MARGIN
