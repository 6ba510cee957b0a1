"""Graphs of backbones: networks whose layers always have the same names, and the layers where they can be cut."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from alzbench.experiment import BackboneSettings
from alzbench.models.user_file import find_backbone


def build_network(settings: BackboneSettings, scaling: str, **arguments: Any) -> Any:
    """Return a backbone without top layers.

    Args:
        settings: The backbone.
        scaling: See `DataSettings.scaling`; only with `native` does a network keep the preprocessing it contains.
        arguments: `weights`, and `input_shape` or `input_tensor`, as in keras.applications.
    """
    backbone = find_backbone(settings)
    if backbone.native == "included":
        arguments["include_preprocessing"] = scaling == "native"
    network = backbone.function(settings, **arguments)
    _renumber(network)
    return network


def _renumber(network: Any) -> None:
    """Give layers without a name of their own the names that they have in a new process: add, add_1, ...

    Keras counts such layers over all networks of a process, so that their names would depend on what was built before.
    """
    counted: dict[str, dict[int, Any]] = defaultdict(dict)
    for layer in network.operations:
        kind = _snake_case(type(layer).__name__)
        if match := re.fullmatch(rf"{kind}(?:_(\d+))?", layer.name):
            counted[kind][int(match[1] or 0)] = layer
    for kind, layers in counted.items():
        for number, before in enumerate(sorted(layers)):
            layers[before].name = f"{kind}_{number}" if number else kind


def _snake_case(name: str) -> str:
    """Return the name that Keras gives the first layer of a class."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def cut_layers(network: Any) -> list[str]:
    """Return the names of the layers where a network can be cut, from the image upwards.

    Every path from the image to the last feature map passes through such a layer, and its output is a feature map
    (B, H, W, C). Layers below the first one with weights, such as a scaling of the pixels, are left out.
    """
    nodes = [node for depth in sorted(network._nodes_by_depth, reverse=True) for node in network._nodes_by_depth[depth]]
    below: dict[Any, int] = {}  # number of paths from the image to a node
    above: dict[Any, int] = defaultdict(int)  # and from there to the last feature map
    parents = {node: [_producer(tensor) for tensor in node.input_tensors] for node in nodes}
    for node in nodes:
        below[node] = sum(below[parent] for parent in parents[node]) or 1
    last = _producer(network.outputs[0])
    above[last] = 1
    for node in reversed(nodes):
        for parent in parents[node]:
            above[parent] += above[node]
    on_all = [node.operation for node in nodes if below[node] * above[node] == below[last]]
    first = next((number for number, layer in enumerate(on_all) if getattr(layer, "weights", ())), len(on_all))
    return [layer.name for layer in on_all[first:] if len(layer.output.shape) == 4]


def _producer(tensor: Any) -> Any:
    """Return the node that a Keras tensor comes from."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def trained_above(network: Any, layer: str) -> bool:
    """Return True if fine-tuning would change layers above one where the network can be cut."""
    import keras

    names = [other.name for other in network.operations]
    above = network.operations[names.index(layer) + 1 :]
    normalisation = keras.layers.BatchNormalization
    return any(getattr(other, "weights", ()) and not isinstance(other, normalisation) for other in above)


def output_of(network: Any, layer: str) -> Any:
    """Return the output tensor of a layer, or of an operation such as a sum that is none."""
    return next(other.output for other in network.operations if other.name == layer)
