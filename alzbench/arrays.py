"""Arrays on disk, found by the content that they were computed from.

A store is a folder of chunks. A chunk is two files: `<name>.keys`, a text line a row, and `<name>.npy`, the rows. The
array is renamed into place last, so a chunk is there whole or not at all: a process may be killed at any moment,
and several may add to one store at once (the same row twice costs space, never correctness).
"""

from __future__ import annotations

import errno
import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock
import numpy as np
import numpy.typing as npt

from alzbench import atomic

CHUNK_BYTES = 128 * 2**20


class ArrayStore:
    """Rows of one shape and type, each under a key (a content hash).

    Args:
        folder: Where the chunks lie; made when something is added.
        shape: Shape of one row.
        dtype: Type of the stored numbers.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.folder = folder
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._chunks: list[Path] = []
        self._seen: set[Path] = set()
        self._where: dict[str, tuple[int, int]] = {}

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def chunk_rows(self) -> int:
        """How many rows to add at a time: about 128 MiB of them."""
        return max(1, CHUNK_BYTES // self.row_bytes)

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return those of `keys` that are not stored, each once, in order."""
        self._refresh()
        return [key for key in dict.fromkeys(keys) if key not in self._where]

    def add(self, keys: Sequence[str], rows: npt.NDArray[np.generic]) -> None:
        """Store `rows[i]` under `keys[i]` in one new chunk; raises ValueError for another shape."""
        if rows.shape != (len(keys), *self.shape):
            raise ValueError(f"{len(keys)} rows of shape {self.shape} expected, got {rows.shape}")
        text = "\n".join(keys)
        path = self.folder / f"{_chunk_name(text)}.npy"
        atomic.write_text(path.with_suffix(".keys"), text)
        with atomic.replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, rows.astype(self.dtype, copy=False), allow_pickle=False)
        self._seen.discard(path)  # the same keys have the same name: this may replace a chunk that was found damaged

    def rows(self, keys: Sequence[str]) -> Rows:
        """Return the stored rows of `keys`, in that order, read when gathered; raises KeyError where one is missing."""
        self._refresh()
        places = np.array([self._where[key] for key in keys], dtype=np.int64).reshape(-1, 2)
        return Rows(self._chunks, places, self.shape, self.dtype)

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
            self._where.update({key: (len(self._chunks), row) for row, key in enumerate(keys)})
            self._chunks.append(path)

    def _chunk_keys(self, path: Path) -> list[str]:
        """Return the keys of a sound chunk, and none of a damaged one: its rows are then computed again."""
        try:
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
            text = path.with_suffix(".keys").read_text(encoding="utf-8")
        except (OSError, ValueError, EOFError):
            return []
        keys = text.split("\n")
        sound = (rows.shape, rows.dtype, path.stem) == ((len(keys), *self.shape), self.dtype, _chunk_name(text))
        return keys if sound else []


class Rows:
    """A selection of stored rows, read from the chunks batch by batch.

    Rows are read into the caller's array, not mapped: a mapped row would count as this process's memory for as long as
    the system keeps it cached, and a training reads every row of many gigabytes in every epoch.
    """

    def __init__(
        self, chunks: list[Path], places: npt.NDArray[np.int64], shape: tuple[int, ...], dtype: np.dtype
    ) -> None:
        self.shape = (len(places), *shape)
        self.dtype = dtype
        self._places = places
        self._chunks = {int(c): (chunks[c], _data_offset(chunks[c])) for c in np.unique(places[:, 0])}

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, indices: npt.NDArray[np.integer] | slice) -> npt.NDArray[np.generic]:
        """Return the rows at `indices` as one array in memory."""
        places = self._places[indices]
        out = np.empty((len(places), *self.shape[1:]), self.dtype)
        flat = out.reshape(len(places), math.prod(self.shape[1:]))
        for chunk in np.unique(places[:, 0]):
            path, offset = self._chunks[int(chunk)]
            with path.open("rb", buffering=0) as file:
                for i in np.flatnonzero(places[:, 0] == chunk):
                    _read_into(file, flat[i], offset + int(places[i, 1]) * flat[i].nbytes)
        return out


def _chunk_name(keys: str) -> str:
    """Return the name of a chunk with these keys, a line each: a keys file that was cut does not fit its name."""
    return hashlib.sha256(keys.encode()).hexdigest()[:24]


def _data_offset(path: Path) -> int:
    """Return where the numbers of a .npy file begin."""
    rows: np.memmap = np.load(path, mmap_mode="r", allow_pickle=False)
    return int(rows.offset)


def _read_into(file: io.FileIO, row: npt.NDArray[np.generic], offset: int) -> None:
    view = row.view(np.uint8).data
    file.seek(offset)
    while view:
        count = file.readinto(view)
        if not count:
            raise OSError(errno.EIO, "a chunk of the cache became shorter while it was read", file.name)
        view = view[count:]
