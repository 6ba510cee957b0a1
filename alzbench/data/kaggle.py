"""The Kaggle set, downloaded once by kagglehub and found in its cache from then on."""

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

WAYS_OUT = "Or name a folder with --data DIR (ALZBENCH_DATA); --demo needs no data at all."
_ADVICE = {
    401: "Kaggle did not accept your credentials: renew ~/.kaggle/access_token or KAGGLE_API_TOKEN, or remove them, "
    "as public data needs none.",
    403: "Kaggle refused access: open the data set's page in a browser and accept its terms, or check your "
    "credentials.",
    404: "Kaggle knows no such data set or version: check data.kaggle.",
    429: "Kaggle asks to slow down: wait some minutes and give the same command again.",
}


def download(handle: str, quiet: bool = False) -> Path:
    """Return the folder of a Kaggle data set, downloading it where kagglehub's cache does not hold it.

    Args:
        handle: ``owner/name/versions/N``. The version is required, as without it even a cached set needs the network.
        quiet: Hide kagglehub's progress bars.

    Raises:
        DataError: The handle is wrong, Kaggle cannot be reached or refuses, or the download is broken.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+/versions/\d+", handle):
        raise DataError(f"data.kaggle must look like owner/name/versions/N, got {handle!r}.")
    if quiet:
        os.environ.setdefault("TQDM_DISABLE", "1")
        os.environ.setdefault("KAGGLEHUB_VERBOSITY", "error")
    import kagglehub
    import requests
    from kagglehub.exceptions import DataCorruptionError

    # kagglehub unpacks in place and without a lock: two processes would race
    lock = cache_folder() / "kaggle.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(lock):
            return Path(kagglehub.dataset_download(handle))
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        advice = _ADVICE.get(status, "Try again later.")
        raise DataError(f"{handle} could not be downloaded (HTTP {status}). {advice} {WAYS_OUT}") from error
    except requests.RequestException as error:
        raise DataError(
            f"Kaggle cannot be reached to download {handle} ({type(error).__name__}); check the network. {WAYS_OUT}"
        ) from error
    except (DataCorruptionError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, ValueError) as error:
        if isinstance(error, ValueError) and "archive" not in str(error):
            raise DataError(f"kagglehub refused {handle}: {error}. {WAYS_OUT}") from error
        _discard_archive(handle)
        raise DataError(
            f"{handle} arrived damaged and was discarded; give the same command again. {WAYS_OUT}"
        ) from error


def find_cached(handle: str) -> Path | None:
    """Return the folder of a Kaggle data set that kagglehub's cache holds; None where it does not."""
    from kagglehub.cache import Cache
    from kagglehub.handle import parse_dataset_handle

    try:
        found = Cache().load_from_cache(parse_dataset_handle(handle))
    except ValueError:
        return None
    return None if found is None else Path(found)


def _discard_archive(handle: str) -> None:
    """Remove what kagglehub could not unpack: the next call would take it for the archive, already complete."""
    from kagglehub.cache import get_cached_archive_path
    from kagglehub.handle import parse_dataset_handle

    Path(get_cached_archive_path(parse_dataset_handle(handle))).unlink(missing_ok=True)
