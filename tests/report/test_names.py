"""Short names."""

from __future__ import annotations

from typing import Any

import pytest

from alzbench.report.names import run_names, shortened
from alzbench.store import Card
from tests.helpers.runs import CARD


def card(**changes: Any) -> Card:
    return CARD.model_copy(update=changes)


@pytest.mark.parametrize(
    ("cards", "names"),
    [
        ([card()], ["x"]),
        ([card(seed=0), card(seed=1)], ["x, seed 0", "x, seed 1"]),
        ([card(experiment="a"), card(experiment="b")], ["a", "b"]),
        ([card(protocol="subject"), card(experiment="y")], ["x, subject", "y, reference"]),
        ([card(fold=0), card(fold=1)], ["x, fold 0", "x, fold 1"]),
        ([card(hash="abcdefgh"), card(hash="12345678")], ["x, abcdef", "x, 123456"]),
        ([], []),
    ],
    ids=["one", "seeds", "experiments", "protocols", "folds", "settings", "none"],
)
def test_runs_are_named_by_what_differs(cards: list[Card], names: list[str]) -> None:
    assert run_names(cards) == names


@pytest.mark.parametrize(("text", "short"), [("abc", "abc"), ("abcdefgh", "ab…gh"), ("abcdef", "ab…ef")])
def test_long_names_lose_their_middle(text: str, short: str) -> None:
    assert shortened(text, 5) == short
