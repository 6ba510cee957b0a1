"""Image sets on the Hugging Face Hub, stored there as parquet files, as an image folder in the cache."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from alzbench import atomic
from alzbench.cache import cache_folder
from alzbench.data.parts import part_of
from alzbench.errors import DataError, ExperimentError
from alzbench.progress import Progress

SCHEME = "hf://"
MOST_IMAGE_BYTES = 64 * 2**20
_HANDLE = re.compile(r"hf://(?P<set>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_ENDINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"BM": ".bmp", b"II*\0": ".tif", b"MM\0*": ".tif"}
_BATCH = 256
_LONGEST = 200  # bytes of a class name, as a folder
_VERSION = 2


def open_hub_set(source: str, progress: Progress) -> Path:
    """Return the folder of a set; download and unpack it first if the cache does not contain it.

    The folder has one folder for each split of the set, with one folder per class. The images keep no names, so their
    subjects can be found by content only.

    Args:
        source: ``hf://owner/name`` or ``hf://owner/name@revision``. A revision that is a commit needs no network once
            the set is in the cache.
        progress: Progress display.

    Raises:
        ExperimentError: The source is malformed, or the extra `hub` is not installed.
        DataError: The hub cannot be reached or has no such set, or the set has no images with labels.
    """
    parts = _HANDLE.fullmatch(source)
    if parts is None:
        raise ExperimentError(
            f"data.source must look like hf://owner/name or hf://owner/name@revision, got {source!r}."
        )
    if not all(importlib.util.find_spec(name) for name in ("huggingface_hub", "pyarrow")):
        raise ExperimentError(f"{source} needs the extra hub: pip install 'alzbench[hub]'.")
    downloaded = _download(parts["set"], parts["revision"], source)
    files = sorted(downloaded.rglob("*.parquet"))
    if not files:
        raise DataError(f"{source} must hold parquet files; it has none. Download its images, and use --data DIR.")
    content = hashlib.sha256("".join(f"{file.name}:{file.resolve()}" for file in files).encode()).hexdigest()[:16]
    folder = cache_folder() / "hub" / f"v{_VERSION}" / f"{parts['set'].replace('/', '--')}-{content}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            _unpack({_stem(file, files, downloaded): file for file in files}, folder, source, progress)
    return folder


def _download(name: str, revision: str | None, source: str) -> Path:
    """Return the folder with the parquet files of a set, from the hub or from its cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    def get(**options: Any) -> Path:
        return Path(
            snapshot_download(name, repo_type="dataset", revision=revision, allow_patterns="**.parquet", **options)
        )

    if revision is not None:
        try:
            return get(local_files_only=True)
        except LocalEntryNotFoundError:
            pass
    advice = "Check the name, or download the images and use --data DIR."
    try:
        return get()
    except GatedRepoError:
        raise DataError(f"{source} is gated: accept its terms on its page, and log in with `hf auth login`.") from None
    except RepositoryNotFoundError:
        raise DataError(f"The hub has no public data set {name}, or you may not read it. {advice}") from None
    except LocalEntryNotFoundError as error:
        raise DataError(f"{source} cannot be downloaded ({type(error.__cause__ or error).__name__}); check the "
                        "network, or use --data DIR.") from None  # fmt: skip
    except (HfHubHTTPError, OSError) as error:
        raise DataError(f"{source} cannot be downloaded ({' '.join(str(error).split())[:200]}). {advice}") from None


