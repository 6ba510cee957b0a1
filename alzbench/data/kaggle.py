"""Kaggle data sets, downloaded once into kagglehub's cache."""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
import zlib
from pathlib import Path

import filelock

from alzbench.cache import cache_folder
from alzbench.errors import DataError

_ALTERNATIVES = "Or give a folder with --data DIR (ALZBENCH_DATA); --demo needs no data."
_ADVICE = {
    401: "Kaggle did not accept your credentials: renew ~/.kaggle/access_token or KAGGLE_API_TOKEN, or remove them, "
    "as public data needs none.",
    403: "Kaggle refused access: open the data set's page in a browser and accept its terms, or check your "
    "credentials.",
    404: "Kaggle has no such data set or version: check data.kaggle.",
    429: "Kaggle received too many requests: wait a few minutes and run the same command again.",
}


def download(handle: str, quiet: bool = False) -> Path:
    """Return the folder of a Kaggle data set; download it first if kagglehub's cache does not contain it.

    Args:
        handle: ``owner/name/versions/N``. The version is required: without it even a cached set needs the network.
        quiet: True to hide kagglehub's progress bars.

    Raises:
        DataError: The handle is wrong, Kaggle cannot be reached or refuses access, or the download is damaged.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+/versions/\d+", handle):
        raise DataError(f"data.kaggle must look like owner/name/versions/N, got {handle!r}.")
    if quiet:
        os.environ.setdefault("TQDM_DISABLE", "1")
        os.environ.setdefault("KAGGLEHUB_VERBOSITY", "error")
    import kagglehub
    import requests
    from kagglehub.exceptions import DataCorruptionError

    # kagglehub unpacks in place and without a lock, so two processes would write the same files
    lock = cache_folder() / "kaggle.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(lock):
            return Path(kagglehub.dataset_download(handle))
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


def find_cached(handle: str) -> Path | None:
    """Return the folder of a Kaggle data set in kagglehub's cache; None if the cache does not contain it."""
    from kagglehub.cache import Cache
    from kagglehub.handle import parse_dataset_handle

    try:
        folder = Cache().load_from_cache(parse_dataset_handle(handle))
    except ValueError:
        return None
    return None if folder is None else Path(folder)


def _delete_archive(handle: str) -> None:
    """Delete an archive that kagglehub could not unpack, because its next call would take it as complete."""
    from kagglehub.cache import get_cached_archive_path
    from kagglehub.handle import parse_dataset_handle

    Path(get_cached_archive_path(parse_dataset_handle(handle))).unlink(missing_ok=True)
