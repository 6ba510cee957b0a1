"""Registered backbones, the registered variants built on them, and the layers they use."""

from alzbench.models.backbones import BACKBONES, Backbone
from alzbench.models.variants import VARIANTS, Variant, register_variant

__all__ = ["BACKBONES", "VARIANTS", "Backbone", "Variant", "register_variant"]
