"""Checkpoints: saved values are read back, and damaged files are ignored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alzbench.training.checkpoint import Checkpoint


@pytest.fixture
def state() -> Checkpoint:
    arrays = [np.arange(3.0), np.array(7, np.int64)]
    return Checkpoint([{"epoch": 1, "loss": 0.5}], arrays, [np.ones((2, 2))], arrays[:1], 0, [np.eye(2)])


def test_round_trip(state: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    state.variables = [np.array(k) for k in range(12)]  # more than ten, so that text order would differ
    state.save(path)
    loaded = Checkpoint.load(path)
    assert (loaded.history, loaded.best_epoch) == (state.history, 0)
    assert [int(v) for v in loaded.variables] == list(range(12))
    assert np.array_equal(loaded.optimizer[0], np.ones((2, 2)))
    assert np.array_equal(loaded.logits[0], np.eye(2))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_ignored(state: Checkpoint, tmp_path: Path, share: float) -> None:
    path = tmp_path / "checkpoint.npz"
    state.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert Checkpoint.load(path) == Checkpoint()


def test_a_missing_file_is_an_empty_checkpoint(tmp_path: Path) -> None:
    assert Checkpoint.load(tmp_path / "none.npz") == Checkpoint()


def test_objects_are_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    np.savez(path, about=np.array([{"evil": 1}], dtype=object))
    assert Checkpoint.load(path) == Checkpoint()


def test_a_checkpoint_of_an_older_version_is_read(state: Checkpoint, tmp_path: Path) -> None:
    """Its logits have another name."""
    path = tmp_path / "checkpoint.npz"
    state.save(path)
    with np.load(path) as content:
        arrays = {name.replace("logits-", "answers-"): content[name] for name in content.files}
    assert "answers-00000" in arrays
    np.savez(path, **arrays)
    loaded = Checkpoint.load(path)
    assert np.array_equal(loaded.logits[0], np.eye(2))
    assert (loaded.history, loaded.best_epoch) == (state.history, state.best_epoch)


def test_damaged_compressed_numbers_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    np.savez_compressed(path, about=np.arange(100.0))
    content = bytearray(path.read_bytes())
    content[60:90] = b"\xff" * 30
    path.write_bytes(content)
    assert Checkpoint.load(path) == Checkpoint()
