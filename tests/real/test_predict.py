"""Predictions of new images by a run on real images: its own probabilities, and warnings of what is unlike them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from alzbench.store import Run
from tests.helpers.command import Command

pytestmark = [pytest.mark.real, pytest.mark.slow]

SHOWN = 60


def coloured(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    colours = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize(image.size, Image.Resampling.BICUBIC)


def noise(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, image.size[::-1], dtype=np.uint8))


UNLIKE = {
    "colour": coloured,
    "noise": noise,
    "inverted": lambda image, rng: ImageOps.invert(image),  # noqa: ARG005
    "rotated": lambda image, rng: image.rotate(90, expand=True),  # noqa: ARG005
}


def test_unlike_images_are_warned_of_and_new_subjects_are_not(
    alzbench: Command, attention_run: Run, real_set: Path, tmp_path: Path
) -> None:
    own = attention_run.predictions().set_index("image")
    folder = real_set / "OriginalDataset"
    assert alzbench("predict", attention_run.path, folder, "--csv", tmp_path / "p.csv", "--quiet").code == 0
    table = pd.read_csv(tmp_path / "p.csv", keep_default_na=False)
    table = table.assign(image="OriginalDataset/" + table["image"]).set_index("image").loc[own.index]
    columns = [name for name in own.columns if name.startswith("p_")]
    np.testing.assert_allclose(table[columns], own[columns], atol=1e-5)
    assert table["subject"].nunique() == own["subject"].nunique()
    flagged = float((table["warning"] != "").mean())
    print(f"flagged of {len(own)} images of new subjects: {flagged:.1%}")
    assert flagged < 0.05
    rng = np.random.default_rng(0)
    for name, change in UNLIKE.items():
        for image in own.index[:: len(own) // SHOWN][:SHOWN]:
            path = tmp_path / name / f"{Path(str(image)).stem}.png"
            path.parent.mkdir(exist_ok=True)
            with Image.open(real_set / str(image)) as opened:
                change(opened.convert("L"), rng).save(path)
        assert (
            alzbench("predict", attention_run.path, tmp_path / name, "--csv", tmp_path / "u.csv", "--quiet").code == 0
        )
        unlike = pd.read_csv(tmp_path / "u.csv", keep_default_na=False)
        share = float((unlike["warning"] != "").mean())
        print(f"flagged of {name}: {share:.0%}")
        assert share > 0.9, name
