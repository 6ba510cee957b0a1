"""Experiments against the strongest sanity baseline: one that does not beat it has learned nothing that is shown."""

from __future__ import annotations

from collections.abc import Mapping

from alzbench.compare.pairs import Pair, compare_pairs
from alzbench.evaluation.significance import MIN_EFFECT
from alzbench.evaluation.stacked import StackedCounts


def against_untrained(
    experiments: Mapping[str, StackedCounts],
    sanity: Mapping[str, StackedCounts],
    accuracy: Mapping[str, float],
    min_effect: float = MIN_EFFECT,
) -> tuple[Pair, ...]:
    """Return each experiment's paired difference to the sanity baseline with the highest accuracy that can be paired.

    Args:
        experiments, sanity: Label -> predictions.
        accuracy: Label of a sanity baseline -> its accuracy, in [0, 1].
        min_effect: The minimum detectable difference, in [0, 1].

    Returns:
        Pairs whose `baseline` is the sanity baseline; their p-values are corrected for all experiments. Empty if no
        sanity baseline can be paired, such as that of shuffled labels.
    """
    for label in sorted(sanity, key=lambda name: -accuracy.get(name, 0.0)):
        pairs, _ = compare_pairs(label, {label: sanity[label], **experiments}, (), min_effect)
        if pairs:
            return pairs
    return ()
