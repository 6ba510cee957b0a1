"""Runs found by what a user calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.errors import DataError, ExperimentError
from alzbench.store import Run, RunStore, read_run
from alzbench.store.named import named_runs
from tests.helpers.runs import write_run


def add(store: RunStore, experiment: str, seed: int, day: int, **card: object) -> Run:
    path = write_run(
        store.root, 0.5, experiment=experiment, settings_hash=experiment, seed=seed, hash=f"{experiment[:2]}{seed}abc",
        created=f"2026-01-{day:02d}T00:00:00+00:00", **card,
    )  # fmt: skip
    return read_run(path)


@pytest.fixture
def runs(store: RunStore) -> list[Run]:
    """Two experiments of which one's name begins the other's, a third one, and a newer sanity baseline."""
    add(store, "base", 0, 1)
    add(store, "baseline", 0, 2)
    add(store, "baseline", 1, 3)
    add(store, "attention", 0, 4)
    add(store, "sanity-majority", 0, 5, sanity=True)
    return store.runs()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("base", ["base/0"]),  # exact, though it begins another name
        ("baseline", ["baseline/0", "baseline/1"]),
        ("basel", ["baseline/0", "baseline/1"]),
        ("a", ["attention/0"]),
        ("baseline/seed-1", ["baseline/1"]),
        ("at0a", ["attention/0"]),
        ("at0", []),  # too short for a hash
        ("latest", ["attention/0"]),
        ("nobody", []),
        ("", []),
    ],
)
def test_a_name_finds_its_runs(runs: list[Run], name: str, expected: list[str]) -> None:
    assert [f"{run.card.experiment}/{run.card.seed}" for run in named_runs(name, runs)] == expected


def test_the_beginning_of_several_names_is_refused_with_them(runs: list[Run]) -> None:
    with pytest.raises(ExperimentError, match=r"b must be the beginning of one experiment's name; .* base, baseline"):
        named_runs("b", runs)
    with pytest.raises(ExperimentError, match=r"the beginning of one run's name; .* baseline/seed-0-ba0abc, baseline/"):
        named_runs("baseline/seed", runs)


def test_an_experiment_that_is_called_latest_is_itself(store: RunStore) -> None:
    add(store, "latest", 0, 1)
    add(store, "other", 0, 2)
    assert [run.card.experiment for run in named_runs("latest", store.runs())] == ["latest"]


def test_the_latest_run_is_complete(store: RunStore, runs: list[Run]) -> None:
    add(store, "newer", 0, 9, state="failed")
    assert store.find("latest").name == runs[-2].name


@pytest.mark.usefixtures("runs")
def test_one_run_is_found_and_several_are_listed(store: RunStore) -> None:
    assert store.find("att").card.experiment == "attention"
    assert store.find("baseline/seed-1").card.seed == 1
    with pytest.raises(ExperimentError, match="basel has 2: baseline/seed-0-ba0abc, baseline/seed-1-ba1abc"):
        store.find("basel")
    with pytest.raises(DataError, match="There is no run nobody"):
        store.find("nobody")


@pytest.mark.usefixtures("runs")
def test_the_name_of_an_unfinished_run_finds_it(store: RunStore) -> None:
    add(store, "newer", 0, 9, state="failed")
    assert store.find("newer/seed-0").card.state == "failed"
    with pytest.raises(DataError, match="There is no run new"):  # an experiment stands for its complete runs
        store.find("new")


def test_a_folder_is_a_name(store: RunStore, runs: list[Run]) -> None:
    assert named_runs(str(Path(store.root, "attention", runs[3].path.name)), runs) == [runs[3]]
