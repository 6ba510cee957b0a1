"""Variants: registered heads, which turn a feature map into logits.

Only the builders import Keras, so that names and options are checked without it.

Notation: `B` batch, `H, W` height and width of the feature map, `C` channels, `N = H * W` positions, `S` slices of a
subject, `d` key size, `K` classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from alzbench.errors import ExperimentError
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.strict import Fraction, StrictModel
from alzbench.registry import Entry, Registry

# (features, options, K) -> logits (B, K), Keras tensors. The features of a slice are a feature map (B, H, W, C); those
# of a subject are a pair: maps (B, S, H, W, C) and a mask of the slices that are present, bool (B, S).
Build = Callable[[Any, Any, int], Any]
Unit = Literal["slice", "subject"]


@dataclass(frozen=True, kw_only=True)
class Variant(Entry[Build]):
    """A kind of head.

    Attributes:
        settings: Schema of `model.options`.
        classifies: Unit of one prediction: a `slice`, or a `subject` with all its slices.
    """

    settings: type[StrictModel]
    classifies: Unit = "slice"

    def check_options(self, options: Mapping[str, Any]) -> StrictModel:
        """Return `model.options` with defaults; raises ExperimentError if they do not fit the schema."""
        if not (isinstance(self.settings, type) and issubclass(self.settings, StrictModel)):
            raise ExperimentError(
                f"variant {self.name} must be registered with the class of its options, a StrictModel: "
                f"register_variant({self.name!r}, Options)."
            )
        if self.classifies == "subject" and "slices" not in self.settings.model_fields:
            raise ExperimentError(f"variant {self.name} classifies subjects, so its options must have `slices`.")
        try:
            return self.settings.model_validate(dict(options))
        except ValidationError as error:
            explanation = explain_validation(error, "model.options", self.settings)
            raise ExperimentError(f"variant {self.name}: {explanation}") from None


VARIANTS = Registry("variant", Variant)

register_variant = VARIANTS.register  # the name that users' files import


class HeadOptions(StrictModel):
    """Options of the dense head."""

    pooling: Literal["mean", "max", "mean_max", "none"] = Field(
        "mean", description="over the positions; `mean_max`: both, concatenated; `none`: positions are kept"
    )
    units: int = Field(128, ge=1, description="units of the hidden layer")
    dropout: Fraction = Field(0.3, description="share of the hidden units that are dropped in training")


class AttentionOptions(HeadOptions):
    """Options of the head with attention."""

    key_dim: int = Field(128, ge=1, description="size d of queries, keys and values")


class MultiHeadAttentionOptions(HeadOptions):
    """Options of the head with multi-head attention."""

    heads: int = Field(4, ge=1, description="number of attention heads")
    key_dim: int = Field(32, ge=1, description="size d of queries, keys and values of each head")


class SubjectAttentionOptions(HeadOptions):
    """Options of the head that attends over a subject's slices."""

    key_dim: int = Field(128, ge=1, description="size d of the query, the keys and the values")
    slices: int = Field(32, ge=1, description="slices of a subject in one set; a subject with more has several sets")


class LinearOptions(StrictModel):
    """Options of linear heads."""

    l2: float = Field(
        0.01, ge=0, description="penalty on the squared weights; a sweep chooses it on the validation part"
    )


class SlabOptions(LinearOptions):
    """Options of the linear head over slabs."""

    slabs: int = Field(4, ge=1, description="number of slabs of neighbouring slices")
    slices: int = Field(32, ge=1, description="slices of a subject, a multiple of `slabs`")
    first: int = Field(1, ge=0, description="number of the first slice")

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.slices % self.slabs:
            raise ValueError(f"slices must be a multiple of slabs ({self.slabs}); it is {self.slices}")
        return self


@VARIANTS.register("baseline", HeadOptions)
def baseline(features: Any, options: HeadOptions, classes: int) -> Any:
    """Pooling over the feature map and a dense head."""
    return dense_head(pool(features, options), options, classes)


