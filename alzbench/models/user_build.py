"""Build the model of a user's variant or backbone once, without weights, before anything is run with it."""

from __future__ import annotations

import functools

from alzbench.errors import ExperimentError
from alzbench.experiment import BackboneSettings, Experiment, ModelSettings
from alzbench.models.backend import start_backend
from alzbench.models.user_file import blaming_files, file_digest

_CLASSES = 4  # if the classes are not known before the images are read


def check_build(experiment: Experiment) -> None:
    """Build backbone and head if one of them is from a user's file; imports Keras.

    Raises:
        ExperimentError: The file raises an error, or does not return what it must.
    """
    model, data = experiment.model, experiment.data
    if model.file is None and model.backbone.file is None:
        return
    backbone = model.backbone.model_copy(update={"weights": "none"})
    if experiment.fine_tune is not None:  # the head is on top of the whole backbone
        backbone = backbone.model_copy(update={"until": None})
    classes = len(data.known_classes or ()) or _CLASSES
    start_backend()
    # a sweep checks many experiments that differ in other settings alone
    shape = _feature_map(backbone.model_dump_json(), data.size, data.scaling, file_digest(backbone))
    if model.file is not None:
        _build_head(model.model_dump_json(), shape, classes, experiment.train.precision, file_digest(model))


@functools.lru_cache(maxsize=32)
def _feature_map(settings: str, size: int, scaling: str, code: str) -> tuple[int, int, int]:
    """Return height, width and channels of the feature map of a backbone; `code` is a part of the key."""
    del code
    from alzbench.models.graph import build_network, output_of

    backbone = BackboneSettings.model_validate_json(settings)
    with blaming_files():
        network = build_network(backbone, scaling, weights=None, input_shape=(size, size, 3))
    output = network.output if backbone.until is None else output_of(network, backbone.until)
    height, width, channels = output.shape[1:]
    return height, width, channels


@functools.lru_cache(maxsize=128)
def _build_head(settings: str, shape: tuple[int, int, int], classes: int, precision: str, code: str) -> None:
    """Build a head and check its output; `code` is a part of the key."""
    del code
    from alzbench.models.classifier import build_head

    model = ModelSettings.model_validate_json(settings)
    with blaming_files():
        head = build_head(model, shape, classes, precision, seed=0)
    if tuple(head.output.shape) != (None, classes):
        raise ExperimentError(
            f"model.file {model.file}: variant {model.variant} must return logits of shape (None, {classes}), one for "
            f"each class; it returns {tuple(head.output.shape)}."
        )
