"""Backbones: registered pretrained networks that turn an image into a feature map.

Only the builders import Keras, so that names, sizes and blocks are checked without it. To add a backbone, register a
builder. `graph.build_network` calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from alzbench.experiment import BackboneSettings
from alzbench.registry import Entry, Registry

# (settings, weights, and input_shape or input_tensor, as in keras.applications) -> network without top layers. If the
# network contains its preprocessing, also include_preprocessing.
Build = Callable[..., Any]
Native = Literal["tf", "torch", "caffe", "included"]

_NO_TOP = "_weights_tf_dim_ordering_tf_kernels_notop.h5"  # end of the names of weights files of keras.applications


@dataclass(frozen=True, kw_only=True)
class Backbone(Entry[Build]):
    """A pretrained network.

    Attributes:
        native: Preprocessing of the pixels that it was trained with: a mode of
            `keras.applications.imagenet_utils.preprocess_input`, or `included` for a network that contains it; None if
            it has none.
        min_size: Smallest side of an image, in pixels.
        blocks: Names of its blocks from the image upwards, at which fine-tuning may start. A layer of a block has the
            block's name, or a name that begins with it and an underscore.
        published: Values of `model.backbone.weights` for weights that Keras downloads.
        files: Usual names of its weights files, with wildcards; `{alpha}` is its width multiplier.
        linear: Suffixes of the names of batch normalisations without an activation after them.
        has_alpha: True if it has a width multiplier, `model.backbone.alpha`.
    """

    native: Native | None = None
    min_size: int = 32
    blocks: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    linear: tuple[str, ...] = ()
    has_alpha: bool = False


BACKBONES = Registry("backbone", Backbone)

register_backbone = BACKBONES.register  # the name that users' files import


def _register(name: str, file: str, **fields: Any) -> Callable[[Build], Build]:
    """Return a decorator that registers a network of keras.applications."""
    return BACKBONES.register(name, published=("imagenet",), files=(file,), **fields)


@_register(
    "mobilenet_v2",
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_*_no_top.h5",
    native="tf",
    # the inverted residual blocks after the first one, and the last convolution
    blocks=(*(f"block_{number}" for number in range(1, 17)), "Conv_1"),
    linear=("project_BN",),
    has_alpha=True,
)
def mobilenet_v2(settings: BackboneSettings, **arguments: Any) -> Any:
    """MobileNetV2 (Sandler et al. 2018, https://arxiv.org/abs/1801.04381)."""
    import keras

    return keras.applications.MobileNetV2(include_top=False, alpha=settings.alpha, **arguments)


@_register(
    "mobilenet_v3_large",
    "weights_mobilenet_v3_large_224_{alpha}_float_no_top_v2.h5",
    native="included",
    linear=("project_bn",),
    has_alpha=True,
)
def mobilenet_v3_large(settings: BackboneSettings, **arguments: Any) -> Any:
    """MobileNetV3-Large (Howard et al. 2019, https://arxiv.org/abs/1905.02244)."""
    import keras

    return keras.applications.MobileNetV3Large(include_top=False, alpha=settings.alpha, **arguments)


@_register(
    "mobilenet_v3_small",
    "weights_mobilenet_v3_small_224_{alpha}_float_no_top_v2.h5",
    native="included",
    linear=("project_bn",),
    has_alpha=True,
)
def mobilenet_v3_small(settings: BackboneSettings, **arguments: Any) -> Any:
    """MobileNetV3-Small (Howard et al. 2019, https://arxiv.org/abs/1905.02244)."""
    import keras

    return keras.applications.MobileNetV3Small(include_top=False, alpha=settings.alpha, **arguments)


@_register("efficientnet_v2_b0", "efficientnetv2-b0_notop.h5", native="included", linear=("project_bn",))
def efficientnet_v2_b0(_settings: BackboneSettings, **arguments: Any) -> Any:
    """EfficientNetV2-B0 (Tan and Le 2021, https://arxiv.org/abs/2104.00298)."""
    import keras

    return keras.applications.EfficientNetV2B0(include_top=False, **arguments)


@_register("efficientnet_v2_s", "efficientnetv2-s_notop.h5", native="included", linear=("project_bn",))
def efficientnet_v2_s(_settings: BackboneSettings, **arguments: Any) -> Any:
    """EfficientNetV2-S (Tan and Le 2021, https://arxiv.org/abs/2104.00298)."""
    import keras

    return keras.applications.EfficientNetV2S(include_top=False, **arguments)


@_register("resnet50_v2", f"resnet50v2{_NO_TOP}", native="tf")
def resnet50_v2(_settings: BackboneSettings, **arguments: Any) -> Any:
    """ResNet50V2 (He et al. 2016, https://arxiv.org/abs/1603.05027)."""
    import keras

    return keras.applications.ResNet50V2(include_top=False, **arguments)


@_register("densenet121", f"densenet121{_NO_TOP}", native="torch")
def densenet121(_settings: BackboneSettings, **arguments: Any) -> Any:
    """DenseNet121 (Huang et al. 2017, https://arxiv.org/abs/1608.06993)."""
    import keras

    return keras.applications.DenseNet121(include_top=False, **arguments)


@_register("vgg16", f"vgg16{_NO_TOP}", native="caffe")
def vgg16(_settings: BackboneSettings, **arguments: Any) -> Any:
    """VGG16 (Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556)."""
    import keras

    return keras.applications.VGG16(include_top=False, **arguments)


@_register("xception", f"xception{_NO_TOP}", native="tf", min_size=71)
def xception(_settings: BackboneSettings, **arguments: Any) -> Any:
    """Xception (Chollet 2017, https://arxiv.org/abs/1610.02357)."""
    import keras

    return keras.applications.Xception(include_top=False, **arguments)


@_register("inception_v3", f"inception_v3{_NO_TOP}", native="tf", min_size=75)
def inception_v3(_settings: BackboneSettings, **arguments: Any) -> Any:
    """InceptionV3 (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567)."""
    import keras

    return keras.applications.InceptionV3(include_top=False, **arguments)


@_register("convnext_tiny", "convnext_tiny_notop.h5", native="included")
def convnext_tiny(_settings: BackboneSettings, **arguments: Any) -> Any:
    """ConvNeXt-Tiny (Liu et al. 2022, https://arxiv.org/abs/2201.03545)."""
    import keras

    return keras.applications.ConvNeXtTiny(include_top=False, **arguments)
