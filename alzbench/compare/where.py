"""Conditions on subgroups, such as `age >= 60 and sex == "F"`.

A condition is parsed, never executed: only comparisons of columns with numbers and quoted texts, `and`, `or`, `not` and
parentheses are allowed.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.errors import ExperimentError
from alzbench.registry import did_you_mean

LONGEST = 1000  # characters
_EXAMPLE = "for example: age >= 60 and sex == 'F'"

Mask = npt.NDArray[np.bool_]

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
_SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Eq: ast.Eq, ast.NotEq: ast.NotEq,
}  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """A parsed condition.

    Attributes:
        text: As it was written.
        columns: The columns that it names, in order.
    """

    text: str
    columns: tuple[str, ...]
    _tree: ast.expr

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Parse a condition; raises ExperimentError if it is not one."""
        if len(text) > LONGEST:
            raise ExperimentError(f"--where must have at most {LONGEST} characters; it has {len(text):,}.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about Python code, which a condition is not
                tree = ast.parse(text.strip(), mode="eval").body
            columns = dict.fromkeys(_columns(tree))
        except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
            raise _refused(text, "this cannot be read as one") from None
        return cls(text, tuple(columns), tree)

    def holds(self, table: pd.DataFrame) -> Mask:
        """Return True (n,) for the rows for which it holds; a row with a missing value in one of its columns is out.

        Args:
            table: n rows of text with all `columns`; '' is a missing value.

        Raises:
            ExperimentError: A text is compared as a number.
        """
        known: Mask = (table[list(self.columns)] != "").all(axis=1).to_numpy(bool)
        result = np.zeros(len(table), bool)
        result[known] = _holds(self._tree, table[known])
        return result


def _refused(text: str, what: str) -> ExperimentError:
    return ExperimentError(
        f"--where must be comparisons of columns with numbers or quoted texts, joined by and, or, not and parentheses "
        f"({_EXAMPLE}); {what}: {text!r}."
    )


def _columns(node: ast.expr) -> list[str]:
    """Return the columns of a condition; raises ExperimentError if it holds anything that is not allowed."""
    match node:
        case ast.BoolOp(values=values):
            return [name for value in values for name in _columns(value)]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _columns(operand)
        case ast.Compare():
            return [_comparison(*part)[0] for part in _pairs(node)]
    raise _refused(ast.unparse(node), "this is not one")


def _pairs(node: ast.Compare) -> list[tuple[ast.expr, ast.cmpop, ast.expr]]:
    """Return the comparisons of a chain: `60 <= age < 70` is two."""
    sides = [node.left, *node.comparators]
    return list(zip(sides, node.ops, sides[1:], strict=False))


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> tuple[str, type[ast.cmpop], float | str]:
    """Return a comparison as column, operator and value."""
    if isinstance(right, ast.Name) and not isinstance(left, ast.Name):
        left, right = right, left
        op = _SWAPPED[type(op)]() if type(op) in _SWAPPED else op
    value = _value(right)
    if not isinstance(left, ast.Name) or value is None or type(op) not in _COMPARE:
        raise _refused(ast.unparse(ast.Compare(left, [op], [right])), "this is not one")
    if isinstance(value, str) and not isinstance(op, ast.Eq | ast.NotEq):
        raise ExperimentError(
            f"--where compares texts with == and != only; found {ast.unparse(ast.Compare(left, [op], [right]))}."
        )
    return left.id, type(op), value


def _value(node: ast.expr) -> float | str | None:
    """Return a number or a text; None for anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return None if isinstance(number, bool) else -float(number)
        case ast.Constant(value=int() | float() as number):
            return None if isinstance(number, bool) else float(number)
    return None


def _holds(node: ast.expr, table: pd.DataFrame) -> Mask:
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = [_holds(value, table) for value in values]
            joined: Mask = np.logical_and.reduce(parts) if isinstance(op, ast.And) else np.logical_or.reduce(parts)
            return joined
        case ast.UnaryOp(operand=operand):
            return ~_holds(operand, table)
        case ast.Compare():
            compared: Mask = np.logical_and.reduce([_compared(*_comparison(*pair), table) for pair in _pairs(node)])
            return compared
    raise AssertionError("parsing refuses all others")


def _compared(column: str, op: type[ast.cmpop], value: float | str, table: pd.DataFrame) -> Mask:
    cells = table[column]
    if isinstance(value, str):
        return np.asarray(_COMPARE[op](cells.to_numpy(object), value), bool)
    numbers = pd.to_numeric(cells, errors="coerce")
    texts = cells[numbers.isna()]
    if len(texts):
        raise ExperimentError(
            f"--where compares {column} with the number {value:g}, but it has texts such as {texts.iloc[0]!r}; write "
            f"the value in quotes."
        )
    return np.asarray(_COMPARE[op](numbers.to_numpy(np.float64), value), bool)


def check_columns(condition: Condition, known: list[str]) -> None:
    """Raise ExperimentError if a condition names a column that no run has."""
    for name in condition.columns:
        if name not in known:
            raise ExperimentError(
                f"--where must name columns that the runs have: {', '.join(known)}; got {name!r}."
                f"{did_you_mean(name, known)}"
            )
