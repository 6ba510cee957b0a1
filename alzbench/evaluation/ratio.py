"""Division with a result for every input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def ratio(above: npt.NDArray[np.number], below: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Return the quotient of two arrays, NaN if the divisor is not positive."""
    below = np.asarray(below, np.float64)
    quotient: npt.NDArray[np.float64] = np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)
    return quotient