def _unpack(files: dict[str, Path], folder: Path, source: str, progress: Progress) -> None:
    """Write the images of parquet files, by the beginning of their names, into a folder, all or none."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        total = sum(parquet.read_metadata(file).num_rows for file in files.values())
        with atomic.new_folder(folder) as temporary, progress.track("unpacking images", total) as advance:
            folders: dict[str, str] = {}
            for stem, file in files.items():
                classes = _Columns(parquet.read_schema(file), source)
                for number, label, content in classes.images(parquet.ParquetFile(file)):
                    name, class_folder = classes.name_of(label)
                    if folders.setdefault(class_folder, name) != name:
                        raise DataError(
                            f"{source}: class names must differ in letters or digits; {folders[class_folder]!r} and "
                            f"{name!r} do not. Download its images, and use --data DIR."
                        )
                    target = temporary / _split_of(file) / class_folder
                    target.mkdir(parents=True, exist_ok=True)
                    (target / f"{stem}-{number:06d}{_ending(content, file, number)}").write_bytes(content)
                    advance()
    except (pa.ArrowException, pa.ArrowInvalid) as error:
        raise DataError(f"{source} has a damaged parquet file ({error}); remove it from the hub's cache.") from None


class _Columns:
    """The image and label columns of a parquet file, and the names of its classes."""

    def __init__(self, schema: Any, source: str) -> None:
        self._source = source
        features = _features(schema, source)
        images = [name for name, about in features.items() if _type(about) == "Image"]
        images += [field.name for field in schema if _holds_images(field) and field.name not in images]
        labels = [name for name, about in features.items() if _type(about) == "ClassLabel"]
        labels += [name for name in ("label", "labels", "class", "diagnosis") if name in schema.names]
        if not images or not labels:
            raise DataError(
                f"{source} must have a column of images and a column of labels; its columns are "
                f"{', '.join(schema.names)}. Download its images, and use --data DIR."
            )
        self._image, self._label = images[0], labels[0]
        self._names: list[str] = features.get(self._label, {}).get("names") or []

    def images(self, file: Any) -> Iterator[tuple[int, Any, bytes]]:
        """Yield the number, label and encoded image of each row."""
        number = 0
        for batch in file.iter_batches(_BATCH, columns=[self._image, self._label]):
            for row in batch.to_pylist():
                image = row[self._image]
                content = image.get("bytes") if isinstance(image, dict) else image
                if not isinstance(content, bytes) or len(content) > MOST_IMAGE_BYTES:
                    raise DataError(f"{self._source}: each row must hold an encoded image; row {number} holds none.")
                yield number, row[self._label], content
                number += 1

    def name_of(self, label: Any) -> tuple[str, str]:
        """Return the class of a label, or the label itself as text, and its name as a folder."""
        if label is None:
            raise DataError(f"{self._source}: each row must have a label; some have none. Use --data DIR instead.")
        name = str(label)
        if isinstance(label, int) and self._names:
            if not 0 <= label < len(self._names):
                raise DataError(f"{self._source}: label {label} has no name; there are {len(self._names)} classes.")
            name = self._names[label]
        plain = re.sub(r"[^\w .()-]", "_", name).strip(" .")
        if not plain or len(plain.encode()) > _LONGEST or plain.startswith("__MACOSX"):
            raise DataError(f"{self._source}: {name[:_LONGEST]!r} is not the name of a class. Use --data DIR instead.")
        if part_of(plain) is not None:
            raise DataError(
                f"{self._source}: a class must not have the name of a part, such as train or test; found {name!r}. "
                "Download its images, rename the class, and use --data DIR."
            )
        return name, plain


def _features(schema: Any, source: str) -> dict[str, dict[str, Any]]:
    """Return what the metadata of a parquet file says about its columns; raises DataError if it is damaged."""
    metadata = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(metadata).get("info", {}).get("features", {})
        valid = all(isinstance(about, dict) and _are_names(about.get("names")) for about in features.values())
    except (ValueError, RecursionError, AttributeError):  # no JSON in UTF-8, or no objects in each other
        valid = False
    if not valid:
        raise DataError(
            f"{source} has a parquet file whose description of its columns (huggingface) is damaged. Download its "
            "images, and use --data DIR."
        )
    return {name: about for name, about in features.items() if name in schema.names}


def _are_names(names: Any) -> bool:
    return names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names))


def _type(about: dict[str, Any]) -> str:
    return str(about.get("_type", ""))


def _holds_images(field: Any) -> bool:
    """Return True for a column of structures with `bytes`, or of bytes, as the hub stores images."""
    kind = str(field.type)
    return kind == "binary" or (kind.startswith("struct") and "bytes: binary" in kind)


def _stem(file: Path, files: list[Path], root: Path) -> str:
    """Return the beginning of the names of a file's images: its own name, with its folders if others have that name."""
    if [other.stem for other in files].count(file.stem) == 1:
        return file.stem
    return "-".join(file.relative_to(root).with_suffix("").parts)


def _split_of(file: Path) -> str:
    """Return the split in the name of a parquet file or of its folder; `data` if there is none."""
    for name in (file.name, file.parent.name):
        if known := re.match(r"(train|test|validation|valid|val|dev)(?![a-z])", name):
            return known[1]
    return "data"


def _ending(content: bytes, file: Path, number: int) -> str:
    for start, ending in _ENDINGS.items():
        if content.startswith(start):
            return ending
    raise DataError(f"{file.name}, row {number}: the image must be JPEG, PNG, BMP or TIFF.")
