"""Images matched to rows by name: each name finds its own image, or it is refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alzbench.data.matching import match_names
from alzbench.errors import DataError

names = st.text(st.sampled_from("abc"), min_size=1, max_size=3)
paths = st.lists(st.lists(names, min_size=1, max_size=3).map("/".join), min_size=1, max_size=12, unique=True)


@given(stems=paths, seed=st.integers(0, 99))
def test_whole_paths_find_every_image_in_any_order(stems: list[str], seed: int) -> None:
    images = [f"{stem}.png" for stem in stems]
    order = random.Random(seed).sample(range(len(images)), len(images))
    matches = match_names([images[k] for k in order], images, "t.csv")
    assert [order[row] for row in matches.rows if row is not None] == list(range(len(images)))
    assert matches.unused == ()


@given(stems=paths, written=st.sampled_from(["{}.png", "{}", "./{}.png"]))
def test_a_file_name_finds_the_only_image_with_it_or_is_refused(stems: list[str], written: str) -> None:
    images = [f"{stem}.png" for stem in stems]
    for position, stem in enumerate(stems):
        name = stem.rsplit("/", 1)[-1]
        fitting = [k for k, other in enumerate(stems) if other.rsplit("/", 1)[-1] == name]
        top = [k for k in fitting if "/" not in stems[k]]  # the whole path of an image that is in no folder
        if len(fitting) > 1 and not top:
            with pytest.raises(DataError, match="a name must fit one image"):
                match_names([written.format(name)], images, "t.csv")
        else:
            rows = match_names([written.format(name)], images, "t.csv").rows
            assert rows.index(0) == (top or [position])[0]


def test_backslashes_and_folders_from_the_end() -> None:
    matches = match_names(["x\\1.png", "b/2.png", "c/9.png"], ["a/x/1.png", "a/b/2.png", "a/x/2.png"], "t.csv")
    assert matches.rows == (0, 1, None)
    assert matches.unused == (2,)


def test_two_rows_of_one_image_are_refused() -> None:
    with pytest.raises(DataError, match=r"each image must have one row only; a/1.png has '1.png' and 'a/1.png'"):
        match_names(["1.png", "a/1.png"], ["a/1.png"], "t.csv")


def test_part_of_a_name_is_no_match() -> None:
    assert match_names(["1.png"], ["11.png"], "t.csv").rows == (None,)


@pytest.mark.parametrize(
    ("prefix", "ignored"),
    [("C:\\data\\set\\", "C:/data/set"), ("/mnt/scans/", "/mnt/scans"), ("../scans/", "../scans"), ("scans/", "scans")],
)
def test_names_of_a_set_that_was_moved_fit_below_the_folders_they_share(prefix: str, ignored: str) -> None:
    images = ["AD/1.png", "AD/2.png", "CN/1.png"]
    matches = match_names([f"{prefix}{name}" for name in (*reversed(images), "CN/9.png")], images, "t.csv")
    assert matches.rows == (2, 1, 0)
    assert (matches.unused, matches.ignored) == ((3,), ignored)


def test_as_few_folders_as_possible_are_left_out() -> None:
    images = ["train/AD/1.png", "test/AD/1.png", "AD/1.png"]
    assert match_names(["/mnt/train/AD/1.png"], images, "t.csv").rows == (0, None, None)
    # the folders of the classes differ, so that they are never left out
    moved = match_names(["/mnt/a/1.png", "/mnt/b/2.png"], ["1.png", "2.png"], "t.csv")
    assert (moved.rows, moved.ignored) == ((None, None), "")
    # a name that fits as it is shows that the set was not moved
    mixed = match_names(["AD/1.png", "/mnt/AD/2.png"], ["AD/1.png", "AD/2.png"], "t.csv")
    assert (mixed.rows, mixed.unused, mixed.ignored) == ((0, None), (1,), "")


def test_spaces_around_a_name_do_not_count() -> None:
    assert match_names(["1.png", " 2.png ", "3"], [" 1.png", "2.png", "3 .png"], "t.csv").rows == (0, 1, 2)
