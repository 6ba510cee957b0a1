"""Experiments against the untrained dark share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alzbench.compare.atrophy import against_atrophy
from alzbench.compare.pairs import compare_pairs
from alzbench.evaluation.stacked import StackedCounts, align_all

TRUTH = np.arange(40) % 2


def predicted(scores: np.ndarray, names: list[str] | None = None, seeds: tuple[int, ...] = (0,)) -> StackedCounts:
    """Return subjects of one slice each, with a probability of being demented (S, C)."""
    scores = np.broadcast_to(scores, (len(seeds), len(scores)))
    labels = np.broadcast_to(TRUTH, scores.shape).astype(np.int8)
    chosen = (scores > 0.5).astype(np.int8)
    counts = np.zeros((*scores.shape, 2, 2), np.uint8)
    rows, columns = np.indices(scores.shape)
    counts[rows, columns, labels, chosen] = 1
    clusters = tuple(names or [f"s{k:02d}" for k in range(40)])
    return StackedCounts("subject", clusters, seeds, counts, labels, chosen, demented=np.array(scores, np.float64))


NOISE = np.random.default_rng(0).random(40)


def test_the_difference_of_areas_and_who_beats_whom() -> None:
    from sklearn.metrics import roc_auc_score

    weak = 0.4 * NOISE + 0.1 * TRUTH
    perfect = 0.2 + 0.6 * TRUTH
    found = against_atrophy("dark", {"good": predicted(perfect), "same": predicted(weak / 2), "dark": predicted(weak)})
    assert [(one.other, one.untrained, one.beats) for one in found] == [("good", "dark", True), ("same", "dark", False)]
    interval = found[0].difference.interval
    assert interval.value == pytest.approx(1 - roc_auc_score(TRUTH, weak))
    assert 0 < interval.low < interval.value < interval.high
    assert found[1].difference.interval.value == 0


def test_common_seeds_are_paired_with_their_probabilities() -> None:
    weak = predicted(0.4 * NOISE + 0.1 * TRUTH, seeds=(0, 1, 2))
    good = predicted(0.2 + 0.6 * TRUTH, seeds=(2, 0))
    (found,) = against_atrophy("dark", {"good": good, "dark": weak})
    assert found.difference.interval.seeds == 2
    ((one, _),) = align_all([(weak, good)])
    assert one.demented is not None
    assert one.demented[0] == pytest.approx(0.4 * NOISE + 0.1 * TRUTH)


def test_other_subjects_or_no_probabilities_are_not_paired() -> None:
    weak = predicted(NOISE)
    other = predicted(NOISE, names=[f"t{k:02d}" for k in range(40)])
    without = StackedCounts("subject", weak.clusters, weak.seeds, weak.counts, weak.labels, weak.predicted)
    assert against_atrophy("dark", {"other": other, "without": without, "dark": weak}) == ()


def test_a_pair_has_the_difference_of_areas_too() -> None:
    weak, perfect = predicted(0.4 * NOISE + 0.1 * TRUTH), predicted(0.2 + 0.6 * TRUTH)
    ((pair,), _) = compare_pairs("weak", {"weak": weak, "perfect": perfect})
    (found,) = against_atrophy("weak", {"weak": weak, "perfect": perfect})
    assert pair.differences["subject_demented_auc"] == found.difference
    without = StackedCounts("subject", weak.clusters, weak.seeds, weak.counts, weak.labels, weak.predicted)
    ((pair,), _) = compare_pairs("weak", {"weak": weak, "without": without})
    assert "subject_demented_auc" not in pair.differences


def test_a_higher_area_beats_nothing_while_its_interval_contains_0() -> None:
    weak, little = predicted(0.4 * NOISE + 0.1 * TRUTH), predicted(0.41 * NOISE**2 + 0.1 * TRUTH)
    for first, second in ((weak, little), (little, weak)):
        (found,) = against_atrophy("dark", {"other": second, "dark": first})
        assert found.difference.interval.low < 0 < found.difference.interval.high
        assert not found.beats


def test_areas_of_other_healthy_classes_are_not_compared() -> None:
    weak, perfect = predicted(0.4 * NOISE + 0.1 * TRUTH), predicted(0.2 + 0.6 * TRUTH)
    assert against_atrophy("dark", {"other": replace(perfect, healthy=1), "dark": weak}) == ()
