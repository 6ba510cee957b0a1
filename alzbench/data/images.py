"""Reading image files: content hashes, checks, and a cache in which each image is decoded once."""

from __future__ import annotations

import hashlib
import io
import itertools
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, UnidentifiedImageError

from alzbench.arrays import ArrayStore, Rows
from alzbench.cache import cache_folder
from alzbench.progress import Progress

MIN_SIDE = 16
MAX_PIXELS = 64_000_000
THREADS = 4  # Pillow and hashlib release the interpreter lock; more threads only hide the disk's latency
_VERSION = 1  # of the decoding: a change of it makes new caches


@dataclass(frozen=True)
class Decoded:
    """The readable images of a listing.

    Attributes:
        files: The listing's rows with digest, width and height (pixels in the file) added.
        pixels: (N, S, S, C) uint8 in [0, 255], in the order of `files`.
        bad: Rows image, path, reason: the files that cannot be used.
    """

    files: pd.DataFrame
    pixels: Rows
    bad: pd.DataFrame


def decode(files: pd.DataFrame, size: int, channels: int, progress: Progress) -> Decoded:
    """Read every image of a listing, from the cache where its content was decoded before.

    Images are converted to `channels` (1 grey, 3 RGB) and resized to `size` x `size` pixels, bilinear with
    antialiasing and without keeping the aspect, as the reference work does.
    """
    digests, bad = _digests(files, progress)
    folder = cache_folder() / "images" / f"v{_VERSION}-{size}x{size}x{channels}"
    pixels = ArrayStore(folder / "pixels", (size, size, channels), np.uint8)
    sides = ArrayStore(folder / "sides", (2,), np.int32)
    known = [digest for digest in digests if digest]
    missing = {*pixels.missing(known), *sides.missing(known)}
    first = {digest: row for row, digest in reversed(list(enumerate(digests))) if digest in missing}
    unreadable = _decode_missing(files, first, pixels, sides, progress)
    reasons = pd.Series([bad.get(row) or unreadable.get(digest, "") for row, digest in enumerate(digests)], dtype=str)
    good = files.assign(digest=digests)[(reasons == "").to_numpy()].reset_index(drop=True)
    keys = good["digest"].tolist()
    shape = sides.rows(keys).take(slice(None))
    return Decoded(
        good.assign(width=shape[:, 0], height=shape[:, 1]),
        pixels.rows(keys),
        files[["image", "path"]].assign(reason=reasons.to_numpy())[(reasons != "").to_numpy()].reset_index(drop=True),
    )


def _digests(files: pd.DataFrame, progress: Progress) -> tuple[list[str], dict[int, str]]:
    """Return each file's content hash ('' where it cannot be read) and the reasons by row."""
    digests, bad = [], {}
    with progress.track("reading files", len(files)) as advance, ThreadPoolExecutor(THREADS) as pool:
        for row, (digest, reason) in enumerate(pool.map(_digest, files["path"], chunksize=64)):
            digests.append(digest)
            if reason:
                bad[row] = reason
            advance()
    return digests, bad


def _digest(path: str) -> tuple[str, str]:
    try:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest(), ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"


def _decode_missing(
    files: pd.DataFrame, first: dict[str, int], pixels: ArrayStore, sides: ArrayStore, progress: Progress
) -> dict[str, str]:
    """Decode the images at rows `first[digest]` into the stores and return the reason for each that cannot be."""
    unreadable: dict[str, str] = {}
    size, _, channels = pixels.shape
    wanted = iter(sorted(first, key=first.__getitem__))
    with progress.track("decoding images", len(first)) as advance, ThreadPoolExecutor(THREADS) as pool:
        while chunk := list(itertools.islice(wanted, pixels.chunk_rows)):
            done: list[str] = []
            arrays: list[npt.NDArray[np.uint8]] = []
            shapes: list[tuple[int, int]] = []
            paths = [str(files["path"].iloc[first[digest]]) for digest in chunk]
            results = pool.map(lambda path: decode_image(path, size, channels), paths)
            for digest, result in zip(chunk, results, strict=True):
                advance()
                if isinstance(result, str):
                    unreadable[digest] = result
                else:
                    done.append(digest)
                    arrays.append(result[0])
                    shapes.append(result[1])
            if done:
                pixels.add(done, np.stack(arrays))
                sides.add(done, np.array(shapes, np.int32))
    return unreadable


def decode_image(path: str | Path, size: int, channels: int) -> tuple[npt.NDArray[np.uint8], tuple[int, int]] | str:
    """Return an image as (size, size, channels) uint8 with its width and height in the file, or why it is unusable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(Path(path).read_bytes())) as image:
                width, height = image.size
                if min(width, height) < MIN_SIDE:
                    return f"{width} x {height} pixels, at least {MIN_SIDE} x {MIN_SIDE} are needed"
                if width * height > MAX_PIXELS:
                    return f"{width} x {height} pixels, at most {MAX_PIXELS // 10**6} million are read"
                if image.mode.startswith(("I", "F")) and (reason := _too_deep(image)):
                    return reason
                image.info.pop("transparency", None)  # it is not used, and Pillow would warn of it
                plain = image.convert("L" if channels == 1 else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"more than {MAX_PIXELS // 10**6} million pixels"
    except UnidentifiedImageError:
        return "not an image file"
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        return f"damaged: {error}"
    resized = plain.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8).reshape(size, size, channels), (width, height)


def _too_deep(image: Image.Image) -> str:
    """Return why an image of more than 8 bits a value cannot be read, or '': Pillow would clip its values silently."""
    if image.mode.startswith("F"):
        return "floating-point pixels; 8-bit ones are read"
    highest = int(np.asarray(image.convert("I")).max())
    return f"values up to {highest}, at most 255 are read: bring them to 8 bits" if highest > 255 else ""


def image_list(names: Sequence[str], most: int = 10) -> str:
    """Return names on lines of their own, and how many more there are."""
    more = f"\n  and {len(names) - most} more" if len(names) > most else ""
    return "\n".join(f"  {name}" for name in names[:most]) + more
