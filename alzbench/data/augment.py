"""Random views of images: rotation, shift, zoom and horizontal flip, with the distributions of the reference work.

A view depends only on its number, the image's content and the settings, not on the order, the batch, the split or the
run. So views can be computed once, in any order and by any process, and shared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.experiment import AugmentSettings

_VERSION = 1


def view_key(settings: AugmentSettings, view: int) -> str:
    """Return a key of the views that settings give; view 0, the image itself, has one key for all settings."""
    if view == 0:
        return "plain"
    values = settings.model_dump(exclude={"views"})
    return json.dumps({"version": _VERSION, "view": view, **values}, sort_keys=True)


def transforms(digests: Sequence[str], settings: AugmentSettings, view: int, size: int) -> npt.NDArray[np.float32]:
    """Return the (B, 8) transforms from output to input pixels of one view of B images of `size` x `size` pixels.

    Row ``a0 a1 a2 b0 b1 b2 c0 c1`` maps output (x, y) to input (a0 x + a1 y + a2, b0 x + b1 y + b2), as in
    `keras.ops.image.affine_transform`. Rotation and zoom are about the centre of the image.
    """
    drawn = np.stack([_draw(digest, settings, view) for digest in digests])
    angle, dx, dy, zx, zy, flip = drawn.T
    sign = np.where(flip > 0, -1.0, 1.0)
    cos, sin = np.cos(angle), np.sin(angle)
    a0, a1, b0, b1 = sign * cos / zx, -sin / zx, sign * sin / zy, cos / zy
    centre = (size - 1) / 2
    a2 = centre - a0 * centre - a1 * centre + dx * size
    b2 = centre - b0 * centre - b1 * centre + dy * size
    zero = np.zeros_like(a0)
    return np.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1).astype(np.float32)


def augment(
    images: npt.NDArray[np.uint8], digests: Sequence[str], settings: AugmentSettings, view: int
) -> npt.NDArray[Any]:
    """Return one view of images (B, S, S, C) in [0, 255]; pixels outside an image repeat its edge."""
    if view == 0:
        return images
    import keras

    maps = transforms(digests, settings, view, images.shape[1])
    moved = keras.ops.image.affine_transform(
        images.astype(np.float32), maps, interpolation="bilinear", fill_mode="nearest", data_format="channels_last"
    )
    return np.asarray(keras.ops.convert_to_numpy(moved))


def _draw(digest: str, settings: AugmentSettings, view: int) -> npt.NDArray[np.float64]:
    seed = hashlib.sha256(f"{settings.seed}/{view}/{digest}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    angle, dx, dy, zx, zy = rng.uniform(-1, 1, 5)
    flip = settings.horizontal_flip and rng.random() < 0.5
    return np.array(
        [
            np.radians(settings.rotation) * angle,
            settings.shift * dx,
            settings.shift * dy,
            1 + settings.zoom * zx,
            1 + settings.zoom * zy,
            flip,
        ]
    )
