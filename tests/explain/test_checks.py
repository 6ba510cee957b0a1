"""The checks of maps: verdicts, sentences and intervals, on models whose maps are understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from alzbench.explain.checks import known_region, location, run_checks
from alzbench.explain.explain import no_advance
from alzbench.explain.inputs import Inputs, Maps
from alzbench.explain.location import changed_regions
from alzbench.explain.methods import METHODS
from alzbench.explain.results import Checked, Measured, Other, make_check, more_than
from alzbench.progress import Progress
from alzbench.store.explanation import Check, Estimate
from tests.helpers.small_models import CHANNELS, CLASSES, linear_head, make_inputs, stored_model

pytestmark = pytest.mark.slow

N = 48
SUBJECTS = [f"s{k // 2}" for k in range(N)]


def spots(seed: int = 0) -> np.ndarray:
    """Grey images of a bright disc with brighter spots at random places."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32] - 15.5
    pixels = np.zeros((N, 32, 32), np.float64)
    pixels[:, np.hypot(x, y) < 14] = 90
    for image in pixels:
        row, column = rng.integers(6, 24, 2)
        image[row : row + 5, column : column + 5] = 230
    return (pixels + rng.integers(0, 5, pixels.shape)).astype(np.uint8)[..., None]


def head_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(CHANNELS, CLASSES)) * 8


def make_checked(tmp_path: Path, methods: Sequence[str], **options: object) -> Checked:
    model = stored_model(tmp_path, linear_head(np.array([[2.0, -2.0], [1.5, -3.0], [-1.0, 2.0]])))
    inputs = make_inputs(model, spots(), [0] * N, SUBJECTS)
    maps = {name: compute(name, inputs) for name in methods}
    images = pd.DataFrame({"image": [f"{k}.png" for k in range(N)], "subject": SUBJECTS})
    return replace(Checked(inputs, maps, images, compute), **options)  # type: ignore[arg-type]


def edges(inputs: Inputs) -> Maps:
    """A fake map, which depends on the image alone."""
    return np.stack([ndimage.gaussian_gradient_magnitude(image[..., 0].astype(float), 1.0) for image in inputs.pixels])


def compute(method: str, inputs: Inputs) -> Maps:
    if method == "edges":
        return edges(inputs).astype(np.float32)
    maps = METHODS["grad_cam"].function(inputs, no_advance)
    assert maps is not None
    return maps.max(axis=(1, 2), keepdims=True) - maps if method == "reversed" else maps


def found(checks: list[Check], name: str, method: str) -> list[Check]:
    return [check for check in checks if (check.name, check.method) == (name, method)]


def test_a_fake_map_is_called_out_and_a_true_one_is_not(tmp_path: Path) -> None:
    checks = run_checks(make_checked(tmp_path, ["grad_cam", "edges"]), Progress())
    (fake,) = found(checks, "randomisation", "edges")
    assert fake.verdict == "failed"
    assert fake.value.value == pytest.approx(1)
    assert fake.sentence.startswith("This map does not depend on the model: with random weights it stays nearly the")
    (true,) = found(checks, "randomisation", "grad_cam")
    assert true.verdict != "failed"
    assert next(iter(true.steps)) == "logits"
    assert list(true.steps)[-1] == "frozen blocks, all"


def test_maps_of_what_the_model_uses_are_faithful_and_reversed_ones_are_not(tmp_path: Path) -> None:
    checks = run_checks(make_checked(tmp_path, ["grad_cam", "reversed"]), Progress())
    good = {check.against: check for check in found(checks, "faithfulness", "grad_cam")}
    bad = {check.against: check for check in found(checks, "faithfulness", "reversed")}
    assert good["random maps"].verdict == "passed"
    assert bad["random maps"].verdict == "failed"
    assert good["random maps"].subjects == N // 2
    assert {"deletion 0", "deletion 1", "insertion 0.5"} <= set(good["random maps"].steps)


def test_the_maps_of_another_seed_and_variant_are_compared(tmp_path: Path) -> None:
    checked = make_checked(tmp_path, ["grad_cam"])
    (tmp_path / "b").mkdir()
    other = stored_model(tmp_path / "b", linear_head(np.array([[2.1, -2.0], [1.4, -3.1], [-1.1, 2.0]])))
    theirs = replace(checked.inputs, model=other)
    others = [Other("seed", "a/seed-1", theirs), Other("variant", "b/seed-0", theirs)]
    checks = run_checks(replace(checked, others=others), Progress())
    for name in ("repeatability", "reproducibility"):
        (check,) = found(checks, name, "grad_cam")
        assert check.verdict == "passed"
        assert check.value.value > 0.95
    assert "a/seed-1" in found(checks, "repeatability", "grad_cam")[0].label


