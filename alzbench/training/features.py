"""The frozen-prefix cache: the feature map of each image and view, computed once and shared by all later runs.

A feature map is stored under the hash of everything that affects it: the prefix (weights, layers, preprocessing), the
settings of the view, and the content of the image. So a run uses the feature maps of earlier runs even if its seed,
split, head or data folder is different.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from alzbench.arrays import ArrayStore, Rows
from alzbench.cache import cache_folder, require_space
from alzbench.data.augment import augment, view_key
from alzbench.experiment import AugmentSettings
from alzbench.models.prefix import Prefix
from alzbench.progress import Progress
from alzbench.training.extractor import BATCH, Extractor, make_extractor

FEATURE_DTYPE = "float16"  # type of stored feature maps
_VERSION = 1


class Gather(Protocol):
    """Features that can be gathered by position."""

    def take(self, indices: npt.NDArray[np.integer] | slice) -> Any:
        """Return the features at `indices`: an array, or a dict of arrays."""
        ...


class Features:
    """Feature maps of an image set: `N` images, `S` pixels along each side, feature maps of `(H, W, C)`.

    Args:
        prefix: Frozen layers that compute the feature maps.
        settings: Settings of the views.
        pixels: (N, S, S, channels) uint8 images.
        digests: Content hash of each image.
    """

    def __init__(self, prefix: Prefix, settings: AugmentSettings, pixels: Rows, digests: Sequence[str]) -> None:
        self._prefix = prefix
        self._settings = settings
        self._pixels = pixels
        self._digests = np.array(digests, dtype=object)
        self._stores: dict[int, ArrayStore] = {}
        self._rows: dict[tuple[int, bytes], Rows] = {}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a feature map."""
        return self._prefix.shape

    @cached_property
    def extractor(self) -> Extractor:
        """Extractor of the prefix, created on first use: a run whose feature maps are all cached does not need it."""
        return make_extractor(self._prefix)

    def compute(self, required: Iterable[tuple[int, npt.NDArray[np.int64]]], progress: Progress) -> int:
        """Compute and store the missing feature maps, and return their number.

        Args:
            required: Number of each view, with the positions of the images that need it.
            progress: Progress display.

        Raises:
            RunError: The disk has too little space for them.
        """
        plan = [(view, positions, self._store(view)) for view, positions in required]
        missing = [len(store.missing(self._digests[positions].tolist())) for _, positions, store in plan]
        if not any(missing):
            return 0
        row_bytes = plan[0][2].row_bytes
        require_space(cache_folder(), sum(missing) * row_bytes, f"{sum(missing)} feature maps")
        with progress.track(f"feature maps ({self.extractor.name})", sum(missing)) as advance:
            for view, positions, store in plan:
                with store.writing():  # waits for other processes, which may compute the same feature maps
                    self._compute_view(view, positions, store, advance)
        del self.extractor  # a study of many backbones would hold several hundred MB for each
        return sum(missing)

    def _compute_view(self, view: int, positions: npt.NDArray[np.int64], store: ArrayStore, advance: Any) -> None:
        position_of = dict(zip(self._digests[positions], positions, strict=True))
        keys = store.missing(self._digests[positions].tolist())
        step = max(BATCH, store.chunk_rows // BATCH * BATCH)
        for start in range(0, len(keys), step):
            chunk = keys[start : start + step]
            rows = np.empty((len(chunk), *store.shape), store.dtype)
            for first in range(0, len(chunk), BATCH):
                batch = np.array([position_of[key] for key in chunk[first : first + BATCH]])
                rows[first : first + BATCH] = self.fresh(batch, view)
                advance(len(batch))
            store.add(chunk, rows)

    def stored(self, positions: npt.NDArray[np.int64], view: int) -> Rows:
        """Return the stored feature maps (n, H, W, C) of one view; raises KeyError if one was not computed."""
        key = (view, positions.tobytes())
        if key not in self._rows:  # each epoch needs the same rows, and looking up their keys is slow
            self._rows[key] = self._store(view).rows(self._digests[positions].tolist())
        return self._rows[key]

    def fresh(self, positions: npt.NDArray[np.int64], view: int) -> npt.NDArray[np.float16]:
        """Compute the feature maps (n, H, W, C) of one view, without the cache."""
        pixels = np.asarray(self._pixels.take(positions), np.uint8)
        return self.extractor(augment(pixels, self._digests[positions].tolist(), self._settings, view))

    def training(self, positions: npt.NDArray[np.int64], epoch: int) -> Gather:
        """Return the training images' feature maps for one epoch: the stored views in turn, or new random ones.

        The views of one epoch differ between images. If all images had the same view, the epochs of the plain view
        would differ from the others, and the best epoch would always be one of them.
        """
        views = self._settings.views
        if views == "online":
            return _Fresh(self, positions, epoch + 1)
        offsets = np.array([int(digest[:8], 16) for digest in self._digests[positions]], dtype=np.int64)
        return _Mixed([self.stored(positions, view) for view in range(views)], (offsets + epoch) % views)

    def _store(self, view: int) -> ArrayStore:
        if view not in self._stores:
            source = f"{_VERSION}/{self._prefix.key}/{view_key(self._settings, view)}"
            folder = cache_folder() / "features" / hashlib.sha256(source.encode()).hexdigest()[:24]
            self._stores[view] = ArrayStore(folder, self._prefix.shape, FEATURE_DTYPE)
        return self._stores[view]


class _Mixed:
    """Feature maps gathered from several views of the same images; `choice` is the view of each image."""

    def __init__(self, views: Sequence[Rows], choice: npt.NDArray[np.int64]) -> None:
        self._views, self._choice = views, choice

    def take(self, indices: npt.NDArray[np.integer] | slice) -> npt.NDArray[Any]:
        rows, choice = np.arange(len(self._choice))[indices], self._choice[indices]
        first = self._views[0]
        out = np.empty((len(rows), *first.shape[1:]), first.dtype)
        for view in np.unique(choice):
            out[choice == view] = self._views[view].take(rows[choice == view])
        return out


class _Fresh:
    """Feature maps of a view that is not stored, computed when they are gathered."""

    def __init__(self, features: Features, positions: npt.NDArray[np.int64], view: int) -> None:
        self._features, self._positions, self._view = features, positions, view

    def take(self, indices: npt.NDArray[np.integer] | slice) -> npt.NDArray[np.float16]:
        return self._features.fresh(self._positions[indices], self._view)
