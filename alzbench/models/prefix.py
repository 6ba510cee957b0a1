"""The frozen prefix: preprocessing and a pretrained backbone, from pixels to a feature map.

The prefix ends at the layer `model.backbone.until`. For fine-tuning, the backbone is cut there, or below the first
trained block, into a frozen prefix and a trainable suffix.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from alzbench.data.phantom import draw_head, draw_slice
from alzbench.errors import DataError
from alzbench.experiment import BackboneSettings, DataSettings, Experiment
from alzbench.models.backend import compiled
from alzbench.models.depthwise import with_channelwise_convolutions
from alzbench.models.graph import build_network, output_of
from alzbench.models.scaling import scaled
from alzbench.models.user_file import file_digest, find_backbone
from alzbench.models.weights import SKIPPED, is_published, weights_file

_RANDOM_WEIGHTS_SEED = 20180113


@dataclass(frozen=True)
class Prefix:
    """The frozen layers below the head or suffix: `B` batch, `S` pixels along each side, `C` and `C'` channels.

    Attributes:
        model: (B, S, S, C) pixels in [0, 255] -> (B, H, W, C') feature map, float32.
        key: Hash of everything that affects the output: weights, layers and preprocessing.
    """

    model: Any
    key: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the feature map."""
        return tuple(self.model.output_shape[1:])


def build_prefix(settings: BackboneSettings, data: DataSettings, first_block: str | None = None) -> Prefix:
    """Build the frozen prefix.

    Args:
        settings: The backbone; the prefix ends at its layer `until`, if it is set.
        data: Size, channels and scaling of the images.
        first_block: Else the first omitted block, one of `Backbone.blocks`; None: the prefix is the whole backbone.

    Raises:
        DataError: The weights are missing, or cannot be downloaded or read.
    """
    return _prefix(settings, data.size, data.channels, data.scaling, weights_file(settings), first_block)


def build_suffix(settings: BackboneSettings, data: DataSettings, first_block: str) -> Any:
    """Build the trainable suffix of the backbone: output of the prefix -> last feature map.

    The prefix ends at the layer `until` of the settings, if it is set, and else below `first_block`.

    Batch normalisations stay frozen and in inference mode: small batches of a few thousand similar images are not
    enough to replace the pretrained statistics.

    Raises:
        DataError: The weights are missing, or cannot be downloaded or read.
    """
    whole = _whole(_uncut(settings), data.size, data.channels, data.scaling, weights_file(settings))
    shared = keras.Model(_cut(whole, settings, first_block), whole.output)
    suffix = keras.models.clone_model(shared)  # a copy, because training must not change the prefix's weights
    suffix.set_weights(shared.get_weights())
    suffix.name = "suffix"  # see `classifier.SUFFIX`
    suffix.trainable = True
    for layer in suffix.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    return suffix


def _uncut(settings: BackboneSettings) -> BackboneSettings:
    """Return the settings without `until`, so that all cuts of a backbone share one network."""
    return settings.model_copy(update={"until": None})


def _cut(whole: Any, settings: BackboneSettings, first_block: str | None) -> Any:
    """Return the tensor where the prefix ends, below the last feature map."""
    if settings.until is not None:
        return output_of(whole, settings.until)
    parts = (layer for layer in whole.layers if f"{layer.name}_".startswith(f"{first_block}_"))
    return next(parts).input


@functools.lru_cache(maxsize=2)
def _prefix(
    settings: BackboneSettings, size: int, channels: int, scaling: str, file: Path | None, first_block: str | None
) -> Prefix:
    whole = _whole(_uncut(settings), size, channels, scaling, file)
    is_whole = settings.until is None and first_block is None
    model = whole if is_whole else keras.Model(whole.input, _cut(whole, settings, first_block), name="prefix")
    return Prefix(model, _key(settings, size, channels, scaling, model, first_block))


def prefix_of_run(model: Any, experiment: Experiment) -> Prefix:
    """Return the prefix of a stored run with the key that it had in the run, so that its feature maps are found.

    Args:
        model: The prefix of the run's model.
        experiment: The resolved experiment of the run; if it names a file of a backbone, that of the run's folder.
    """
    data, tuning = experiment.data, experiment.fine_tune
    first_block = None if tuning is None else tuning.first_block
    return Prefix(model, _key(experiment.model.backbone, data.size, data.channels, data.scaling, model, first_block))


def _key(
    settings: BackboneSettings, size: int, channels: int, scaling: str, model: Any, first_block: str | None
) -> str:
    """Return the hash of a prefix; what earlier versions did not know is in it only if it is set."""
    content = {"backbone": settings.name, "alpha": settings.alpha, "size": size, "channels": channels}
    content |= {"scaling": scaling, "weights": _digest(model)}
    if settings.until is not None:
        content["until_layer"] = settings.until
    elif first_block is not None:
        content["until"] = first_block
    if settings.file is not None:
        content["code"] = file_digest(settings)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=2)
