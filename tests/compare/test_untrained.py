"""Experiments against the strongest sanity baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alzbench.compare import Group, compare
from alzbench.store import RunStore
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run


def group_of(root: Path, sanity: Sequence[tuple[str, float]], **experiments: float) -> Group:
    """A group of experiments and sanity baselines that are right in about such a share of the images."""
    every = [(name, right, False) for name, right in experiments.items()]
    every += [(name, right, True) for name, right in sanity]
    for place, (name, right, is_sanity) in enumerate(every):
        for seed in (0, 1, 2):
            path = write_run(
                root, right, n=240, experiment=name, settings_hash=name, seed=seed, sanity=is_sanity, variant=name,
                hash=f"{name}{seed}",
            )  # fmt: skip
            draw_predictions(path, 10 * place + seed, right, subjects=30)
    (group,) = compare(RunStore(root).runs(), []).groups
    return group


def test_each_experiment_is_paired_with_the_strongest(tmp_path: Path) -> None:
    group = group_of(tmp_path, [("weak", 0.5), ("strong", 0.6)], baseline=0.95, poor=0.6, bad=0.2)
    assert {pair.baseline for pair in group.untrained} == {"strong"}
    verdicts = {pair.other: pair.verdict for pair in group.untrained}
    assert verdicts == {"baseline": "better", "poor": "no difference shown", "bad": "worse"}
    # corrected for the three experiments: the smallest p-value counts three times
    pair = next(pair for pair in group.untrained if pair.other == "baseline")
    change = pair.differences["accuracy"]
    assert change is not None
    assert pair.p_holm is not None
    assert pair.p_holm >= 2 * change.p


def test_without_sanity_baselines_there_are_none(tmp_path: Path) -> None:
    assert group_of(tmp_path, [], baseline=0.9).untrained == ()


def test_subjects_needed_are_of_differences_that_are_not_shown(tmp_path: Path) -> None:
    group = group_of(tmp_path, [("strong", 0.6)], baseline=0.95, poor=0.6, alike=0.945)
    for pair in (*group.pairs, *group.untrained):
        shown = pair.verdict in ("better", "worse")
        assert (pair.subjects_needed is None) == shown, pair.other
        assert pair.seeds_needed is None or not shown
    assert {pair.verdict for pair in group.pairs} >= {"worse", "no difference shown"}
