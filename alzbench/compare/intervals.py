"""How sure a figure is: 95 % intervals over seeds and test subjects at once, of figures and of paired differences.

Slices of one subject are alike, so subjects are what is resampled: the variance over subjects is that of the delete-one
jackknife (Efron and Stein 1981, doi 10.1214/aos/1176345462), which is the cluster-robust variance for a mean. The
variance over seeds is that of their mean. They add up, and the interval is Student's, with the degrees of freedom of
their sum (Satterthwaite 1946, doi 10.2307/3002019): with three seeds that differ it is as wide as three seeds deserve.
One seed says nothing about seeds, and its interval is about subjects alone.

Clusters that all say the same have no variance, which does not make anything certain: the interval is then Clopper and
Pearson's of a share of n in n, the others being anything, and the p-value that of the sign test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

LEVEL = 0.95
FEWEST_CLUSTERS = 5  # with fewer, no interval is honest
SMALLEST_P = 1e-300  # where Student's distribution ends in floating point: no test makes anything certain
_ROUNDING = 1e-9  # a standard error below it is none

Counts = npt.NDArray[np.number]  # as small as they are stored: sums widen them
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A figure in [0, 1] of confusion matrices (..., K, K), rows truth; it returns (...).

    Attributes:
        function: Computes it.
        label: The class that it is about; None where it is about all of them.
        by_class: Whether it gives each class the same weight, so that the one with the fewest clusters decides how sure
            it is.
    """

    function: Callable[[Counts], Values]
    label: int | None = None
    by_class: bool = False

    def __call__(self, matrices: Counts) -> Values:
        return self.function(matrices)


def _accuracy(matrices: Counts) -> Values:
    return ratio(np.trace(matrices, axis1=-2, axis2=-1), matrices.sum((-1, -2)))


def _balanced_accuracy(matrices: Counts) -> Values:
    return _mean_of_present(ratio(_diagonal(matrices), matrices.sum(-1)), matrices)


def _macro_f1(matrices: Counts) -> Values:
    return _mean_of_present(_f1(matrices), matrices)


accuracy = Figure(_accuracy)
balanced_accuracy = Figure(_balanced_accuracy, by_class=True)  # over the classes that are there
macro_f1 = Figure(_macro_f1, by_class=True)  # over the classes that are there


@cache
def f1_of(label: int) -> Figure:
    """Return the F1 of one class, which is not defined without images of it."""

    def f1(matrices: Counts) -> Values:
        support, answered = matrices[..., label, :].sum(-1), matrices[..., :, label].sum(-1)
        return ratio(2 * matrices[..., label, label], np.where(support > 0, support + answered, 0))

    return Figure(f1, label)


