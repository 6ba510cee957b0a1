"""The array store: added rows can be read, completely or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alzbench.arrays import ArrayStore

SHAPE = (2, 3)


def rows(*values: int) -> np.ndarray:
    return np.stack([np.full(SHAPE, value, np.int16) for value in values])


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    return ArrayStore(tmp_path / "store", SHAPE, np.int16)


def test_added_rows_are_read_in_any_order(store: ArrayStore) -> None:
    store.add(["a", "b"], rows(1, 2))
    store.add(["c"], rows(3))
    selected = store.rows(["c", "a", "b", "a"])
    assert selected.shape == (4, *SHAPE)
    assert np.array_equal(selected.take(np.array([3, 0, 1])), rows(1, 3, 1))
    assert np.array_equal(selected.take(slice(1, 3)), rows(1, 2))


def test_missing_keys_are_named_once_in_order(store: ArrayStore) -> None:
    store.add(["b"], rows(2))
    assert store.missing(["c", "b", "a", "c"]) == ["c", "a"]


def test_a_missing_row_cannot_be_read(store: ArrayStore) -> None:
    with pytest.raises(KeyError):
        store.rows(["a"])


def test_another_shape_is_refused(store: ArrayStore) -> None:
    with pytest.raises(ValueError, match=r"expected 2 rows of shape \(2, 3\), got"):
        store.add(["a", "b"], rows(1))


def test_stores_on_one_folder_see_each_others_chunks(store: ArrayStore) -> None:
    other = ArrayStore(store.folder, SHAPE, np.int16)
    assert other.missing(["a"]) == ["a"]
    store.add(["a"], rows(1))
    assert other.missing(["a"]) == []


def test_numbers_are_stored_in_the_type_of_the_store(store: ArrayStore) -> None:
    store.add(["a"], rows(7).astype(np.float64))
    assert store.rows(["a"]).take(slice(None)).dtype == np.int16


@pytest.mark.parametrize(("shape", "dtype"), [((3, 2), np.int16), (SHAPE, np.float16)], ids=["shape", "type"])
def test_chunks_of_another_shape_or_type_are_not_read(store: ArrayStore, shape: tuple[int, int], dtype: Any) -> None:
    store.add(["a"], rows(1))
    assert ArrayStore(store.folder, shape, dtype).missing(["a"]) == ["a"]


def test_a_store_reads_rows_that_replace_a_damaged_chunk(store: ArrayStore) -> None:
    store.add(["a", "b"], rows(1, 2))
    (path,) = store.folder.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-1])
    fresh = ArrayStore(store.folder, SHAPE, np.int16)
    assert fresh.missing(["a", "b"]) == ["a", "b"]
    fresh.add(["a", "b"], rows(1, 2))  # the same keys, so the same file names
    assert fresh.missing(["a", "b"]) == []
    assert np.array_equal(fresh.rows(["b", "a"]).take(slice(None)), rows(2, 1))


def test_a_damaged_chunk_does_not_hide_an_intact_one(store: ArrayStore) -> None:
    store.add(["a", "b"], rows(1, 2))
    (path,) = store.folder.glob("*.npy")
    store.add(["a"], rows(1))
    path.write_bytes(b"")
    assert ArrayStore(store.folder, SHAPE, np.int16).missing(["a", "b"]) == ["b"]


def test_a_chunk_that_shrinks_while_it_is_read_is_an_error(store: ArrayStore) -> None:
    store.add(["a", "b"], rows(1, 2))
    selected = store.rows(["a", "b"])
    (path,) = store.folder.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-1])
    assert np.array_equal(selected.take(np.array([0])), rows(1))
    with pytest.raises(OSError, match="became shorter while it was read"):
        selected.take(np.array([1]))


def test_only_one_process_computes_at_a_time(store: ArrayStore) -> None:
    computed = []

    def compute() -> None:
        other = ArrayStore(store.folder, SHAPE, np.int16)
        with other.writing():
            computed.extend(other.missing(["a"]))

    with store.writing():
        thread = Thread(target=compute)
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        store.add(["a"], rows(1))
    thread.join()
    assert computed == []


@pytest.mark.parametrize("suffix", [".npy", ".keys"])
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_damaged_chunk_is_computed_again(store: ArrayStore, suffix: str, keep: float) -> None:
    store.add(["a", "b", "c"], rows(1, 2, 3))
    (path,) = store.folder.glob(f"*{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    fresh = ArrayStore(store.folder, SHAPE, np.int16)
    assert fresh.missing(["a", "b", "c"]) == ["a", "b", "c"]
    fresh.add(["a", "b", "c"], rows(4, 5, 6))
    again = ArrayStore(store.folder, SHAPE, np.int16)
    assert np.array_equal(again.rows(["a", "c"]).take(slice(None)), rows(4, 6))


def test_an_interrupted_write_leaves_nothing(store: ArrayStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(file: Any, array: np.ndarray, **_: Any) -> None:
        file.write(array.tobytes()[:5])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(np, "save", half)
        with pytest.raises(KeyboardInterrupt):
            store.add(["a"], rows(1))
    assert [path.suffix for path in store.folder.iterdir()] == [".keys"]
    assert ArrayStore(store.folder, SHAPE, np.int16).missing(["a"]) == ["a"]


@pytest.mark.parametrize("start", [b"PK\x03\x04 no archive", b"\x93NUMPY\x01\x00\x06\x00(((((\n"])
def test_a_chunk_of_another_kind_is_computed_again(store: ArrayStore, start: bytes) -> None:
    store.add(["a"], rows(1))
    (path,) = store.folder.glob("*.npy")
    path.write_bytes(start)
    assert ArrayStore(store.folder, SHAPE, np.int16).missing(["a"]) == ["a"]


def test_pickled_objects_are_not_loaded(store: ArrayStore) -> None:
    store.add(["a"], rows(1))
    (path,) = store.folder.glob("*.npy")
    np.save(path, np.array([{"evil": 1}], dtype=object), allow_pickle=True)
    assert ArrayStore(store.folder, SHAPE, np.int16).missing(["a"]) == ["a"]


def test_chunks_have_a_bounded_size() -> None:
    assert ArrayStore(Path("x"), (4, 4, 1280), np.float16).chunk_rows * 40960 <= 128 * 2**20
    assert ArrayStore(Path("x"), (10**9,), np.float16).chunk_rows == 1


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=5),
    st.lists(st.integers(0, 30), max_size=20),
    st.lists(st.integers(0, 10**6), max_size=30),
)
def test_any_batches_and_any_gather(batches: list[list[int]], wanted: list[int], picks: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = ArrayStore(Path(folder), SHAPE, np.int16)
        for batch in batches:
            batch_keys = [str(value) for value in dict.fromkeys(batch)]
            if fresh := store.missing(batch_keys):
                store.add(fresh, rows(*map(int, fresh)))
        known = {str(value) for batch in batches for value in batch}
        keys = [str(value) for value in wanted]
        assert store.missing(keys) == [key for key in dict.fromkeys(keys) if key not in known]
        present = [key for key in keys if key in known]
        expected = [int(key) for key in present]
        selected = store.rows(present)
        assert selected.shape == (len(present), *SHAPE)
        assert selected.take(slice(None))[:, 0, 0].tolist() == expected
        at = np.array([pick % len(present) for pick in picks] if present else [], dtype=np.int64)
        gathered = selected.take(at)
        assert gathered.shape == (len(at), *SHAPE)
        assert (gathered == np.array(expected, dtype=np.int16)[at][:, None, None]).all()