def test_the_place_of_the_mass_is_measured(tmp_path: Path) -> None:
    checks = run_checks(make_checked(tmp_path, ["grad_cam"]), Progress())
    (head,) = found(checks, "head", "grad_cam")
    assert head.baseline is not None
    assert head.baseline.value == pytest.approx(np.pi * 14**2 / 32**2, abs=0.03)
    assert not found(checks, "pointing", "grad_cam")  # no phantoms


def squares(tmp_path: Path, maps: np.ndarray, names: Sequence[str]) -> Checked:
    """Images of a square of 16 x 16 pixels with dark fluid of 4 x 4, whose maps are given."""
    pixels = np.zeros((N, 32, 32, 1), np.uint8)
    pixels[:, 8:24, 8:24] = 120
    pixels[:, 10:14, 10:14] = 20
    checked = make_checked(tmp_path, [])
    inputs = make_inputs(checked.inputs.model, pixels, [0] * N, SUBJECTS)
    return replace(checked, inputs=inputs, maps={"m": maps}, images=checked.images.assign(image=list(names)))


def test_the_shares_of_head_and_fluid_by_hand(tmp_path: Path) -> None:
    maps = np.zeros((N, 32, 32), np.float32)
    maps[:, 10:14, 10:14] = 1
    maps[:, :4, :4] = 3  # outside the head, so it does not count for the fluid
    by_name = {check.name: check for check in location(squares(tmp_path, maps, "x" * N), Progress()) if check}
    for name, value, baseline in (("head", 1 / 4, 256 / 1024), ("fluid", 1, 16 / 256)):
        check = by_name[name]
        assert check.baseline is not None
        assert (check.value.value, check.baseline.value) == pytest.approx((value, baseline))


@pytest.mark.parametrize(("sign", "value", "verdict"), [(1, 1, "passed"), (-1, 0, "failed")])
def test_the_pointing_game_of_phantoms_by_hand(tmp_path: Path, sign: int, value: int, verdict: str) -> None:
    names = ["OriginalDataset/MildDemented/MildDemented-subject01-slice03.png"] * N
    regions = changed_regions(names, 32)
    assert regions is not None
    head = np.zeros((32, 32), bool)
    head[8:24, 8:24] = True
    inside = np.where(regions & head, 1, 0) * sign
    maps = (inside - inside.min()).astype(np.float32)
    checked = squares(tmp_path, maps, names)
    assert list(known_region(checked, Progress())) == []  # of no other images
    by_name = {check.name: check for check in known_region(replace(checked, source="phantom"), Progress()) if check}
    pointing = by_name["pointing"]
    assert pointing.baseline is not None
    assert pointing.value.value == value
    assert pointing.baseline.value == pytest.approx((regions[0] & head).sum() / 256)
    assert (pointing.verdict, by_name["known_region"].verdict) == (verdict, verdict)
    assert by_name["known_region"].value.value == value


def test_few_subjects_have_no_checks(tmp_path: Path) -> None:
    images = pd.DataFrame({"image": [f"{k}.png" for k in range(N)], "subject": ["a", "b"] * (N // 2)})
    assert run_checks(make_checked(tmp_path, ["grad_cam"], images=images), Progress()) == []


def judge(value: Estimate, baseline: Estimate, difference: Estimate) -> tuple[str, str]:
    return more_than(difference), f"{value.value:.1f} {baseline.value:.1f}"


def test_the_interval_is_wider_with_fewer_subjects() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for n in (10, 200):
        values = rng.random(n)
        measured = Measured(values, np.zeros(n))
        check = make_check("x", "m", "", "", measured, [f"{k}" for k in range(n)], judge)  # type: ignore[arg-type]
        assert check is not None
        assert check.value.high is not None
        assert check.value.low is not None
        widths.append(check.value.high - check.value.low)
    assert widths[0] > 2 * widths[1]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, "passed"), (-0.2, -0.1, "failed"), (-0.1, 0.1, "unclear"), (None, None, "unclear")],
)
def test_a_verdict_needs_an_interval_on_one_side_of_0(low: float | None, high: float | None, verdict: str) -> None:
    assert more_than(Estimate(value=0.0, low=low, high=high)) == verdict


def test_images_without_a_value_count_on_no_side() -> None:
    """A map without mass has no share: its baseline does not count either, and it is not one of the images."""
    values = np.array([0.2, 0.4, 0.6, 0.4, 0.5, np.nan])
    measured = Measured(values, np.array([0.1, 0.1, 0.2, 0.2, 0.1, 1.0]))
    subjects = [f"s{k}" for k in range(6)]
    check = make_check("x", "m", "", "", measured, subjects, lambda *_: ("unclear", ""))
    assert check is not None
    assert check.baseline is not None
    assert check.difference is not None
    assert (check.images, check.subjects) == (5, 5)
    assert check.value.value == pytest.approx(0.42)
    assert check.baseline.value == pytest.approx(0.14)
    assert check.difference.value == pytest.approx(0.28)
