"""Registered backbones, registered variants (heads), and the models built from them."""

from alzbench.models.backbones import BACKBONES, Backbone, register_backbone
from alzbench.models.variants import VARIANTS, Variant, register_variant

__all__ = ["BACKBONES", "VARIANTS", "Backbone", "Variant", "register_backbone", "register_variant"]
