"""Areas under curves, of all images and with each cluster left out in turn, as intervals are made of.

Letters: `N` images, `C` clusters.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alzbench.compare.intervals import ratio

Scores = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


def roc_auc(scores: Scores, truth: Truth, cluster: Places, clusters: int) -> Scores:
    """Return the area under the ROC curve: the share of pairs, one of each side, that are in order.

    Of ties half are. What a cluster takes away are the pairs that it has a part in, and no curve is drawn again:
    Obuchowski 1997, https://doi.org/10.2307/2533958.

    Args:
        scores: (N,) the higher, the surer that an image is of the class.
        truth: (N,) whether it is.
        cluster: (N,) each image's, in [0, clusters).
        clusters: C.

    Returns:
        (1 + C,) of all, then of all less each cluster; NaN where a side is empty.
    """
    rank = np.unique(scores, return_inverse=True)[1]
    inside, outside = rank[truth], rank[~truth]
    own, other = cluster[truth], cluster[~truth]
    won = _below(inside, outside)
    lost = len(inside) - _below(outside, inside)
    step = len(scores) + 1  # so that clusters are apart
    within = _below(own * step + inside, other * step + outside) - _below(own * step - 0.5, other * step + outside)
    gone = np.bincount(own, won - within, clusters) + np.bincount(other, lost, clusters)
    here, there = (
        len(inside) - np.bincount(own, minlength=clusters),
        len(outside) - np.bincount(other, minlength=clusters),
    )
    pairs = np.concatenate([[len(inside) * len(outside)], here * there])
    return ratio(np.append(won.sum(), won.sum() - gone), pairs)


def average_precision(scores: Scores, truth: Truth, cluster: Places, clusters: int) -> Scores:
    """Return the mean precision at the images of the class, from the surest on; arguments and result as `roc_auc`.

    It is `sklearn.metrics.average_precision_score`, for which images of one score come together.
    """
    steps = np.unique(-scores[truth])  # where recall grows, the surest first
    step = np.searchsorted(steps, -scores)  # the first one at which an image is found
    within = step < len(steps)
    images = _found(step[within], cluster[within], len(steps), clusters)
    found = _found(step[truth], cluster[truth], len(steps), clusters)
    precision = np.divide(found, images, out=np.zeros(found.shape), where=images > 0)
    precision[:, 1:] *= np.diff(found)
    precision[:, :1] *= found[:, :1]
    return ratio(precision.sum(1), found[:, -1] if len(steps) else np.zeros(1 + clusters))


def _found(step: Places, cluster: Places, steps: int, clusters: int) -> Scores:
    """Return how many images (1 + C, steps) are found by each step, of all and of all less each cluster."""
    of_clusters = np.bincount(cluster * steps + step, minlength=clusters * steps).reshape(clusters, steps).cumsum(1)
    whole = of_clusters.sum(0, keepdims=True)
    return np.concatenate([whole, whole - of_clusters]).astype(np.float64)


def _below(values: npt.NDArray[np.number], others: npt.NDArray[np.number]) -> Scores:
    """Return how many of the others are below each value, equal ones counting half."""
    ordered = np.sort(others)
    left, right = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (left + right) / 2