def _whole(settings: BackboneSettings, size: int, channels: int, scaling: str, file: Path | None) -> Any:
    """Return preprocessing and backbone as one frozen model."""
    gc.collect()  # a network refers to itself, so that an earlier one could stay in memory for a long time
    source = _load_network(settings, size, scaling, file)
    backbone = find_backbone(settings)
    pixels = keras.Input((size, size, channels), name="pixels")
    x = scaled(pixels, scaling, backbone.native)
    # one flat graph, so that the backbone's inner layers are accessible, for example for heat maps
    network = with_channelwise_convolutions(build_network(settings, scaling, weights=None, input_tensor=x))
    network.set_weights(source.get_weights())
    del source
    model = keras.Model(network.inputs[0], network.outputs[0], name="prefix")
    if settings.weights == "none":
        _calibrate(model, backbone.linear)
    model.trainable = False
    return model


def _load_network(settings: BackboneSettings, size: int, scaling: str, file: Path | None) -> Any:
    """Return the backbone alone, with its weights."""
    if file is None and is_published(settings):
        return _download(settings, size, scaling)
    keras.utils.set_random_seed(_RANDOM_WEIGHTS_SEED)
    network = build_network(settings, scaling, weights=None, input_shape=(size, size, 3))
    if file is None:
        return network
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", SKIPPED)  # layers would silently stay random
            network.load_weights(file)
    except Exception as error:  # Keras and h5py raise many kinds of errors for a wrong file
        reason = "its layers are others" if str(error).startswith(SKIPPED) else _first_sentence(error)
        raise DataError(
            f"{file} must contain weights of {settings.name} (alpha {settings.alpha}, without top), and cannot be "
            f"loaded: {reason}. Set ALZBENCH_WEIGHTS (a file, or a folder with one for each backbone) "
            "or model.backbone.weights to another file."
        ) from error
    return network


def _calibrate(model: Any, linear: tuple[str, ...]) -> None:
    """Set the batch normalisations of a random network so that its feature maps differ between images.

    Without the statistics of images (here phantom slices) the signal shrinks from layer to layer. If the normalised
    values are centred on the kink of the ReLUs, tens of random layers turn the signal into noise; if they are centred
    two standard deviations above it, most of the signal passes. The last normalisation, and those without an
    activation after them (names that end in `linear`), stay centred on 0.
    """
    size, _, channels = model.input_shape[1:]
    rng = np.random.default_rng(_RANDOM_WEIGHTS_SEED)
    slices = [draw_slice(draw_head(i % 4, rng), rng.random(), rng) for i in range(32)]
    resized = [np.asarray(Image.fromarray(s).resize((size, size), Image.Resampling.BILINEAR)) for s in slices]
    pixels = np.repeat(np.stack(resized)[..., None], channels, axis=-1).astype(np.float32)
    if not (normalisations := [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]):
        return
    momenta = [layer.momentum for layer in normalisations]
    for layer in normalisations:
        layer.momentum = 0.0  # so that one batch replaces the statistics
        if not layer.name.endswith(linear) and layer is not normalisations[-1]:
            layer.beta.assign(np.full(layer.beta.shape, 2.0, np.float32))
    # compiled, because a model that is called keeps all of its layers' outputs until it ends
    compiled(model)(pixels, training=True)
    for layer, momentum in zip(normalisations, momenta, strict=True):
        layer.momentum = momentum


def _download(settings: BackboneSettings, size: int, scaling: str) -> Any:
    name, weights = settings.name, settings.weights
    try:
        return build_network(settings, scaling, weights=weights, input_shape=(size, size, 3))
    except ValueError as error:  # a width or size without published weights
        raise DataError(
            f"There are no published {weights} weights of {name} for these settings: {_first_sentence(error)}. Change "
            "model.backbone, or set model.backbone.weights to a file."
        ) from error
    except Exception as error:  # Keras raises a bare Exception for a failed download
        raise DataError(
            f"The {weights} weights of {name} could not be downloaded; check the network, or set ALZBENCH_WEIGHTS to a "
            f"weights file of {name} without top. --demo needs neither. ({_first_sentence(error)})"
        ) from error


def _first_sentence(error: Exception) -> str:
    """Return the first sentence of an error, as Keras's errors have many lines; its class if it has no text."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.partition(". ")[0].rstrip(".")


def _digest(model: Any) -> str:
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()
