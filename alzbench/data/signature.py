"""Signatures of brain slices, which distinguish heads regardless of an image's size, pose, brightness and quality.

The brain's mask gives a frame (its centroid, its principal axes, its extent along them). The slice is sampled in that
frame, inside a disc, and scaled to zero mean and unit length. Resizing, recompression, brightness, small rotations,
shifts and zooms hardly change the signature, and a mirrored slice has the mirrored signature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

SIDE = 24  # samples along each axis of the frame
SIZE = 128  # side of the decoded slices, in pixels
COMPONENTS = 64  # default number of whitened components
_REACH = 2.0  # extent of the samples along each axis, in standard deviations of the mask
_FLOOR = 0.3  # share of the first omitted component: keeps the whitening from amplifying noise
_FOREGROUND = 0.15  # share of the 95th percentile: darker pixels are background

Float = npt.NDArray[np.float32]

_AXIS = np.linspace(-_REACH, _REACH, SIDE)
_ACROSS, _ALONG = np.meshgrid(_AXIS, _AXIS)
_DISC = np.hypot(_ACROSS, _ALONG) < 1.95


def signature(pixels: npt.NDArray[np.uint8], aspect: float) -> Float:
    """Return the signature (SIDE * SIDE,) of one slice.

    Args:
        pixels: (SIZE, SIZE) grey values.
        aspect: Width divided by height of the slice before it was resized to a square.

    Returns:
        A vector of unit length, or zeros for a slice that is all background.
    """
    image = pixels.astype(np.float32)
    smooth = ndimage.uniform_filter(image, 3)
    mask = ndimage.binary_fill_holes(smooth > _FOREGROUND * np.percentile(smooth, 95))
    rows, columns = np.nonzero(mask)
    if len(rows) < SIDE:
        return np.zeros(SIDE * SIDE, np.float32)
    centre = (len(image) - 1) / 2
    points = np.stack([(columns - centre) * aspect, rows - centre])
    middle = points.mean(axis=1)
    spread, axes = np.linalg.eigh(np.cov(points))
    along = axes[:, 1] * (1 if axes[1, 1] >= 0 else -1)  # the long axis of the head, downwards
    across = np.array([along[1], -along[0]])
    scale = np.sqrt(np.maximum(spread, 1e-3))
    x, y = (middle[i] + _ACROSS * scale[0] * across[i] + _ALONG * scale[1] * along[i] for i in (0, 1))
    blurred = ndimage.gaussian_filter(image, 1.3)
    samples = ndimage.map_coordinates(blurred, [y + centre, x / aspect + centre], order=1, mode="constant")
    samples = np.where(_DISC, samples - samples[_DISC].mean(), 0)
    return (samples / max(float(np.linalg.norm(samples)), 1e-6)).astype(np.float32).ravel()


def mirrored(signatures: Float) -> Float:
    """Return the signatures (n, SIDE * SIDE) of the slices mirrored left to right."""
    return signatures.reshape(-1, SIDE, SIDE)[:, :, ::-1].reshape(len(signatures), -1)


def signatures(pixels: npt.NDArray[np.uint8], aspects: Sequence[float]) -> Float:
    """Return the signatures (n, SIDE * SIDE) of slices (n, SIZE, SIZE)."""
    return np.stack([signature(image, aspect) for image, aspect in zip(pixels, aspects, strict=True)])


def whitening(signatures: Float, components: int = COMPONENTS) -> tuple[Float, Float]:
    """Return the mean (SIDE * SIDE,) of signatures and their whitened principal components (SIDE * SIDE, D).

    The largest differences between slices are common to all heads; whitening gives more weight to those that are
    specific to one head. D is `components`, or the number of signatures minus 1 if that is less.
    """
    mean = signatures.mean(axis=0)
    covariance = (signatures - mean).T @ (signatures - mean)
    squares, axes = np.linalg.eigh(covariance.astype(np.float64))
    count = min(components, len(signatures) - 1)
    strength = np.sqrt(np.maximum(squares[::-1], 1e-12))
    weight = 1 / np.sqrt(strength[:count] + _FLOOR * strength[count])
    return mean, (axes[:, ::-1][:, :count] * weight).astype(np.float32)


def encode(signatures: Float, mean: Float, basis: Float) -> Float:
    """Return signatures (n, SIDE * SIDE) as codes of unit length (n, D); see `whitening` for mean and basis."""
    return unit((signatures - mean) @ basis)


def similarities(signatures: Float, codes: Float, mean: Float, basis: Float) -> Float:
    """Return the similarities (n, m) of signatures (n, SIDE * SIDE) and codes (m, D), at most 1.

    A similarity is the cosine in the whitened basis, of the slice as it is or mirrored, whichever is larger.
    """
    plain, flipped = (encode(s, mean, basis) @ codes.T for s in (signatures, mirrored(signatures)))
    larger: Float = np.maximum(plain, flipped)
    return larger


def unit(rows: npt.NDArray[np.floating]) -> Float:
    """Return rows scaled to unit length; zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Float = (rows / np.maximum(lengths, 1e-6)).astype(np.float32)
    return scaled