@VARIANTS.register("attention", AttentionOptions)
def attention(features: Any, options: AttentionOptions, classes: int) -> Any:
    """Scaled dot-product attention over the positions of the feature map, pooling and a dense head."""
    from alzbench.models.attention import ScaledDotProductAttention

    attended = ScaledDotProductAttention(options.key_dim, name="attention")(positions_of(features))
    return dense_head(pool(attended, options), options, classes)


@VARIANTS.register("multi_head_attention", MultiHeadAttentionOptions)
def multi_head_attention(features: Any, options: MultiHeadAttentionOptions, classes: int) -> Any:
    """Multi-head attention over the positions of the feature map, pooling and a dense head."""
    import keras

    positions = positions_of(features)
    size = options.heads * options.key_dim
    layer = keras.layers.MultiHeadAttention(options.heads, options.key_dim, output_shape=size, name="attention")
    return dense_head(pool(layer(positions, positions), options), options, classes)


@VARIANTS.register("subject_attention", SubjectAttentionOptions, classifies="subject")
def subject_attention(features: Any, options: SubjectAttentionOptions, classes: int) -> Any:
    """Pooling over each slice's feature map, scaled dot-product attention over a subject's slices, a dense head."""
    import keras

    from alzbench.models.attention import AttentionPooling, OverSlices

    maps, present = features
    one = keras.Input(maps.shape[2:], dtype=maps.dtype, name="map")
    vectors = OverSlices(keras.Model(one, pool(one, options), name="vector"), name="vectors")(maps)
    return dense_head(AttentionPooling(options.key_dim, name="attention")(vectors, present), options, classes)


@VARIANTS.register("positions", LinearOptions)
def positions(features: Any, options: LinearOptions, classes: int) -> Any:
    """A linear layer over all positions of the feature map, with an L2 penalty."""
    return linear_head(features, options, classes)


@VARIANTS.register("subject_slabs", SlabOptions, classifies="subject")
def subject_slabs(features: Any, options: SlabOptions, classes: int) -> Any:
    """Means of a subject's slices in slabs, and a linear layer over all their positions, with an L2 penalty."""
    from alzbench.models.slabs import SlabMeans

    maps, present = features
    return linear_head(SlabMeans(options.slabs, options.first, name="slabs")(maps, present), options, classes)


def linear_head(maps: Any, options: LinearOptions, classes: int) -> Any:
    """Return the logits (B, K) of maps (B, ...): each feature standardised, and one linear layer in float32.

    The features are standardised by their running mean and variance, so that the penalty is fair to all of them.
    """
    import keras

    flat = keras.layers.Flatten(name="flat")(maps)
    standard = keras.layers.BatchNormalization(momentum=0.95, center=False, scale=False, name="standard")(flat)
    penalty = keras.regularizers.L2(options.l2)
    return keras.layers.Dense(classes, kernel_regularizer=penalty, dtype="float32", name="logits")(standard)


def positions_of(features: Any) -> Any:
    """Return a feature map (B, H, W, C) as positions (B, N, C)."""
    import keras

    return keras.layers.Reshape((-1, features.shape[-1]), name="positions")(features)


def pool(features: Any, options: HeadOptions) -> Any:
    """Return a feature map (B, H, W, C), or positions (B, N, C), as a vector.

    Its size is C, or 2 C for `mean_max`, or that of the whole map for `none`.
    """
    import keras

    layers = keras.layers
    if options.pooling == "none":
        return layers.Flatten(name="pool")(features)
    kinds = {
        3: {"mean": layers.GlobalAveragePooling1D, "max": layers.GlobalMaxPooling1D},
        4: {"mean": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D},
    }[len(features.shape)]
    if options.pooling != "mean_max":
        return kinds[options.pooling](name="pool")(features)
    return layers.Concatenate(name="pool")([kinds[kind](name=f"pool_{kind}")(features) for kind in ("mean", "max")])


def dense_head(pooled: Any, options: HeadOptions, classes: int) -> Any:
    """Return the logits (B, K) of a pooled vector (B, C): a hidden ReLU layer, dropout, a linear layer in float32."""
    import keras

    hidden = keras.layers.Dense(options.units, activation="relu", name="hidden")(pooled)
    dropped = keras.layers.Dropout(options.dropout, name="dropout")(hidden)
    return keras.layers.Dense(classes, dtype="float32", name="logits")(dropped)
