"""Files and folders appear complete or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench import atomic


def test_a_file_is_replaced_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    atomic.write_text(path, "old")
    with atomic.replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.suffix == ".txt"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def write_half_and_fail(path: Path) -> None:
    path.write_text("half")
    (path.parent / "no such folder" / "file").write_text("x")


def test_a_failure_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    atomic.write_text(path, "old")
    with pytest.raises(FileNotFoundError), atomic.replacing(path) as temporary:
        write_half_and_fail(temporary)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_what_the_umask_allows(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_folder_appears_complete(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with atomic.new_folder(target) as temporary:
        (temporary / "file").write_text("x")
        assert not target.exists()
    assert (target / "file").read_text() == "x"


def test_a_file_keeps_all_its_suffixes(tmp_path: Path) -> None:
    # np.save and Keras append theirs if the temporary name lacks it, and would write another file
    with atomic.replacing(tmp_path / "model.weights.h5") as temporary:
        assert temporary.name.endswith(".weights.h5")


def write_half_and_interrupt(path: Path) -> None:
    path.write_text("half")
    raise KeyboardInterrupt


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic.replacing(tmp_path / "file.txt") as temporary:
        write_half_and_interrupt(temporary)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("x")
    with pytest.raises(OSError, match="not empty"), atomic.new_folder(tmp_path / "folder") as temporary:
        (temporary / "new").write_text("x")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "old"]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.new_folder(tmp_path / "folder") as temporary:
        write_half_and_fail(temporary / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_the_name_of_the_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="but a folder has its name") as caught:
        atomic.write_text(tmp_path, "x")
    assert caught.value.filename == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_the_file_and_not_the_temporary_file() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        atomic.write_text(Path("/proc/file.txt"), "x")
    assert caught.value.filename == "/proc/file.txt"


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with atomic.replacing_folder(tmp_path / "folder") as temporary:
            (temporary / name).write_text("x")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "new"]


def test_a_failed_folder_leaves_the_one_before(tmp_path: Path) -> None:
    with atomic.replacing_folder(tmp_path / "folder") as temporary:
        (temporary / "old").write_text("x")
    with pytest.raises(FileNotFoundError), atomic.replacing_folder(tmp_path / "folder") as temporary:
        write_half_and_fail(temporary / "file")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "old"]


def test_a_folder_that_cannot_be_moved_leaves_the_one_before(tmp_path: Path) -> None:
    with atomic.replacing_folder(tmp_path / "folder") as temporary:
        (temporary / "old").touch()
    with pytest.raises(FileNotFoundError), atomic.replacing_folder(tmp_path / "folder") as temporary:
        temporary.rmdir()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "old"]
