"""Stored runs to a typed comparison; nothing here trains, draws or prints."""

from alzbench.compare.references import Reference, load_references
from alzbench.compare.table import Comparison, ExperimentRow, Group, Spread, SubjectScores, compare

__all__ = ["Comparison", "ExperimentRow", "Group", "Reference", "Spread", "SubjectScores", "compare", "load_references"]
