"""What the checks say about maps, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from alzbench.report.examples import ExplainedRun, explained_runs
from alzbench.report.map_answer import NO_FINDING, UNCHECKED, answer, details
from alzbench.store import read_run
from alzbench.store.explanation import Check, read_explanation
from tests.helpers.explanations import make_check, write_explanation
from tests.helpers.runs import write_run

Explain = Callable[..., list[ExplainedRun]]


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    """Return runs with these checks, of seed 0, 1, and so on."""

    def make(*checks: Sequence[Check]) -> list[ExplainedRun]:
        pairs = []
        for seed, of_run in enumerate(checks):
            path = write_run(tmp_path, 0.5, [0.5, 0.5], ("A", "B"), seed=seed)
            write_explanation(path, checks=of_run)
            explanation = read_explanation(path)
            assert explanation is not None
            pairs.append((read_run(path), explanation))
        return explained_runs(pairs)

    return make


def needed(method: str, random: str = "passed", centre: str = "passed", weights: str = "passed") -> list[Check]:
    return [
        make_check(method, "randomisation", weights),
        make_check(method, "faithfulness", random, against="random maps"),
        make_check(method, "faithfulness", centre, against="a map of the centre"),
    ]


def test_a_map_that_passes_all_needed_checks_in_all_runs_is_named(explain: Explain) -> None:
    runs = explain(
        [*needed("grad_cam"), *needed("attention")],
        [*needed("grad_cam"), *needed("attention", centre="unclear")],
    )
    assert answer(runs) == (
        "Grad-CAM is shown to mark what the models look at: it passes randomisation and faithfulness in all runs "
        "(Attention in 1 of 2 runs, Grad-CAM in 2 of 2 runs).",
    )
    assert details(runs) == (
        "Randomisation: the map changes if the weights are random (Attention in 2 of 2 runs, Grad-CAM in 2 of 2 runs).",
        "Faithfulness: the prediction depends on the map's pixels more than on those of random maps and of a map of "
        "the centre (Attention in 1 of 2 runs, Grad-CAM in 2 of 2 runs).",
        NO_FINDING,
    )


@pytest.mark.parametrize("missed", ["random", "centre", "weights"])
def test_a_map_that_misses_one_needed_check_is_not_shown_to_mark_anything(explain: Explain, missed: str) -> None:
    runs = explain(needed("grad_cam"), needed("grad_cam", **{missed: "unclear"}))
    assert answer(runs)[0] == (
        "No map is shown to mark what the models look at: none passes both randomisation and faithfulness in all runs "
        "(Grad-CAM in 1 of 2 runs)."
    )
    assert answer(runs[1:])[0] == (
        "No map is shown to mark what the model looks at: none passes both randomisation and faithfulness."
    )


def test_a_check_that_was_not_made_is_not_passed(explain: Explain) -> None:
    assert answer(explain([make_check("grad_cam", "randomisation")]))[0].startswith("No map is shown")


def test_one_run_and_two_methods(explain: Explain) -> None:
    assert answer(explain([*needed("grad_cam"), *needed("attention")])) == (
        "Attention and Grad-CAM are shown to mark what the model looks at: they pass randomisation and faithfulness.",
    )


def test_maps_beside_the_head_are_counted_by_their_runs(explain: Explain) -> None:
    beside = [make_check("attention", "head", "failed"), make_check("grad_cam", "head")]
    assert answer(explain(beside, [make_check("attention", "head", "unclear")]))[1:] == (
        "Less of the map than of the area lies on the head: Attention in 1 of 2 runs.",
    )


def test_without_checks_nothing_is_claimed(explain: Explain) -> None:
    assert answer(explain([], [])) == (UNCHECKED,)
