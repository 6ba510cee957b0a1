"""The time that is left in a sequence of runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alzbench.experiment import Experiment
from alzbench.runner.remaining import Remaining


def make(name: str, epochs: int = 10, **changes: Any) -> Experiment:
    return Experiment.model_validate({"name": name, "train": {"epochs": epochs}, **changes})


def test_nothing_is_known_before_a_run_is_done() -> None:
    assert Remaining([make("a"), make("a")]).seconds() is None
    assert Remaining([]).seconds() is None


def test_a_run_takes_as_long_as_the_others_of_its_experiment_did() -> None:
    a = make("a")
    remaining = Remaining([a, a, a, a])
    remaining.finish(a, 10)
    assert remaining.seconds() == 30
    remaining.finish(a, 20)
    assert remaining.seconds() == 30  # two of 15
    remaining.finish(a, 30)
    assert remaining.seconds() == 20
    remaining.finish(a, 40)
    assert remaining.seconds() == 0


def test_another_experiment_takes_as_long_as_its_epochs_did_elsewhere() -> None:
    a, b, tuned = make("a", 10), make("b", 40), make("c", 20, fine_tune={"epochs": 5})
    remaining = Remaining([a, a, b, b, tuned])
    remaining.finish(a, 20)  # 2 an epoch
    assert remaining.seconds() == 20 + 2 * 80 + 50
    remaining.finish(b, 240)  # 6 an epoch; 4 on average
    assert remaining.seconds() == 20 + 240 + 100
    remaining.finish(tuned, 25)  # 1 an epoch
    assert remaining.seconds() == 20 + 240


def test_an_experiment_counts_once_however_many_of_its_runs_are_done() -> None:
    a, b, c = make("a"), make("b"), make("c")
    remaining = Remaining([a, a, a, b, c])
    for _ in range(3):
        remaining.finish(a, 10)  # 1 an epoch
    remaining.finish(b, 30)  # 3 an epoch
    assert remaining.seconds() == 20  # 10 epochs of 2


def test_the_same_name_under_another_protocol_is_another_experiment() -> None:
    a, b = make("a", 10), make("a", 20, protocol={"name": "slice"})
    remaining = Remaining([a, a, b])
    remaining.finish(a, 10)
    assert remaining.seconds() == 10 + 20
    remaining.finish(b, 60)
    assert remaining.seconds() == 10


def test_a_run_that_was_not_expected_is_counted_and_takes_nothing_away() -> None:
    a, b = make("a"), make("b")
    remaining = Remaining([a])
    remaining.finish(b, 30)
    assert remaining.seconds() == 30
    remaining.finish(a, 10)
    remaining.finish(a, 10)
    assert remaining.seconds() == 0


def test_the_list_that_is_given_stays_as_it_was() -> None:
    left = [make("a")]
    Remaining(left).finish(make("a"), 1)
    assert len(left) == 1


def test_sanity_rows_without_a_network_are_not_taken_for_fifty_epochs() -> None:
    a, row = make("a", 50), make("sanity-largest-class", 50, model={"variant": "largest_class"}, sanity=True)
    remaining = Remaining([a, row])
    remaining.finish(a, 100)
    left = remaining.seconds()
    assert left is not None
    assert left < 10


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.data())
def test_it_is_exact_where_all_epochs_take_as_long(numbers: list[int], data: st.DataObject) -> None:
    experiments = [make(f"x{number}", number + 1) for number in numbers]
    remaining = Remaining(experiments)
    order = data.draw(st.permutations(experiments))
    for done, experiment in enumerate(order, start=1):
        remaining.finish(experiment, 7.0 * experiment.train.epochs)
        assert remaining.seconds() == pytest.approx(sum(7.0 * later.train.epochs for later in order[done:]))
