"""Image files: content hashes, checks, and a cache of decoded images."""

from __future__ import annotations

import hashlib
import io
import itertools
import stat
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
MAX_FILE_BYTES = 2**30  # of a file that is read into memory
THREADS = 4  # Pillow and hashlib release the interpreter lock; more threads only hide the disk's latency
_COLOUR_SIDE = 64
_VERSION = 1  # of the decoding; a new version starts a new cache

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Decoded:
    """Decoded images: `N` readable files, `S` pixels along each side, `C` channels.

    Attributes:
        files: The rows of the readable files, with digest, width and height (pixels in the file) added.
        pixels: (N, S, S, C) uint8 in [0, 255], in the order of `files`.
        bad: One row per unusable file: image, path, reason.
    """

    files: pd.DataFrame
    pixels: Rows
    bad: pd.DataFrame


def decode(files: pd.DataFrame, size: int, channels: int, progress: Progress) -> Decoded:
    """Decode all images of a table with the columns image and path, or read them from the cache.

    Images are converted to `channels` (1: grey, 3: RGB) and resized to `size` x `size` pixels, bilinear with
    antialiasing and without keeping the aspect ratio, as in the reference work.
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
    """Return each file's content hash ('' if it cannot be read), and row -> reason for each unreadable file."""
    digests, bad = [], {}
    with progress.track("reading files", len(files)) as advance, ThreadPoolExecutor(THREADS) as pool:
        for row, (digest, reason) in enumerate(pool.map(content_digest, files["path"], chunksize=64)):
            digests.append(digest)
            if reason:
                bad[row] = reason
            advance()
    return digests, bad


def content_digest(path: str) -> tuple[str, str]:
    """Return a hash of a file's content, or '' with the reason why it cannot be read."""
    try:
        if reason := _unreadable(Path(path)):
            return "", reason
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest(), ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"


def _decode_missing(
    files: pd.DataFrame, first: dict[str, int], pixels: ArrayStore, sides: ArrayStore, progress: Progress
) -> dict[str, str]:
    """Decode the images at rows `first[digest]` into the stores; return digest -> reason for each unusable image."""
    unreadable: dict[str, str] = {}
    size, _, channels = pixels.shape
    digests = iter(sorted(first, key=first.__getitem__))
    with progress.track("decoding images", len(first)) as advance, ThreadPoolExecutor(THREADS) as pool:
        while chunk := list(itertools.islice(digests, pixels.chunk_rows)):
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


def decode_image(path: str | Path, size: int, channels: int) -> tuple[Pixels, tuple[int, int]] | str:
    """Return an image (size, size, channels) of uint8 with its width and height in the file, or why it is unusable."""
    image = read_image(path)
    return image if isinstance(image, str) else (resize(image, size, channels), image.size)


def read_image(path: str | Path) -> Image.Image | str:
    """Return the picture in an image file, in its own size and colours, or why it is unusable."""
    try:
        if reason := _unreadable(Path(path)):
            return reason
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(Path(path).read_bytes())) as image:
                if reason := unusable_sides(*image.size):
                    return reason
                if (pages := getattr(image, "n_frames", 1)) > 1 and image.format in ("TIFF", "PNG"):
                    return f"{pages} pages; save each page as a file of its own"
                if image.mode.startswith(("I", "F")) and (reason := _too_deep(image)):
                    return reason
                image.info.pop("transparency", None)  # not used, and Pillow would warn about it
                image.load()
                image.crop((0, 0, 1, 1)).convert("L")  # raises ValueError for colours that `resize` cannot convert
                return image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"more than {MAX_PIXELS // 10**6} million pixels"
    except UnidentifiedImageError:
        return "not an image file"
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        return f"damaged: {error}"


def _unreadable(path: Path) -> str:
    """Return why a file cannot be read into memory; empty if it can. Raises OSError if it is not there."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(
        found.st_mode
    ):  # to open a pipe waits until another process writes into it
        return "not a file, but a pipe, socket or device"
    return f"a file of more than {MAX_FILE_BYTES // 2**20} MiB" if found.st_size > MAX_FILE_BYTES else ""


def unusable_sides(width: int, height: int) -> str:
    """Return why a picture of this many pixels cannot be used; empty if it can."""
    if min(width, height) < MIN_SIDE:
        return f"{width} x {height} pixels, but at least {MIN_SIDE} x {MIN_SIDE} are required"
    if width * height > MAX_PIXELS:
        return f"{width} x {height} pixels, but at most {MAX_PIXELS // 10**6} million are supported"
    return ""


def resize(image: Image.Image, size: int, channels: int) -> Pixels:
    """Return a picture as pixels (size, size, channels), see `decode`: the preprocessing of all images."""
    plain = image.convert("L" if channels == 1 else "RGB")
    resized = plain.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8).reshape(size, size, channels)


def colourfulness(image: Image.Image) -> float:
    """Return the mean difference between the largest and the smallest of a pixel's channels, in [0, 255]; 0: grey."""
    if len(image.getbands()) == 1 and image.mode != "P":
        return 0.0
    small = np.asarray(image.convert("RGB").resize((_COLOUR_SIDE, _COLOUR_SIDE), Image.Resampling.BOX), np.float32)
    return float((small.max(axis=2) - small.min(axis=2)).mean())


def _too_deep(image: Image.Image) -> str:
    """Return why an image has too many bits per value, or '': Pillow would clip its values without a warning."""
    if image.mode.startswith("F"):
        return "floating-point pixels; convert them to 8 bits"
    highest = int(np.asarray(image.convert("I")).max())
    return f"values up to {highest}, but at most 255 are supported; convert them to 8 bits" if highest > 255 else ""


def image_list(names: Sequence[str], limit: int = 10) -> str:
    """Return up to `limit` names, one per line, and the number of the others."""
    more = f"\n  and {len(names) - limit} more" if len(names) > limit else ""
    return "\n".join(f"  {name}" for name in names[:limit]) + more
