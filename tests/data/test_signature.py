"""Signatures distinguish heads and do not depend on the way a slice was stored."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from alzbench.data.phantom import draw_head, draw_slice
from alzbench.data.signature import SIDE, SIZE, mirrored, signature, unit, whitening


def head_slice(subject: int, level: float = 0.2) -> Image.Image:
    rng = np.random.default_rng([7, subject])
    return Image.fromarray(draw_slice(draw_head(subject % 4, rng), level, rng))


def sign(image: Image.Image, aspect: float | None = None) -> np.ndarray:
    square = image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return signature(np.asarray(square), aspect or image.width / image.height)


def recompressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


@pytest.mark.parametrize(
    "change",
    [
        lambda i: i.resize((96, 113), Image.Resampling.BILINEAR),
        lambda i: i.resize((400, 473), Image.Resampling.BICUBIC),
        recompressed,
        lambda i: ImageEnhance.Brightness(i).enhance(0.8),
        lambda i: i.rotate(12, Image.Resampling.BILINEAR),
        lambda i: i.transform(i.size, Image.Transform.AFFINE, (1.1, 0, -15, 0, 1.1, -5), Image.Resampling.BILINEAR),
    ],
    ids=["smaller", "larger", "recompressed", "darker", "rotated", "zoomed and shifted"],
)
def test_a_changed_slice_keeps_its_signature(change: Callable[[Image.Image], Image.Image]) -> None:
    original = head_slice(1)
    other = max(float(sign(original) @ sign(head_slice(k))) for k in range(2, 8))
    same = float(sign(original) @ sign(change(original)))
    assert same > 0.97
    assert same > other


def test_a_mirrored_slice_has_the_mirrored_signature() -> None:
    flipped = sign(head_slice(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert float(mirrored(flipped[None])[0] @ sign(head_slice(1))) > 0.99


def test_unit_length_and_zero_mean() -> None:
    vector = sign(head_slice(3))
    assert vector.shape == (SIDE * SIDE,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_an_empty_image_has_no_signature() -> None:
    assert not signature(np.zeros((SIZE, SIZE), np.uint8), 1.0).any()


def test_whitening_reduces_the_spread_of_the_components() -> None:
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(500, SIDE * SIDE)) * np.geomspace(10, 0.01, SIDE * SIDE)
    mean, basis = whitening(spread.astype(np.float32), 8)
    plain = spread.std(axis=0)[:8]
    white = ((spread - mean) @ basis).std(axis=0)
    assert white.max() / white.min() < plain.max() / plain.min()
    assert basis.shape == (SIDE * SIDE, 8)


def test_unit_leaves_zeros() -> None:
    assert unit(np.zeros((2, 3), np.float32)).tolist() == [[0, 0, 0], [0, 0, 0]]
