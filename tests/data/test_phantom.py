"""The phantom set: always the same, laid out as the Kaggle set, and the disease is in the picture."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from alzbench.data import phantom
from alzbench.data.folder import list_folder
from alzbench.data.phantom import AUGMENTED, SLICES, SUBJECTS, draw_head, draw_phantom_set, draw_slice
from alzbench.progress import Progress


def ventricle_area(stage: int, subject: int) -> int:
    """Count the dark pixels in the middle of the head."""
    rng = np.random.default_rng(subject)
    slice_ = draw_slice(draw_head(stage, rng), 0.0, rng)
    height, width = slice_.shape
    middle = slice_[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
    return int((middle < 80).sum())


def test_ventricles_grow_with_the_stage() -> None:
    means = [np.mean([ventricle_area(stage, subject) for subject in range(12)]) for stage in range(4)]
    assert all(later > 1.2 * earlier for earlier, later in itertools.pairwise(means))


def test_the_cortex_thins_with_the_stage() -> None:
    means = [np.mean([draw_head(stage, np.random.default_rng(k)).cortex for k in range(30)]) for stage in range(4)]
    assert means == sorted(means, reverse=True)


def test_subjects_differ_more_than_slices_of_one_subject() -> None:
    heads = [draw_head(0, np.random.default_rng(k)) for k in range(6)]
    slices = [[draw_slice(h, level, np.random.default_rng(1)).astype(float) for level in (0.0, 0.1)] for h in heads]
    within = np.mean([np.abs(a - b).mean() for a, b in slices])
    between = np.mean([np.abs(slices[i][0] - slices[j][0]).mean() for i in range(6) for j in range(i)])
    assert between > 1.5 * within


def test_layout(silent: Progress) -> None:
    files = list_folder(draw_phantom_set(silent), list(SUBJECTS))
    assert files["part"].value_counts().to_dict() == {
        "augmented": 4 * AUGMENTED,
        "original": sum(SUBJECTS.values()) * SLICES,
    }


def test_the_same_everywhere(silent: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = draw_phantom_set(silent)
    monkeypatch.setenv("ALZBENCH_CACHE", str(tmp_path / "other"))
    second = draw_phantom_set(silent)
    assert first != second
    names = sorted(str(p.relative_to(first)) for p in first.rglob("*.png"))
    assert names == sorted(str(p.relative_to(second)) for p in second.rglob("*.png"))
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names[::50])


def test_drawn_once(silent: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = draw_phantom_set(silent)
    monkeypatch.setattr(phantom, "_draw_class", None)  # calling it would fail
    assert draw_phantom_set(silent) == folder


def test_a_half_drawn_set_is_not_kept(silent: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, stage: int) -> None:
        (folder / str(stage)).mkdir()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(phantom, "_draw_class", fail)
        with pytest.raises(OSError, match="No space"):
            draw_phantom_set(silent)
    assert len(list(draw_phantom_set(silent).iterdir())) == 2
