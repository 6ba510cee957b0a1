"""Turn stored runs into a typed comparison; nothing here trains, draws or prints."""

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
