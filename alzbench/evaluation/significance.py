"""Significance of differences: corrected p-values, McNemar's test, and the sample size that a test needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

ALPHA, POWER = 0.05, 0.8
FEWEST, MOST = 3, 10_000_000  # units that `needed` returns
MIN_EFFECT = 0.02  # the default minimum detectable difference: two points
_NORMAL = float(special.ndtri(1 - ALPHA / 2) + special.ndtri(POWER)) ** 2


def holm(ps: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm's method (1979, jstor 4615733), in their order.

    Equal to `statsmodels.stats.multitest.multipletests`, whose import takes as long as comparing a thousand runs.
    """
    order = np.argsort(ps, kind="stable")
    corrected = np.empty(len(order))
    corrected[order] = np.maximum.accumulate(np.asarray(ps)[order] * np.arange(len(order), 0, -1)).clip(max=1.0)
    return [float(p) for p in corrected]


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the exact p-value of McNemar's test, from the numbers that only one of the two predicts correctly.

    Equal to `scipy.stats.binomtest` with probability one half, without its slow import.
    """
    return min(1.0, 2 * float(special.bdtr(min(only_first, only_second), only_first + only_second, 0.5)))


def needed(se: float, n: int, size: float = MIN_EFFECT) -> int | None:
    """Return the number of units needed to detect a mean difference of `size` with a power of 80 %.

    Args:
        se: Standard error of the mean of `n` units.
        n: Number of units.
        size: The difference.

    Returns:
        MOST if at least so many are needed, None for a standard error of 0.
    """
    spread = se * np.sqrt(n)
    if not spread:
        return None
    effect = size / spread
    normal = _NORMAL / effect**2
    if normal >= MOST:
        return MOST
    # Student's distribution needs about two more than the normal one
    counts = max(FEWEST, int(normal)) + np.arange(8)
    return min(MOST, int(counts[0] + np.searchsorted(_power(effect, counts), POWER)))


def _power(effect: float, n: npt.NDArray[np.int64]) -> npt.NDArray[np.floating]:
    """Return the power of Student's two-sided test of `n` units whose mean is `effect` standard deviations.

    Equal to `statsmodels.stats.power.TTestPower`, but fast: a comparison calls it a thousand times.
    """
    df, shift = n - 1, effect * np.sqrt(n)
    limit = special.stdtrit(df, 1 - ALPHA / 2)
    power: npt.NDArray[np.floating] = 1 - special.nctdtr(df, shift, limit) + special.nctdtr(df, shift, -limit)
    return power
