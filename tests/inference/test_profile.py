"""The profile of training images: what it measures, what it flags, and its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alzbench.errors import DataError
from alzbench.inference.profile import (
    ASPECT,
    COLOUR,
    FEATURES,
    FILE,
    GREY,
    Measures,
    grey_histograms,
    make_profile,
    pooled,
    read_profile,
    write_profile,
)


def draw(seed: int, n: int = 400, shift: float = 0.0) -> Measures:
    rng = np.random.default_rng(seed)
    grey = rng.integers(0, 128, (n, 16, 16, 1), dtype=np.uint8)
    features = rng.normal(shift, 1, (n, 20))
    return Measures(np.zeros(n), rng.uniform(0.8, 1.2, n), grey_histograms(grey), features)


def test_each_measure_flags_alone() -> None:
    profile = make_profile(draw(0), draw(1))
    usual = draw(2)
    flagged = sum(bool(row) for row in profile.reasons(usual))
    assert flagged <= 4  # of 400: the limits hold 99.5 % of the images, with a margin
    white = grey_histograms(np.full((1, 16, 16, 1), 250, np.uint8))
    one = Measures(usual.colour[:1], np.ones(1), usual.histograms[:1], np.zeros((1, 20)))
    for changes, reason in (
        ({"colour": np.array([30.0])}, COLOUR),
        ({"aspect": np.array([2.0])}, ASPECT),
        ({"aspect": np.array([0.5])}, ASPECT),
        ({"histograms": white}, GREY),
        ({"features": np.full((1, 20), 9.0)}, FEATURES),
    ):
        assert profile.reasons(Measures(**{**one.__dict__, **changes})) == [[reason]]


def test_histograms_are_cumulative_shares_and_features_are_means() -> None:
    pixels = np.array([0, 7, 8, 255], np.uint8).reshape(1, 2, 2, 1)
    shares = grey_histograms(pixels)[0]
    assert (shares[0], shares[1], shares[30], shares[31]) == (0.5, 0.75, 0.75, 1.0)
    np.testing.assert_array_equal(grey_histograms(np.repeat(pixels, 3, axis=-1))[0], shares)
    features = np.arange(8, dtype=np.float16).reshape(1, 2, 2, 2)
    assert pooled(features).tolist() == [[3.0, 4.0]]


def test_a_profile_is_stored_and_a_damaged_one_refused(tmp_path: Path) -> None:
    assert read_profile(tmp_path) is None
    profile = make_profile(draw(0), draw(1))
    write_profile(profile, tmp_path)
    stored = read_profile(tmp_path)
    assert stored is not None
    features = draw(2, shift=1.0).features
    np.testing.assert_allclose(stored.distances(features), profile.distances(features), rtol=1e-4)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"profile.npz is damaged"):
        read_profile(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"residual": np.float32(0)}, "must be above 0"),
        ({"components": np.zeros((2, 20), np.float32)}, "must be above 0"),
        ({"mean": np.zeros(20, np.complex64)}, "floating-point"),
        ({"mean": np.array(["a"])}, "floating-point"),
        ({"mean": np.array([print], dtype=object)}, "allow_pickle=False"),
        ({"mean": np.zeros(19, np.float32)}, "of shape"),
    ],
    ids=["residual", "components", "complex", "text", "pickle", "channels"],
)
def test_a_profile_of_other_values_is_refused(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    write_profile(make_profile(draw(0), draw(1)), tmp_path)
    with np.load(tmp_path / FILE) as content:
        values = {**content, **changes}
    np.savez(tmp_path / FILE, allow_pickle=True, **values)
    with pytest.raises(DataError, match=message):
        read_profile(tmp_path)


def test_other_files_are_no_profile(tmp_path: Path) -> None:
    path = tmp_path / FILE
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match=r"not an \.npz file"):
        read_profile(tmp_path)
    np.savez_compressed(path, colour=np.arange(100.0))
    content = bytearray(path.read_bytes())
    content[60:90] = b"\xff" * 30  # of the compressed numbers
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"profile.npz is damaged"):
        read_profile(tmp_path)
