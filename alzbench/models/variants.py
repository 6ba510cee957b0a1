"""Variants: registered ways to build the head that turns a feature map into logits.

Only the builders import Keras, so that names and options are checked without waiting for it. Shape letters: `B` batch,
`H, W` height and width of the feature map, `C` channels, `N = H * W` positions, `d` key size, `K` classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from alzbench.errors import ExperimentError
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.schema import Fraction, Section
from alzbench.registry import Registry

Builder = Callable[[Any, Any, int], Any]


@dataclass(frozen=True)
class Variant:
    """A way to build a head.

    Attributes:
        name: Name in `model.variant`.
        description: What it is, in a line.
        options: Schema of `model.options`.
        build: ``(feature map (B, H, W, C), options, K) -> logits (B, K)``, Keras tensors.
    """

    name: str
    description: str
    options: type[Section]
    build: Builder

    def check_options(self, options: Mapping[str, Any]) -> Section:
        """Return the options with defaults filled in; raises ExperimentError where they do not fit."""
        try:
            return self.options.model_validate(dict(options))
        except ValidationError as error:
            where = explain_validation(error, "model.options", self.options)
            raise ExperimentError(f"variant {self.name}: {where}.") from None


VARIANTS: Registry[Variant] = Registry("variant")


def register_variant(name: str, options: type[Section]) -> Callable[[Builder], Builder]:
    """Register the decorated builder as a variant; the first line of its docstring describes it."""

    def register(build: Builder) -> Builder:
        description = (build.__doc__ or "").strip().split("\n")[0]
        VARIANTS.add(name, Variant(name, description, options, build))
        return build

    return register


class HeadOptions(Section):
    """Options of the dense head."""

    units: int = Field(128, ge=1, description="units of the hidden layer")
    dropout: Fraction = Field(0.3, description="share of the hidden units dropped in training")


class AttentionOptions(HeadOptions):
    """Options of the head with attention."""

    key_dim: int = Field(128, ge=1, description="size d of queries, keys and values")


@register_variant("baseline", HeadOptions)
def baseline(features: Any, options: HeadOptions, classes: int) -> Any:
    """Mean pooling over the feature map and a dense head."""
    import keras

    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    return dense_head(pooled, options, classes)


@register_variant("attention", AttentionOptions)
def attention(features: Any, options: AttentionOptions, classes: int) -> Any:
    """Scaled dot-product attention over the positions of the feature map, mean pooling and a dense head."""
    import keras

    from alzbench.models.attention import ScaledDotProductAttention

    positions = keras.layers.Reshape((-1, features.shape[-1]), name="positions")(features)
    attended = ScaledDotProductAttention(options.key_dim, name="attention")(positions)
    pooled = keras.layers.GlobalAveragePooling1D(name="pool")(attended)
    return dense_head(pooled, options, classes)


def dense_head(pooled: Any, options: HeadOptions, classes: int) -> Any:
    """Return logits (B, K) from a pooled vector (B, C): a hidden ReLU layer, dropout, and a linear layer in float32."""
    import keras

    hidden = keras.layers.Dense(options.units, activation="relu", name="hidden")(pooled)
    dropped = keras.layers.Dropout(options.dropout, name="dropout")(hidden)
    return keras.layers.Dense(classes, dtype="float32", name="logits")(dropped)
