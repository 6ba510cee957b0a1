"""Stored runs to a typed comparison; nothing here trains, draws or prints."""

from alzbench.compare.effects import Effect
from alzbench.compare.intervals import Difference, Interval
from alzbench.compare.pairs import Pair
from alzbench.compare.references import Reference, binomial_interval, load_references
from alzbench.compare.rows import ExperimentRow, Spread, SubjectScores
from alzbench.compare.table import Comparison, Group, compare

__all__ = [
    "Comparison",
    "Difference",
    "Effect",
    "ExperimentRow",
    "Group",
    "Interval",
    "Pair",
    "Reference",
    "Spread",
    "SubjectScores",
    "binomial_interval",
    "compare",
    "load_references",
]
