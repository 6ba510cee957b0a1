"""How sure a figure is: 95 % intervals over seeds and test subjects at once, of figures and of paired differences.

Slices of one subject are alike, so subjects are what is resampled: the variance over subjects is that of the delete-one
jackknife (Efron and Stein 1981, doi 10.1214/aos/1176345462), which is the cluster-robust variance for a mean. The
variance over seeds is that of their mean. They add up, and the interval is Student's, with the degrees of freedom of
their sum (Satterthwaite 1946, doi 10.2307/3002019): with three seeds that differ it is as wide as three seeds deserve.
One seed says nothing about seeds, and its interval is about subjects alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

LEVEL = 0.95
FEWEST_CLUSTERS = 5  # with fewer, no interval is honest

Counts = npt.NDArray[np.float64]
# confusion matrices (..., K, K), rows truth -> figures (...)
Figure = Callable[[Counts], npt.NDArray[np.float64]]


def accuracy(matrices: Counts) -> npt.NDArray[np.float64]:
    """Return the share of right answers."""
    shares: npt.NDArray[np.float64] = _ratio(np.trace(matrices, axis1=-2, axis2=-1), matrices.sum((-1, -2)))
    return shares


def balanced_accuracy(matrices: Counts) -> npt.NDArray[np.float64]:
    """Return the mean recall of the classes that are there."""
    return _mean_of_present(_ratio(_diagonal(matrices), matrices.sum(-1)), matrices)


def macro_f1(matrices: Counts) -> npt.NDArray[np.float64]:
    """Return the mean F1 of the classes that are there."""
    return _mean_of_present(_f1(matrices), matrices)


def f1_of(label: int) -> Figure:
    """Return the function for the F1 of one class."""

    def f1(matrices: Counts) -> npt.NDArray[np.float64]:
        return _ratio(
            2 * matrices[..., label, label], matrices[..., label, :].sum(-1) + matrices[..., :, label].sum(-1)
        )

    return f1


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval.

    Attributes:
        value: Mean over the seeds.
        low, high: The interval.
        seeds, clusters: How many it is of.
        se_clusters, se_seeds: Standard errors from the clusters and from the seeds; 0 for a single seed.
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
        p: Two-sided p-value of no difference, by the same standard error; 1 where nothing differs at all.
    """

    interval: Interval
    p: float


def interval(counts: Counts, figure: Figure) -> Interval | None:
    """Return a figure with its interval.

    Args:
        counts: (S, C, K, K), see `answers.Answers`.
        figure: Of confusion matrices, in [0, 1].

    Returns:
        None where the figure is not defined, or there are too few clusters.
    """
    return intervals(counts, {"": figure}).get("")


def intervals(counts: Counts, figures: Mapping[str, Figure]) -> dict[str, Interval]:
    """Return figures with their intervals, see `interval`, by name; without those that have none."""
    drawn = _Jackknife.of(counts)
    found = {name: _interval(drawn.values(figure), drawn.there) for name, figure in figures.items()}
    return {
        name: replace(value, low=max(0.0, value.low), high=min(1.0, value.high))
        for name, value in found.items()
        if value is not None
    }


def difference(first: Counts, second: Counts, figure: Figure) -> Difference | None:
    """Return the paired difference of two experiments with the same seeds and test images; None as for `interval`."""
    return differences(first, second, {"": figure})[""]


def differences(first: Counts, second: Counts, figures: Mapping[str, Figure]) -> dict[str, Difference | None]:
    """Return the paired differences of figures, see `difference`, by name."""
    if first.shape != second.shape or not np.array_equal(first.sum(-1), second.sum(-1)):
        raise ValueError("paired experiments must have answered about the same images")
    one, two = _Jackknife.of(first), _Jackknife.of(second)
    return {name: _difference(two.values(figure) - one.values(figure), one.there) for name, figure in figures.items()}


def mean_difference(pairs: Sequence[tuple[Counts, Counts]], figure: Figure) -> Interval | None:
    """Return the mean of paired differences, each as for `difference`, all with the same seeds and clusters."""
    drawn = [(_Jackknife.of(first), _Jackknife.of(second)) for first, second in pairs]
    changes = [second.values(figure) - first.values(figure) for first, second in drawn]
    return _interval(np.mean(changes, axis=0), drawn[0][0].there)


@dataclass(frozen=True)
class _Jackknife:
    """Confusion matrices (S, 1 + C, K, K) of all clusters, then of all less each one; and which have images (C,)."""

    matrices: Counts
    there: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, counts: Counts) -> _Jackknife:
        # kept with the matrices' axes outermost: sums over them, which figures are made of, take a fifth of the time
        turned = np.ascontiguousarray(np.moveaxis(counts, (2, 3), (0, 1)))
        whole = turned.sum(3, keepdims=True)
        matrices = np.moveaxis(np.concatenate([whole, whole - turned], 3), (0, 1), (2, 3))
        return cls(matrices, np.any(counts > 0, axis=(0, 2, 3)))

    def values(self, figure: Figure) -> npt.NDArray[np.float64]:
        return figure(self.matrices)


def _difference(values: npt.NDArray[np.float64], there: npt.NDArray[np.bool_]) -> Difference | None:
    found = _interval(values, there)
    if found is None:
        return None
    se = math.hypot(found.se_clusters, found.se_seeds)
    # the distribution's own function: `scipy.stats.t` checks its arguments for longer than it computes
    p = float(2 * special.stdtr(found.df, -abs(found.value) / se)) if se else float(found.value == 0)
    return Difference(found, p)


def _interval(values: npt.NDArray[np.float64], there: npt.NDArray[np.bool_]) -> Interval | None:
    """Return the interval from values (S, 1 + C) of all clusters, then without each one."""
    whole, left_out = values[:, 0], values[:, 1:].mean(0)[there]
    n, seeds = len(left_out), len(whole)
    if n < FEWEST_CLUSTERS or not np.isfinite(whole).all() or not np.isfinite(left_out).all():
        return None
    over_clusters = (n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum())
    over_seeds = float(whole.var(ddof=1)) / seeds if seeds > 1 else 0.0
    parts = over_clusters**2 / (n - 1) + (over_seeds**2 / (seeds - 1) if seeds > 1 else 0.0)
    df = (over_clusters + over_seeds) ** 2 / parts if parts else float(n - 1)
    value, se = float(whole.mean()), math.sqrt(over_clusters + over_seeds)
    half = float(special.stdtrit(df, (1 + LEVEL) / 2)) * se
    return Interval(value, value - half, value + half, seeds, n, math.sqrt(over_clusters), math.sqrt(over_seeds), df)


def _f1(matrices: Counts) -> npt.NDArray[np.float64]:
    return _ratio(2 * _diagonal(matrices), matrices.sum(-1) + matrices.sum(-2))


def _diagonal(matrices: Counts) -> npt.NDArray[np.float64]:
    diagonal: Counts = np.diagonal(matrices, axis1=-2, axis2=-1)
    return diagonal


def _mean_of_present(values: npt.NDArray[np.float64], matrices: Counts) -> npt.NDArray[np.float64]:
    present = matrices.sum(-1) > 0
    means: npt.NDArray[np.float64] = _ratio(np.where(present, values, 0).sum(-1), present.sum(-1))
    return means


def _ratio(above: npt.NDArray[np.floating], below: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Return a quotient, NaN where it is not defined."""
    below = np.asarray(below, np.float64)
    quotient: npt.NDArray[np.float64] = np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)
    return quotient
