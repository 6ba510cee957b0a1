"""The dark share: a case computed by hand, its properties, the cache, and the sets that it does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alzbench.data import dark_share as module
from alzbench.data.anatomy import fluid_limit
from alzbench.data.dark_share import dark_share, dark_shares, why_not_measured
from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.experiment import DataSettings
from alzbench.progress import Progress

FLUID, GREY, WHITE = 30, 100, 140


def head(dark: int, side: int = 40) -> np.ndarray:
    """Return a slice with a head of 400 pixels, of which `dark` are fluid, and as many as possible are grey."""
    values = np.full(400, GREY)
    values[:100] = WHITE
    values[200 : 200 + dark] = FLUID
    pixels = np.zeros((side, side), np.uint8)
    pixels[10:30, 10:30] = values.reshape(20, 20)
    return pixels


def test_k_means_by_hand() -> None:
    # the median is 100, so the classes start at 30, 90 and 125: 20, 40 | 100, 100, 100 | 120, 140
    values = np.array([20.0, 40, 100, 100, 100, 120, 140])
    # their means are 30, 100 and 130, which change no class
    assert fluid_limit(values) == (30 + 100) / 2


@pytest.mark.parametrize("dark", [40, 80, 120])
def test_the_share_of_a_head_is_that_of_its_fluid(dark: int) -> None:
    assert dark_share(head(dark)) == dark / 400
    assert dark_share(np.stack([head(dark)] * 3, axis=-1)) == dark / 400


@given(st.lists(st.integers(9, 60), min_size=5, max_size=40), st.sampled_from([2, 4]))
def test_twice_as_bright_is_as_dark(values: list[int], factor: int) -> None:
    """While the background stays dark: the classes start at shares of the median."""
    grey = np.array(values, np.float64)
    assert fluid_limit(factor * grey) == pytest.approx(factor * fluid_limit(grey))


@given(st.integers(20, 150), st.integers(1, 40))
def test_more_fluid_is_a_larger_share(dark: int, more: int) -> None:
    assert dark_share(head(dark + more)) > dark_share(head(dark))


@pytest.mark.parametrize("value", [0, 200])
def test_pictures_without_a_head_have_no_share(value: int) -> None:
    assert np.isnan(dark_share(np.full((32, 32), value, np.uint8)))


def make_set(
    root: Path, mode: str = "L", names: tuple[str, ...] = ("NonDemented", "MildDemented"), light: bool = False
) -> ImageSet:
    for place, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for k in range(4):
            pixels = head(40 + 10 * k + 40 * place)
            image = Image.fromarray(np.where(pixels == 0, 90, pixels).astype(np.uint8) if light else pixels)
            if mode == "RGB":
                image = Image.merge("RGB", (image, image.point(lambda v: v // 4), Image.new("L", image.size)))
            image.save(root / name / f"{k}.png")
    return open_image_set(DataSettings(source=str(root), size=40), Progress())


def test_shares_are_measured_once_for_each_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = make_set(tmp_path)
    rows = images.manifest.iloc[::-1]
    first = dark_shares(images, rows, Progress())
    assert first == pytest.approx([dark_share(image) for image in images.pixels.take(rows.index.to_numpy())])
    assert len(set(first)) > 4
    monkeypatch.setattr(module, "_measure", lambda *_: pytest.fail("it measured again"))
    assert (dark_shares(images, images.manifest, Progress())[::-1] == first).all()


def test_shares_of_another_size_are_measured_anew(tmp_path: Path) -> None:
    images = make_set(tmp_path)
    first = dark_shares(images, images.manifest, Progress())
    small = open_image_set(DataSettings(source=str(tmp_path), size=32), Progress())
    expected = [dark_share(image) for image in small.pixels.take(small.manifest.index.to_numpy())]
    assert dark_shares(small, small.manifest, Progress()) == pytest.approx(expected)
    assert dark_shares(images, images.manifest, Progress()) == pytest.approx(first)


def test_grey_slices_with_a_healthy_class_are_measured(tmp_path: Path) -> None:
    assert why_not_measured(make_set(tmp_path)) == ""


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mode": "RGB"}, "its images are coloured"),
        ({"light": True}, "no dark background"),
        ({"names": ("tumour", "oedema")}, "no class of healthy people"),
    ],
    ids=["colour", "light", "no-healthy"],
)
def test_sets_that_it_does_not_fit(tmp_path: Path, options: dict[str, object], reason: str) -> None:
    assert reason in why_not_measured(make_set(tmp_path, **options))  # type: ignore[arg-type]
