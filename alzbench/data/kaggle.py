"""Kaggle data sets, downloaded once into kagglehub's cache."""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import filelock

from alzbench.cache import cache_folder
from alzbench.errors import DataError

_HANDLE = re.compile(r"[\w.-]+/[\w.-]+(/versions/\d+)?")
_ALTERNATIVES = "Or give a folder with --data DIR (ALZBENCH_DATA); --demo needs no data."
_ADVICE = {
    401: "Kaggle did not accept your credentials: renew ~/.kaggle/access_token or KAGGLE_API_TOKEN, or remove them, "
    "as public data needs none.",
    403: "Kaggle refused access: open the data set's page in a browser and accept its terms, or check your "
    "credentials.",
    404: "Kaggle has no such data set or version: check data.kaggle.",
    429: "Kaggle received too many requests: wait a few minutes and run the same command again.",
}


@dataclass(frozen=True)
class Downloaded:
    """The folder of a set.

    Attributes:
        folder: The folder.
        handle: Its Kaggle handle with its version; empty if it is not from Kaggle.
    """

    folder: Path
    handle: str = ""


def download(handle: str, quiet: bool = False) -> Downloaded:
    """Return the folder of a Kaggle data set; download it first if kagglehub's cache does not contain it.

    Args:
        handle: ``owner/name/versions/N``, or ``owner/name`` for the newest version in the cache, or else on Kaggle.
            A set in the cache needs no network.
        quiet: True to hide kagglehub's progress bars.

    Raises:
        DataError: The handle is wrong, Kaggle cannot be reached or refuses access, or the download is damaged.
    """
    if not _HANDLE.fullmatch(handle):
        raise DataError(f"data.kaggle must look like owner/name or owner/name/versions/N, got {handle!r}.")
    if quiet:
        os.environ.setdefault("TQDM_DISABLE", "1")
        os.environ.setdefault("KAGGLEHUB_VERBOSITY", "error")
    import kagglehub
    import requests
    from kagglehub.exceptions import DataCorruptionError

    if (cached := find_cached(handle)) is not None:
        return cached
    # kagglehub unpacks in place and without a lock, so two processes would write the same files
    lock = cache_folder() / "kaggle.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(lock):
            folder = Path(kagglehub.dataset_download(handle))
            return Downloaded(folder, handle if _is_versioned(handle) else f"{handle}/versions/{folder.name}")
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        advice = _ADVICE.get(status, "Try again later.")
        raise DataError(f"{handle} could not be downloaded (HTTP {status}). {advice} {_ALTERNATIVES}") from error
    except requests.RequestException as error:
        cause = type(error).__name__
        raise DataError(
            f"Kaggle cannot be reached to download {handle} ({cause}); check the network. {_ALTERNATIVES}"
        ) from error
    except (DataCorruptionError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, ValueError) as error:
        if isinstance(error, ValueError) and "archive" not in str(error):
            raise DataError(f"kagglehub refused {handle}: {error}. {_ALTERNATIVES}") from error
        _delete_archive(handle)
        raise DataError(
            f"The download of {handle} was damaged and is deleted; run the same command again. {_ALTERNATIVES}"
        ) from error


def find_cached(handle: str) -> Downloaded | None:
    """Return a Kaggle data set in kagglehub's cache, the newest version if none is named; None if there is none."""
    from kagglehub.cache import Cache, get_cached_path
    from kagglehub.handle import parse_dataset_handle

    try:
        parsed = parse_dataset_handle(handle)
    except ValueError:
        return None
    if not parsed.is_versioned():
        versions = Path(get_cached_path(parsed)) / "versions"
        numbers = sorted((int(path.name) for path in versions.glob("*") if path.name.isdecimal()), reverse=True)
        found = (find_cached(f"{handle}/versions/{number}") for number in numbers)
        return next((cached for cached in found if cached is not None), None)
    folder = Cache().load_from_cache(parsed)
    return None if folder is None else Downloaded(Path(folder), handle)


def _is_versioned(handle: str) -> bool:
    return "/versions/" in handle


def _delete_archive(handle: str) -> None:
    """Delete archives that kagglehub could not unpack, because its next call would take them as complete."""
    from kagglehub.cache import get_cached_archive_path
    from kagglehub.handle import parse_dataset_handle

    parsed = parse_dataset_handle(handle)
    archive = Path(get_cached_archive_path(parsed))
    # without a version in the handle, its number is not known here
    for path in [archive] if parsed.is_versioned() else archive.parent.glob("*.archive"):
        path.unlink(missing_ok=True)
