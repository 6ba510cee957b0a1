"""Turn stored runs into a typed comparison; nothing here trains, draws or prints.

`alzbench.compare(...)` calls the function of this name in `alzbench.api`.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

import alzbench
from alzbench.compare.atrophy import AgainstAtrophy
from alzbench.compare.effects import Effect
from alzbench.compare.pairs import Pair
from alzbench.compare.predictions import GroupPredictions, read_group
from alzbench.compare.references import Reference, binomial_interval, load_references
from alzbench.compare.rows import ExperimentRow
from alzbench.compare.settings import Differing
from alzbench.compare.table import Comparison, Group, compare
from alzbench.compare.where import Condition

__all__ = [
    "AgainstAtrophy",
    "Comparison",
    "Condition",
    "Differing",
    "Effect",
    "ExperimentRow",
    "Group",
    "GroupPredictions",
    "Pair",
    "Reference",
    "binomial_interval",
    "compare",
    "load_references",
    "read_group",
]


class _Callable(ModuleType):
    """This package, which hides the function of the same name as soon as it is imported, and so calls it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return alzbench.__getattr__("compare")(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(alzbench.__getattr__("compare"))


sys.modules[__name__].__class__ = _Callable