class Sample:
    """Answers (S, C, K, K) of which clusters are left out in turn; what figures say of it is computed once."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._values: dict[Figure, Values] = {}

    @cached_property
    def truth(self) -> Counts:
        """(S, C, K) images of each cluster by class."""
        truth: Counts = self.counts.sum(-1)
        return truth

    @cached_property
    def there(self) -> npt.NDArray[np.bool_]:
        """(C,) whether any seed has tested a cluster."""
        tested: npt.NDArray[np.bool_] = np.any(self.truth > 0, axis=(0, 2))
        return tested

    def clusters(self, figure: Figure) -> int:
        """Return how many clusters a figure rests on: all of them, or those of its class, the rarest of several."""
        if figure.label is not None:
            return self._of_classes[figure.label]
        return min((n for n in self._of_classes if n), default=0) if figure.by_class else int(self.there.sum())

    @cached_property
    def _of_classes(self) -> list[int]:
        """Clusters of each class."""
        of_classes: list[int] = (self.truth > 0).any(0).sum(0).tolist()
        return of_classes

    def values(self, figures: Iterable[Figure]) -> list[Values]:
        """Return figures (S, 1 + C) of all clusters, then of all less each one."""
        missing = [figure for figure in figures if figure not in self._values]
        if missing:
            matrices, place = self._left_out()
            self._values |= {figure: np.take_along_axis(figure(matrices), place, 1) for figure in missing}
        return [self._values[figure] for figure in figures]

    def _left_out(self) -> tuple[Counts, npt.NDArray[np.intp]]:
        """Return matrices (S, M, K, K) of all clusters and of all less each one, and where in them (S, 1 + C) are."""
        seeds, clusters, size, _ = self.counts.shape
        if self.truth.sum(-1).max(initial=0) > 1:
            # kept with the matrices' axes outermost: the sums that figures are made of take a fifth of the time
            turned = np.ascontiguousarray(np.moveaxis(self.counts, (2, 3), (0, 1)))
            whole = turned.sum(3, keepdims=True)
            matrices = np.moveaxis(np.concatenate([whole, whole - turned], 3), (0, 1), (2, 3))
            return matrices, np.broadcast_to(np.arange(1 + clusters), (seeds, 1 + clusters))
        # of single images only as many are different as there are cells to take one from
        flat = self.counts.reshape(seeds, clusters, size * size)
        cells = np.where(flat.any(-1), 1 + flat.argmax(-1), 0)
        less = np.concatenate([np.zeros((1, size * size)), np.eye(size * size)]).reshape(1, -1, size, size)
        return self.counts.sum(1)[:, None] - less, np.concatenate([np.zeros((seeds, 1), np.intp), cells], 1)


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval.

    Attributes:
        value: Mean over the seeds.
        low, high: The interval.
        seeds, clusters: How many it is of.
        se_clusters, se_seeds: Standard errors from the clusters and from the seeds; the latter 0 for a single seed.
        df: Degrees of freedom.
    """

    value: float
    low: float
    high: float
    seeds: int
    clusters: int
    se_clusters: float
    se_seeds: float
    df: float


@dataclass(frozen=True)
class Difference:
    """What changes from one experiment to another on the same test images, seed by seed.

    Attributes:
        interval: Of the second one's figure less the first one's.
        p: Two-sided p-value of no difference, by the same standard error, or where that is 0 of the sign test over
            clusters; 1 where nothing differs at all.
    """

    interval: Interval
    p: float


def interval(counts: Counts, figure: Figure) -> Interval | None:
    """Return a figure with its interval.

    Args:
        counts: (S, C, K, K), see `answers.Answers`.
        figure: Of confusion matrices.

    Returns:
        None where the figure is not defined, or rests on too few clusters.
    """
    return intervals(Sample(counts), {"": figure}).get("")


def intervals(sample: Sample | Counts, figures: Mapping[str, Figure]) -> dict[str, Interval]:
    """Return figures with their intervals, see `interval`, by name; without those that have none."""
    drawn = _sample(sample)
    asked = {name: figure for name, figure in figures.items() if drawn.clusters(figure) >= FEWEST_CLUSTERS}
    values = drawn.values(list(asked.values()))
    found = {
        name: from_left_out(value, drawn.there, drawn.clusters(figure))
        for (name, figure), value in zip(asked.items(), values, strict=True)
    }
    return {name: value for name, value in found.items() if value is not None}


def difference(first: Counts, second: Counts, figure: Figure) -> Difference | None:
    """Return the paired difference of two experiments with the same seeds and test images; None as for `interval`."""
    return differences(first, second, {"": figure})[""]


def differences(
    first: Sample | Counts, second: Sample | Counts, figures: Mapping[str, Figure]
) -> dict[str, Difference | None]:
    """Return the paired differences of figures, see `difference`, by name."""
    one, two = _sample(first), _sample(second)
    if one.counts.shape != two.counts.shape or not np.array_equal(one.truth, two.truth):
        raise ValueError("paired experiments must have answered about the same images")
    values = zip(one.values(list(figures.values())), two.values(list(figures.values())), strict=True)
    return {
        name: _difference(after - before, one.there, one.clusters(figure))
        for (name, figure), (before, after) in zip(figures.items(), values, strict=True)
    }


