"""Stored explanations with invented maps and checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alzbench.explain.overlay import blended
from alzbench.store.explanation import Check, Contents, Estimate, MethodInfo, relative_maps, writing_explanation

METHODS = {
    "attention": MethodInfo(label="Attention", reference="Vaswani et al. 2017"),
    "grad_cam": MethodInfo(label="Grad-CAM", reference="Selvaraju et al. 2017"),
}
SIZE = (52, 44)  # height and width of a slice


def make_check(method: str, name: str = "randomisation", verdict: str = "passed", **changes: Any) -> Check:
    """Return a check."""
    values = {
        "name": name, "method": method, "label": f"the {name} check", "verdict": verdict,
        "value": Estimate(value=0.25, low=0.125, high=0.375), "against": "unrelated images",
        "baseline": Estimate(value=0.5, low=0.4375, high=0.5625),
        "difference": Estimate(value=-0.25, low=-0.375, high=-0.125),
        "sentence": f"{name} is {verdict}", "images": 40, "subjects": 9,
        "steps": {"head": 0.75, "block 16": 0.25} if name == "randomisation" else {},
    }  # fmt: skip
    return Check.model_validate({**values, **changes})


def make_images(classes: Sequence[str] = ("A", "B"), subjects: int = 12, slices: int = 2) -> pd.DataFrame:
    """Return explained images: of each class the first subject is predicted right, the next one wrong, and so on."""
    rows = []
    for subject in range(subjects):
        label, wrong = subject % len(classes), subject // len(classes) % 2
        for number in range(slices):
            predicted = classes[(label + wrong) % len(classes)]
            rows.append(
                {"image": f"{subject}-{number}.png", "subject": f"s{subject}", "slice": str(number),
                 "label": classes[label], "predicted": predicted, "confidence": 0.5 + subject / 100 + number / 1000,
                 "group": "sample" if number else "error" if classes[label] != predicted else "right"}
            )  # fmt: skip
    return pd.DataFrame(rows)


def draw_slices(count: int, seed: int = 0, size: tuple[int, int] = SIZE) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return grey pictures of an ellipse with a spot."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
    return [
        (160 * (x**2 + y**2 < 0.8) * rng.uniform(0.8, 1, x.shape) - 90 * ((x - a) ** 2 + y**2 < 0.04)).clip(0, 255)
        .astype(np.uint8)
        for a in rng.uniform(-0.4, 0.4, count)
    ]  # fmt: skip


def write_explanation(
    run_folder: Path,
    images: pd.DataFrame | None = None,
    *,
    methods: Mapping[str, MethodInfo] = METHODS,
    checks: Sequence[Check] | None = None,
    subject: bool = False,
    pictures: Sequence[Any] | None = None,
    seed: int = 0,
    heads: int = 2,
    side: int = 4,
) -> Path:
    """Store an explanation; attention weights, or with `subject` slice weights, are part of it if `heads` is not 0."""
    images = make_images() if images is None else images
    n, rng = len(images), np.random.default_rng(seed)
    slices = draw_slices(n, seed) if pictures is None else pictures
    checks = [make_check(method) for method in methods] if checks is None else checks
    with writing_explanation(run_folder) as writer:
        writer.write_images(images)
        for row, picture in enumerate(slices):
            writer.write_picture(row, picture)
        for method in methods:
            maps = relative_maps(rng.gamma(1, size=(n, side, side)))
            writer.write_array(method, maps)
            for row, picture in enumerate(slices):
                writer.write_picture(row, blended(picture, maps[row]), method)
        if heads and subject:
            weights = (
                pd.Series(rng.gamma(2, size=n)).groupby(images["subject"].to_numpy()).transform(lambda w: w / w.sum())
            )
            writer.write_array("slice_weights", weights.to_numpy(np.float32))
        elif heads:
            weights = rng.gamma(1, size=(n, heads, side**2, side**2))
            writer.write_array("attention_weights", (weights / weights.sum(-1, keepdims=True)).astype(np.float16))
        writer.write_contents(Contents(methods=dict(methods), checks=list(checks), subject=subject))
    return run_folder / "explain"
