"""Division that is defined for every input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def ratio(above: npt.NDArray[np.number], below: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Return the quotient of two arrays that broadcast, NaN where the divisor is not positive."""
    below = np.asarray(below, np.float64)
    undefined = np.full(np.broadcast_shapes(np.shape(above), below.shape), np.nan)
    quotient: npt.NDArray[np.float64] = np.divide(above, below, out=undefined, where=below > 0)
    return quotient
