"""The frozen prefix: preprocessing and a pretrained backbone, from pixels to a feature map.

For fine-tuning the backbone is cut where training begins: the prefix ends there, and the suffix goes on.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from alzbench.data.phantom import draw_head, draw_slice
from alzbench.errors import DataError
from alzbench.experiment import BackboneSettings, DataSettings
from alzbench.models.weights import weights_file

# pixel * scale + offset, for pixels in [0, 255]
_SCALING = {"unit": (1 / 255, 0.0), "imagenet": (1 / 127.5, -1.0)}
_RANDOM_WEIGHTS_SEED = 20180113


@dataclass(frozen=True)
class Prefix:
    """The layers that training does not change.

    Attributes:
        model: (B, S, S, C) pixels in [0, 255] -> (B, H, W, C') feature map, float32.
        key: Hash of everything that decides the output: weights, layers, preprocessing.
    """

    model: Any
    key: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the feature map."""
        return tuple(self.model.output_shape[1:])


def build_prefix(settings: BackboneSettings, data: DataSettings, until: str | None = None) -> Prefix:
    """Build the frozen prefix for images as `data` delivers them.

    Args:
        settings: The backbone.
        data: Size, channels and scaling of the images.
        until: The first block that is left out, see `blocks.BLOCKS`; None: the prefix is the whole backbone.

    Raises:
        DataError: The weights cannot be found, downloaded or read.
    """
    return _prefix(settings, data.size, data.channels, data.scaling, weights_file(settings), until)


def build_suffix(settings: BackboneSettings, data: DataSettings, first_block: str) -> Any:
    """Build the rest of the backbone, trainable: output of the prefix that ends before `first_block` -> feature map.

    Batch normalisations are frozen and stay in inference mode: the statistics of a few thousand images of one kind, in
    small batches, would throw away what the pretrained ones hold.
    """
    whole = _whole(settings, data.size, data.channels, data.scaling, weights_file(settings))
    shared = keras.Model(_input_of(whole, first_block), whole.output)
    suffix = keras.models.clone_model(shared)  # a copy, as the prefix keeps its own weights
    suffix.set_weights(shared.get_weights())
    suffix.name = "suffix"
    suffix.trainable = True
    for layer in suffix.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    return suffix


def _input_of(whole: Any, block: str) -> Any:
    """Return the tensor that goes into a block."""
    first = next(layer for layer in whole.layers if layer.name == block or layer.name.startswith(f"{block}_"))
    return first.input


@functools.lru_cache(maxsize=4)
def _prefix(
    settings: BackboneSettings, size: int, channels: int, scaling: str, file: Path | None, until: str | None
) -> Prefix:
    whole = _whole(settings, size, channels, scaling, file)
    model = whole if until is None else keras.Model(whole.input, _input_of(whole, until), name="prefix")
    what: dict[str, Any] = {
        "backbone": settings.name,
        "alpha": settings.alpha,
        "size": size,
        "channels": channels,
        "scaling": scaling,
        "weights": _digest(model),
    }
    if until is not None:
        what["until"] = until
    return Prefix(model, hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16])


@functools.lru_cache(maxsize=4)
def _whole(settings: BackboneSettings, size: int, channels: int, scaling: str, file: Path | None) -> Any:
    """Return preprocessing and backbone as one frozen model."""
    scale, offset = _SCALING[scaling]
    source = _load_backbone(settings, size, file)
    pixels = keras.Input((size, size, channels), name="pixels")
    x = keras.layers.Rescaling(scale, offset, name="scaling")(pixels)
    if channels == 1:
        x = keras.layers.Concatenate(name="grey_to_rgb")([x, x, x])
    # one flat graph, as heat maps need to see the backbone's inner layers
    backbone = keras.applications.MobileNetV2(input_tensor=x, include_top=False, weights=None, alpha=settings.alpha)
    backbone.set_weights(source.get_weights())
    model = keras.Model(pixels, backbone.output, name="prefix")
    if settings.weights == "none":
        _calibrate(model)
    model.trainable = False
    return model


def _load_backbone(settings: BackboneSettings, size: int, file: Path | None) -> Any:
    arguments = {"input_shape": (size, size, 3), "include_top": False, "alpha": settings.alpha}
    if file is None and settings.weights == "imagenet":
        return _download(arguments)
    keras.utils.set_random_seed(_RANDOM_WEIGHTS_SEED)
    backbone = keras.applications.MobileNetV2(weights=None, **arguments)
    if file is None:
        return backbone
    try:
        backbone.load_weights(file)
    except Exception as error:  # Keras and h5py raise many kinds for a file that is not what it should be
        raise DataError(
            f"{file} does not hold weights of {settings.name} (alpha {settings.alpha}, no top): "
            f"{_first_sentence(error)}."
        ) from error
    return backbone


def _calibrate(model: Any) -> None:
    """Make a random network keep what tells images apart, with the statistics of phantom slices.

    Uncalibrated, the signal shrinks from layer to layer; and with its batch normalisations centred on the kink of the
    ReLUs, 52 random layers turn it into noise. Centred two deviations above it, all but the last one pass most of it.
    """
    size, _, channels = model.input_shape[1:]
    rng = np.random.default_rng(_RANDOM_WEIGHTS_SEED)
    slices = [draw_slice(draw_head(i % 4, rng), rng.random(), rng) for i in range(32)]
    resized = [np.asarray(Image.fromarray(s).resize((size, size), Image.Resampling.BILINEAR)) for s in slices]
    pixels = np.repeat(np.stack(resized)[..., None], channels, axis=-1).astype(np.float32)
    normalisations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalisations]
    for layer in normalisations:
        layer.momentum = 0.0  # one batch replaces the statistics
        if not layer.name.endswith("project_BN") and layer is not normalisations[-1]:
            layer.beta.assign(np.full(layer.beta.shape, 2.0, np.float32))
    model(pixels, training=True)
    for layer, momentum in zip(normalisations, momenta, strict=True):
        layer.momentum = momentum


def _download(arguments: dict[str, Any]) -> Any:
    try:
        return keras.applications.MobileNetV2(weights="imagenet", **arguments)
    except ValueError as error:  # a width or size without published weights
        raise DataError(
            f"There are no published ImageNet weights for these settings: {_first_sentence(error)}."
        ) from error
    except Exception as error:  # Keras raises a bare Exception for a failed download
        raise DataError(
            "The ImageNet weights could not be downloaded; check the network, or set ALZBENCH_WEIGHTS to a weights "
            f"file of MobileNetV2 without top. --demo needs neither. ({_first_sentence(error)})"
        ) from error


def _first_sentence(error: Exception) -> str:
    """Return how an error begins: Keras's go on for many lines, and some have no text."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.partition(". ")[0].rstrip(".")


def _digest(model: Any) -> str:
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()