def mean_difference(pairs: Sequence[tuple[Sample, Sample]], figure: Figure) -> Interval | None:
    """Return the mean of paired differences, each as for `difference`, all with the same seeds and clusters."""
    if len({sample.counts.shape for pair in pairs for sample in pair}) > 1:
        raise ValueError("pairs whose differences are averaged must have the same seeds, clusters and classes")
    changes = [second.values([figure])[0] - first.values([figure])[0] for first, second in pairs]
    there = np.any([first.there for first, _ in pairs], axis=0)
    return from_left_out(np.mean(changes, axis=0), there, min(first.clusters(figure) for first, _ in pairs), -1)


def _sample(counts: Sample | Counts) -> Sample:
    return counts if isinstance(counts, Sample) else Sample(counts)


def _difference(values: Values, there: npt.NDArray[np.bool_], clusters: int) -> Difference | None:
    found = from_left_out(values, there, clusters, -1)
    if found is None:
        return None
    se = math.hypot(found.se_clusters, found.se_seeds)
    if not se:
        return Difference(found, min(1.0, 2 * float(special.bdtr(0, clusters, 0.5))) if found.value else 1.0)
    # the distribution's own function: `scipy.stats.t` checks its arguments for longer than it computes
    p = float(2 * special.stdtr(found.df, -abs(found.value) / se))
    return Difference(found, max(p, SMALLEST_P))


def from_left_out(values: Values, there: npt.NDArray[np.bool_], clusters: int, lowest: float = 0.0) -> Interval | None:
    """Return the interval of a figure in [lowest, 1], from its values (S, 1 + C), see `Sample`.

    Args:
        values: Of all clusters, then without each one.
        there: (C,) which clusters have been tested.
        clusters: How many of them the figure rests on.
        lowest: 0, or -1 for a difference.

    Returns:
        None where it is not defined, or rests on too few clusters.
    """
    whole, left_out = values[:, 0], values[:, 1:].mean(0)[there]
    n, seeds = len(left_out), len(whole)
    if clusters < FEWEST_CLUSTERS or not np.isfinite(whole).all() or not np.isfinite(left_out).all():
        return None
    value = float(whole.mean())
    spread, apart = left_out - left_out.mean(), whole - value
    over_clusters = (n - 1) / n * float(spread @ spread)
    over_seeds = float(apart @ apart) / (seeds - 1) / seeds if seeds > 1 else 0.0
    if math.sqrt(over_clusters + over_seeds) < _ROUNDING:
        alike = float(special.betaincinv(clusters, 1, (1 - LEVEL) / 2))  # Clopper and Pearson's of n in n
        low, high = (alike * value + (1 - alike) * end for end in (lowest, 1))
        return Interval(0.0 if abs(value) < _ROUNDING else value, low, high, seeds, n, 0.0, 0.0, float(n - 1))
    parts = over_clusters**2 / (n - 1) + (over_seeds**2 / (seeds - 1) if seeds > 1 else 0.0)
    df = (over_clusters + over_seeds) ** 2 / parts
    half = float(special.stdtrit(df, (1 + LEVEL) / 2)) * math.sqrt(over_clusters + over_seeds)
    low, high = max(lowest, value - half), min(1.0, value + half)
    return Interval(value, low, high, seeds, n, math.sqrt(over_clusters), math.sqrt(over_seeds), df)


def _f1(matrices: Counts) -> Values:
    return ratio(2 * _diagonal(matrices), matrices.sum(-1) + matrices.sum(-2))


def _diagonal(matrices: Counts) -> Counts:
    diagonal: Counts = np.diagonal(matrices, axis1=-2, axis2=-1)
    return diagonal


def _mean_of_present(values: npt.NDArray[np.float64], matrices: Counts) -> Values:
    present = matrices.sum(-1) > 0
    means: npt.NDArray[np.float64] = ratio(np.where(present, values, 0).sum(-1), present.sum(-1))
    return means


def ratio(above: npt.NDArray[np.number], below: npt.NDArray[np.number]) -> Values:
    """Return a quotient, NaN where it is not defined."""
    below = np.asarray(below, np.float64)
    quotient: Values = np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)
    return quotient
