"""Weights & Biases: sends runs while they are executed or later, and builds dashboards. Nothing is ever read back."""

from alzbench.tracking.follow import WandbTracker

__all__ = ["WandbTracker"]
