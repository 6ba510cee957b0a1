"""A trained model read from the file model.keras of a run, in its parts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from alzbench.errors import DataError
from alzbench.models.classifier import (
    HEAD,
    PREFIX_OF_SLICES,
    ROUNDING,
    SUFFIX,
    SUFFIX_OF_SLICES,
    SetShape,
    join_prefix,
    set_shape,
)
from alzbench.models.weights import SKIPPED


@dataclass(frozen=True)
class StoredModel:
    """A trained model: `B` batch, `S` pixels along each side, `C` channels, `H, W, C'` feature map, `K` classes.

    Attributes:
        prefix: Frozen layers: (B, S, S, C) pixels in [0, 255] -> (B, H, W, C') feature map.
        trained: Trained layers: features -> logits (B, K). The features are feature maps of the prefix, or for a model
            that classifies subjects a dict, see `classifier.build_head`.
    """

    prefix: Any
    trained: Any

    @property
    def size(self) -> int:
        """Side of the images, in pixels."""
        return int(self.prefix.input_shape[1])

    @property
    def channels(self) -> int:
        """Channels of the images: 1 or 3."""
        return int(self.prefix.input_shape[3])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.trained.output_shape[-1])

    @property
    def slices(self) -> int | None:
        """Number of slices in one set, for a model that classifies subjects; else None."""
        return None if self.sets is None else self.sets.size

    @property
    def sets(self) -> SetShape | None:
        """Shape of a set of slices, for a model that classifies subjects; else None."""
        return set_shape(self.trained)

    @property
    def head(self) -> Any:
        """The layers above the backbone: the last feature map, or a dict of them -> logits (B, K)."""
        return self.trained if self.suffix is None else self.trained.get_layer(HEAD)

    @cached_property
    def suffix(self) -> Any:
        """Trained top blocks of the backbone: feature map of the prefix -> last feature map; None if there are none."""
        names = [layer.name for layer in self.trained.layers]
        if SUFFIX in names:
            return self.trained.get_layer(SUFFIX)
        return self.trained.get_layer(SUFFIX_OF_SLICES).layer if SUFFIX_OF_SLICES in names else None

    def joined(self) -> Any:
        """Return one model from pixels to probabilities, see `classifier.join_prefix`."""
        return join_prefix(self.prefix, self.trained)


def load_stored_model(path: Path, classes: Sequence[str] | None = None) -> StoredModel:
    """Read a run's model.keras. Code in the file, such as a Lambda layer, is refused and never executed.

    Args:
        path: The file.
        classes: The classes that it must have; None: any.

    Raises:
        DataError: The file is missing, damaged, not a model of alzbench, or has other classes.
    """
    if not path.is_file():
        raise DataError(f"There is no model {path}. Repeat the run with --force to train it again.")
    model = _parts(_load(path), path)
    if classes is not None and model.classes != len(classes):
        raise DataError(
            f"{path} must have the {len(classes)} classes of its run; it has {model.classes}. Repeat the run with "
            "--force to train it again."
        )
    return model


def _load(path: Path) -> Any:
    import keras

    from alzbench.models import attention, depthwise, scaling  # they register their layers

    del attention, depthwise, scaling
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of each layer of a damaged file, hundreds of lines
            warnings.filterwarnings("error", SKIPPED)  # the layer would silently stay random
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # noqa: BLE001 - Keras, h5py and zipfile raise many kinds of errors for a wrong file
        text = " ".join(str(error).replace(str(path), "the file").split())
        if "Lambda" in text or "lambda" in text:
            raise DataError(
                f"{path} contains code (a Lambda layer), and is not loaded, because code from a file may do harm. "
                "Use a model without Lambda layers."
            ) from None
        reason = (text.partition(". ")[0].rstrip(".") or type(error).__name__)[:200]
        reason = "layers are missing in it" if reason.startswith(SKIPPED) else reason
        raise DataError(
            f"{path} must be a model that Keras can load; it is damaged or from another program ({reason}). Repeat "
            "the run with --force to train it again."
        ) from None


def _parts(model: Any, path: Path) -> StoredModel:
    """Return the parts of a joined model; raises DataError if it is not one."""
    import keras

    names = [layer.name for layer in getattr(model, "layers", [])]
    trained = model.get_layer(HEAD) if {HEAD, "pixels"} <= set(names) else None
    if not isinstance(trained, keras.Model) or len(model.inputs[0].shape) not in (4, 5):
        raise DataError(f"{path} is not a model that alzbench wrote. Use the file model.keras of a run.")
    if PREFIX_OF_SLICES in names:
        return StoredModel(model.get_layer(PREFIX_OF_SLICES).layer, trained)
    below = model.layers[names.index(HEAD) - 1]
    features = below.input if below.name == ROUNDING else below.output
    return StoredModel(keras.Model(model.input, features, name="prefix"), trained)
