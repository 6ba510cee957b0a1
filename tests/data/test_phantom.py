"""The phantom set: reproducible, with the layout of the Kaggle set and with signs of the disease in the images."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from alzbench.data import phantom
from alzbench.data.folder import list_folder
from alzbench.data.names import read_names
from alzbench.data.phantom import AUGMENTED, SLICES, SUBJECTS, changed_region, draw_head, draw_phantom_set, draw_slice
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


def test_subjects_differ_in_everything_that_is_drawn() -> None:
    first, second = (asdict(draw_head(0, np.random.default_rng(k))) for k in (1, 2))
    assert [name for name in first if np.array_equal(first[name], second[name])] == []


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the set small, because drawing all of it takes seconds."""
    monkeypatch.setattr(phantom, "SUBJECTS", dict.fromkeys(SUBJECTS, 2))
    monkeypatch.setattr(phantom, "AUGMENTED", 5)


def test_layout(silent: Progress) -> None:
    files = list_folder(draw_phantom_set(silent), list(SUBJECTS)).files
    assert files["part"].value_counts().to_dict() == {
        "augmented": 4 * AUGMENTED,
        "original": sum(SUBJECTS.values()) * SLICES,
    }
    named = read_names(files.assign(**{"class": np.array(list(SUBJECTS))[files["label"]]}))
    originals = files.join(named[["subject", "slice"]])[files["part"] == "original"]
    assert originals.groupby("label")["subject"].nunique().tolist() == list(SUBJECTS.values())
    assert (originals.groupby("subject")["slice"].nunique() == SLICES).all()


@pytest.mark.usefixtures("small")
def test_the_set_is_the_same_in_every_cache(silent: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = draw_phantom_set(silent)
    monkeypatch.setenv("ALZBENCH_CACHE", str(tmp_path / "other"))
    second = draw_phantom_set(silent)
    assert first != second
    contents = [{str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*.png")} for root in (first, second)]
    assert len(contents[0]) == 4 * (2 * SLICES + 5)
    assert contents[0] == contents[1]
    # no two images are the same, copies included
    assert len(set(contents[0].values())) == len(contents[0])


@pytest.mark.usefixtures("small")
def test_drawn_once(silent: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = draw_phantom_set(silent)
    monkeypatch.setattr(phantom, "_draw_class", None)  # calling it would fail
    assert draw_phantom_set(silent) == folder


@pytest.mark.usefixtures("small")
def test_drawn_once_by_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = phantom._draw_class

    def counting(folder: Path, stage: int) -> None:
        drawn.append(stage)
        draw(folder, stage)

    monkeypatch.setattr(phantom, "_draw_class", counting)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: draw_phantom_set(Progress()), range(2))
    assert first == second
    assert sorted(drawn) == [0, 1, 2, 3]


@pytest.mark.usefixtures("small")
def test_an_incomplete_set_is_not_kept(silent: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, stage: int) -> None:
        (folder / str(stage)).mkdir()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(phantom, "_draw_class", fail)
        with pytest.raises(OSError, match="No space"):
            draw_phantom_set(silent)
    assert len(list(draw_phantom_set(silent).iterdir())) == 2


def test_a_copy_looks_like_its_slice() -> None:
    rng = np.random.default_rng(0)
    original = Image.fromarray(draw_slice(draw_head(1, rng), 0.5, rng))
    for _ in range(10):
        moved = phantom._moved(original, rng)
        assert (moved.size, moved.mode) == (original.size, "L")
        # rotated, shifted and mirrored: the mean grey value is the same, the image is not
        assert np.mean(np.asarray(moved)) == pytest.approx(np.mean(np.asarray(original)), rel=0.05)
        assert np.abs(np.asarray(moved, float) - np.asarray(original, float)).mean() > 1


def test_the_changed_region_is_where_the_stages_of_one_head_differ(silent: Progress) -> None:
    folder = draw_phantom_set(silent) / "OriginalDataset"
    path = sorted((folder / "MildDemented").glob("*slice02.png"))[0]
    region = changed_region(f"OriginalDataset/MildDemented/{path.name}")
    assert region is not None
    rng = np.random.default_rng(0)
    head = draw_head(2, np.random.default_rng([1, 2, 1]))
    stages = [replace(head, cortex=0.20 - 0.035 * s, ventricles=0.14 + 0.12 * s) for s in (0, 3)]
    first, last = (np.mean([draw_slice(one, 0.2, rng) for _ in range(8)], axis=0) for one in stages)
    differ = np.abs(first - last)
    assert differ[region].mean() > 5 * differ[~region].mean()
    assert differ[~ndimage.binary_dilation(region, iterations=4)].max() < 15  # noise only
    # the head of the stored image is the one that was redrawn
    drawn = np.asarray(Image.open(path), float)
    own = draw_slice(head, 0.2, rng).astype(float)
    assert np.corrcoef(drawn.ravel(), own.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    "name",
    [
        "scan.png",
        "MildDemented-subject99-slice01.png",
        "MildDemented-subject01-slice09.png",
        "Other-subject01-slice01.png",
        "MildDemented-subject01-slice01-copy003.png",
    ],
)
def test_images_that_are_not_original_phantoms_have_no_region(name: str) -> None:
    assert changed_region(name) is None
