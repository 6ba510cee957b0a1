"""Weights & Biases: runs mirrored while they go on or later, and dashboards. Nothing is ever read back from it."""

from alzbench.tracking.follow import WandbTracker

__all__ = ["WandbTracker"]
