"""Map methods: registered functions from images to maps of what counts for the prediction.

Their modules are imported when a method is used, so that names are checked without Keras.

Notation: `n` images, `h, w` height and width of the maps of a method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alzbench.progress import Advance
from alzbench.registry import Entry, Registry
from alzbench.store.explanation import MethodInfo

if TYPE_CHECKING:
    from alzbench.explain.inputs import Inputs, Maps

# (inputs, advance) -> maps (n, h, w), or None where the model has nothing to map. `advance(n)` counts finished images.
Compute = Callable[["Inputs", Advance], "Maps | None"]


@dataclass(frozen=True, kw_only=True)
class MapMethod(Entry[Compute]):
    """A map method.

    Attributes:
        label: Its name for people.
        reference: The paper.
        default: True if it is used by default; the others take minutes for 200 images.
    """

    label: str
    reference: str = ""
    default: bool = False

    @property
    def info(self) -> MethodInfo:
        """What a stored explanation says about it."""
        return MethodInfo(label=self.label, reference=self.reference)


METHODS = Registry("map method", MapMethod)

ALL = "all"  # name of all methods together


@METHODS.register(
    "attention",
    label="attention weights",
    reference="Vaswani et al., 2017, https://arxiv.org/abs/1706.03762",
    default=True,
)
def attention(inputs: Inputs, advance: Advance) -> Maps | None:
    """Attention weights over the positions of the feature map, mean over heads and queries."""
    from alzbench.explain import attention_maps

    return attention_maps.attention_map(inputs, advance)


@METHODS.register(
    "grad_cam", label="Grad-CAM", reference="Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391", default=True
)
def grad_cam(inputs: Inputs, advance: Advance) -> Maps:
    """Last feature map, its channels weighted by the mean gradient of the target's logit, negative values cut."""
    from alzbench.explain import gradient_maps

    return gradient_maps.grad_cam(inputs, advance)


@METHODS.register(
    "grad_cam_plus_plus",
    label="Grad-CAM++",
    reference="Chattopadhay et al., 2018, https://arxiv.org/abs/1710.11063",
    default=True,
)
def grad_cam_plus_plus(inputs: Inputs, advance: Advance) -> Maps:
    """Last feature map, its channels weighted by the positive gradients with a weight for each position."""
    from alzbench.explain import gradient_maps

    return gradient_maps.grad_cam_plus_plus(inputs, advance)


@METHODS.register(
    "score_cam",
    label="Score-CAM",
    reference="Wang et al., 2020, https://arxiv.org/abs/1910.01279; only the channels with the largest variance "
    "(Faster Score-CAM)",
)
def score_cam(inputs: Inputs, advance: Advance) -> Maps:
    """Last feature map, its channels weighted by the target's probability for the image masked with each of them."""
    from alzbench.explain import score_cam as module

    return module.score_cam(inputs, advance)


@METHODS.register("smooth_grad", label="SmoothGrad", reference="Smilkov et al., 2017, https://arxiv.org/abs/1706.03825")
def smooth_grad(inputs: Inputs, advance: Advance) -> Maps:
    """Absolute gradient of the target's logit by each pixel, mean over noisy copies of the image."""
    from alzbench.explain import gradient_maps

    return gradient_maps.smooth_grad(inputs, advance)


@METHODS.register("occlusion", label="occlusion", reference="Zeiler and Fergus, 2014, https://arxiv.org/abs/1311.2901")
def occlusion(inputs: Inputs, advance: Advance) -> Maps:
    """Drop of the target's probability if a grey square hides a part of the image."""
    from alzbench.explain import occlusion as module

    return module.occlusion(inputs, advance)


def chosen_methods(names: Iterable[str] | None = None) -> list[str]:
    """Return the methods of these names in the registry's order; None: the default ones; `all`: all of them.

    Raises:
        ExperimentError: A name is unknown.
    """
    if names is None:
        return [name for name in METHODS if METHODS[name].default]
    chosen = [name.strip() for name in names]
    if chosen == [ALL]:
        return list(METHODS)
    known = {METHODS[name].name for name in chosen}
    return [name for name in METHODS if name in known]
