"""Conditions: what they select, and that nothing else is accepted or executed."""

from __future__ import annotations

import operator

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alzbench.compare.where import LONGEST, Condition, check_columns
from alzbench.errors import ExperimentError

TABLE = pd.DataFrame(
    {"age": ["59", "60", "75.5", "", "90"], "sex": ["F", "M", "F", "F", ""], "site": ["1", "1", "2", "2", "x"]}
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("age >= 60", [1, 2, 4]),
        ("60 <= age", [1, 2, 4]),
        ("60 <= age < 80", [1, 2]),
        ("not age >= 60", [0]),
        ("age != 60", [0, 2, 4]),
        ("age > -1", [0, 1, 2, 4]),
        ("sex == 'F'", [0, 2, 3]),
        ('"F" != sex', [1]),
        ("age >= 60 and sex == 'F'", [2]),
        ("(age < 60 or age > 80) and not sex == 'M'", [0]),
        ("age < 60 or sex == 'M'", [0, 1]),
        ("site == '1'", [0, 1]),
    ],
)
def test_conditions(text: str, rows: list[int]) -> None:
    """A row with a missing value in a column that is named is out, also with `or` and `not`."""
    condition = Condition.parse(text)
    assert condition.holds(TABLE).nonzero()[0].tolist() == rows


def test_columns() -> None:
    assert Condition.parse("age > 1 and (sex == 'F' or age < 3)").columns == ("age", "sex")
    check_columns(Condition.parse("age > 1"), ["age"])
    with pytest.raises(ExperimentError, match=r"columns that the runs have: age, sex; got 'agee'. Did you mean 'age'"):
        check_columns(Condition.parse("agee > 1"), ["age", "sex"])


@pytest.mark.parametrize(
    "text",
    [
        "", "age", "60", "1 < 2", "age < sex", "age = 60", "age >=", "age in (1, 2)", "age is 60", "age + 1 > 2",
        "age > 60 if sex == 'F' else age > 70", "len(sex) > 0", "__import__('os').system('touch x') == 0",
        "sex.upper() == 'F'", "[a for a in age] == 1", "(lambda: 1)() == age", "age == True", "age == None", "age > 1j",
        "f'{age}' == 'x'", "age := 3", "age > 60; sex == 'F'", "age == b'x'", "- age > 3", "age > " + "9" * 400,
        "(" * 300 + "age > 1" + ")" * 300, "not " * 240 + "age", "a" * (LONGEST + 1), "age > 1 # x\n;", "\0",
        "sex == '\\ud800",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ExperimentError, match="--where must"):
        Condition.parse(text)


def test_texts_have_no_order_and_are_no_numbers() -> None:
    with pytest.raises(ExperimentError, match="compares texts with == and != only; found sex > 'F'"):
        Condition.parse("sex > 'F'")
    with pytest.raises(ExperimentError, match="compares site with the number 1, but it has texts such as 'x'"):
        Condition.parse("site == 1").holds(TABLE)


@settings(deadline=None)
@given(
    text=st.text(max_size=60)
    | st.text(st.sampled_from(list("age sx<>=!'\"()[]{}.,:+-*/%@^&|~01andorti_#\\\n")), max_size=60)
)
@example(text="eval('1') == age")
@example(text="'\\d' == sex")
def test_every_text_is_a_condition_or_our_error(text: str) -> None:
    try:
        condition = Condition.parse(text)
    except ExperimentError:
        return
    assert condition.columns
    assert all(name.isidentifier() for name in condition.columns)


operators = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
comparisons = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(list(operators)), st.integers(-3, 3))


def trees(children: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    joined = st.tuples(st.sampled_from(["and", "or"]), children, children)
    return joined | st.tuples(st.just("not"), children)


def written(tree: object) -> str:
    match tree:
        case ("not", inner):
            return f"not ({written(inner)})"
        case ("and" | "or" as word, left, right):
            return f"({written(left)}) {word} ({written(right)})"
        case (column, op, value):
            return f"{column} {op} {value}"
    raise AssertionError(tree)


def true(tree: object, row: dict[str, int]) -> bool:
    match tree:
        case ("not", inner):
            return not true(inner, row)
        case ("and", left, right):
            return true(left, row) and true(right, row)
        case ("or", left, right):
            return true(left, row) or true(right, row)
        case (column, op, value):
            return bool(operators[str(op)](row[str(column)], value))
    raise AssertionError(tree)


@settings(deadline=None)
@given(tree=st.recursive(comparisons, trees, max_leaves=8))
def test_a_condition_means_what_it_says(tree: object) -> None:
    rows = [{"a": a, "b": b} for a in range(-3, 4) for b in range(-3, 4)]
    holds = Condition.parse(written(tree)).holds(pd.DataFrame(rows).astype(str))
    assert holds.tolist() == [true(tree, row) for row in rows]
