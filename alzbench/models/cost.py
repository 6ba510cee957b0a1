"""Costs of a model: parameters and multiply-adds."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any

import keras

from alzbench.experiment import BackboneSettings, DataSettings, ModelSettings
from alzbench.models.backbones import BACKBONES
from alzbench.models.classifier import build_head
from alzbench.models.graph import build_network, cut_layers
from alzbench.models.prefix import build_prefix, build_suffix
from alzbench.models.stored_costs import BackboneCost, Cost
from alzbench.models.variants import VARIANTS

_CLASSES = 4


def backbone_costs() -> Iterator[tuple[str, BackboneCost]]:
    """Yield the name and the cost of each registered backbone, built without pretrained weights."""
    size = DataSettings().size
    for name in BACKBONES:
        settings = BackboneSettings(name=name, weights="none")
        network = build_network(settings, "native", weights=None, input_shape=(size, size, 3))
        shape = network.output_shape[1:]
        yield name, BackboneCost(network.count_params(), _multiply_adds(network), shape, tuple(cut_layers(network)))


def _multiply_adds(network: Any) -> int:
    """Count a backbone's multiply-adds for one image: each kernel is applied once at each position of the output."""
    return sum(
        math.prod(layer.output.shape[1:-1]) * math.prod(weight.shape)
        for layer in network.layers
        for weight in layer.weights
        if len(weight.shape) > 1
    )


def variant_costs() -> dict[str, Cost]:
    """Return the cost of each registered variant."""
    prefix = build_prefix(BackboneSettings(weights="none"), DataSettings())
    prefix_parameters, prefix_multiply_adds = prefix.model.count_params(), _multiply_adds(prefix.model)
    costs = {}
    for name in VARIANTS:
        head = build_head(ModelSettings(variant=name), prefix.shape, _CLASSES, "float32", seed=0)
        images = head.input["features"].shape[1] if isinstance(head.input, dict) else 1
        multiply_adds = prefix_multiply_adds + _operations(head) / 2 / images
        costs[name] = Cost(prefix_parameters + head.count_params(), _trainable(head), round(multiply_adds))
    return costs


def suffix_parameters(first_block: str) -> int:
    """Return the number of parameters that become trainable when fine-tuning starts at a block."""
    return _trainable(build_suffix(BackboneSettings(weights="none"), DataSettings(), first_block))


def _trainable(model: Any) -> int:
    return sum(int(keras.ops.size(weight)) for weight in model.trainable_weights)


def _operations(model: Any) -> int:
    """Return the floating-point operations of one forward pass over a batch of one."""
    import tensorflow as tf

    spec = tf.nest.map_structure(lambda tensor: tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype), model.input)
    graph = tf.function(lambda inputs: model(inputs, training=False)).get_concrete_function(spec).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output()
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)  # TensorFlow warns that its profiler is deprecated, but has no other
    try:
        return int(profiler.profile(graph, options=options.build()).total_float_ops)
    finally:
        logger.setLevel(level)
