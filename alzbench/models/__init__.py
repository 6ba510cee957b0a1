"""Backbones, attention, and the registered variants built from them."""

from alzbench.models.variants import VARIANTS, Variant, register_variant

__all__ = ["VARIANTS", "Variant", "register_variant"]
