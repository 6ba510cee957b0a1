"""Arrays on disk, under the hash of the content that they were computed from.

A store is a folder of chunks. A chunk is two files: `<name>.keys`, one line of text per row, and `<name>.npy`, the
rows. The array is renamed into place last, so a chunk is complete or absent: a process may be killed at any moment,
and several may add to one store at the same time (a row that is stored twice costs space, never correctness).
"""

from __future__ import annotations

import errno
import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from alzbench import atomic

CHUNK_BYTES = 128 * 2**20


class ArrayStore:
    """Stored rows of one shape and type, each under a key (a content hash).

    Args:
        folder: Folder of the chunks; it is created when rows are added.
        shape: Shape of one row.
        dtype: Type of the stored numbers.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.folder = folder
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._chunks: list[Path] = []
        self._seen: set[Path] = set()
        self._positions: dict[str, tuple[int, int]] = {}  # key -> chunk, row

    @property
    def row_bytes(self) -> int:
        """Size of one row in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def chunk_rows(self) -> int:
        """Number of rows to add at a time, about 128 MiB."""
        return max(1, CHUNK_BYTES // self.row_bytes)

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return the `keys` that are not stored, each once, in order."""
        self._refresh()
        return [key for key in dict.fromkeys(keys) if key not in self._positions]

    def add(self, keys: Sequence[str], rows: npt.NDArray[np.generic]) -> None:
        """Store `rows[i]` under `keys[i]` in one new chunk; raises ValueError if the shape is wrong."""
        if rows.shape != (len(keys), *self.shape):
            raise ValueError(f"expected {len(keys)} rows of shape {self.shape}, got {rows.shape}")
        text = "\n".join(keys)
        path = self.folder / f"{_chunk_name(text)}.npy"
        atomic.write_text(path.with_suffix(".keys"), text)
        with atomic.replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, rows.astype(self.dtype, copy=False), allow_pickle=False)
        self._seen.discard(path)  # the same keys give the same name: this may replace a damaged chunk

    def rows(self, keys: Sequence[str]) -> Rows:
        """Return the rows of `keys`, in that order and not yet read; raises KeyError if one is not stored."""
        self._refresh()
        positions = np.array([self._positions[key] for key in keys], dtype=np.int64).reshape(-1, 2)
        return Rows(self._chunks, positions, self.shape, self.dtype)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store's lock, so that two processes do not compute the same rows."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self.folder / ".lock"):
            yield

    def _refresh(self) -> None:
        for path in sorted(self.folder.glob("*.npy")):
            if path in self._seen or path.name.startswith("."):
                continue
            self._seen.add(path)
            keys = self._chunk_keys(path)
            self._positions.update({key: (len(self._chunks), row) for row, key in enumerate(keys)})
            self._chunks.append(path)

    def _chunk_keys(self, path: Path) -> list[str]:
        """Return the keys of an intact chunk, or no keys for a damaged one, whose rows are then computed again."""
        try:
            rows = open_array(path)
            text = path.with_suffix(".keys").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return []
        keys = text.split("\n")
        intact = (rows.shape, rows.dtype, path.stem) == ((len(keys), *self.shape), self.dtype, _chunk_name(text))
        return keys if intact else []


class Rows:
    """A selection of stored rows, read from the chunks on demand.

    Rows are read into memory, not mapped: mapped rows would count as this process's memory for as long as the system
    keeps them cached, and training reads many gigabytes of rows in every epoch.

    Args:
        chunks: The store's chunks.
        positions: (n, 2) index of the chunk and row in it, for each selected row.
        shape: Shape of one row.
        dtype: Type of the stored numbers.
    """

    def __init__(
        self, chunks: list[Path], positions: npt.NDArray[np.int64], shape: tuple[int, ...], dtype: np.dtype
    ) -> None:
        self.shape = (len(positions), *shape)
        self.dtype = dtype
        self._positions = positions
        self._chunks = {int(c): (chunks[c], _data_offset(chunks[c])) for c in np.unique(positions[:, 0])}

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, indices: npt.NDArray[np.integer] | slice) -> npt.NDArray[np.generic]:
        """Return the rows at `indices` as one array; raises OSError if a chunk cannot be read."""
        positions = self._positions[indices]
        out = np.empty((len(positions), *self.shape[1:]), self.dtype)
        flat = out.reshape(len(positions), math.prod(self.shape[1:]))
        for chunk in np.unique(positions[:, 0]):
            path, offset = self._chunks[int(chunk)]
            with path.open("rb", buffering=0) as file:
                for i in np.flatnonzero(positions[:, 0] == chunk):
                    _read_into(file, flat[i], offset + int(positions[i, 1]) * flat[i].nbytes)
        return out


def open_array(path: Path) -> np.memmap:
    """Open the array in a .npy file without reading it, and without executing anything in it.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged, or of another kind.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - NumPy raises many kinds of errors for a damaged header
        raise ValueError(str(error) or type(error).__name__) from None


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays in a .npz file by their names, without executing anything in it; raises as `open_array`."""
    try:
        # opened here, because NumPy does not close a file that it cannot read
        with path.open("rb") as file, _archive(np.load(file, allow_pickle=False)) as content:
            return {name: content[name] for name in content.files}
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - NumPy, zipfile and zlib raise many kinds of errors
        raise ValueError(str(error) or type(error).__name__) from None


def _archive(loaded: Any) -> NpzFile:
    if not isinstance(loaded, NpzFile):
        raise ValueError("it is not an .npz file")
    return loaded


def _chunk_name(keys: str) -> str:
    """Return the name of a chunk from its keys, one per line, so that a truncated file of keys does not match it."""
    return hashlib.sha256(keys.encode()).hexdigest()[:24]


def _data_offset(path: Path) -> int:
    """Return the position of the first number in a .npy file, in bytes."""
    return int(open_array(path).offset)


def _read_into(file: io.FileIO, row: npt.NDArray[np.generic], offset: int) -> None:
    view = row.view(np.uint8).data
    file.seek(offset)
    while view:
        count = file.readinto(view)
        if not count:
            raise OSError(errno.EIO, "A chunk of the cache became shorter while it was read", file.name)
        view = view[count:]
