"""Areas under curves: over all images, and without each cluster in turn, for the jackknife.

Letters: `N` images, `C` clusters.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alzbench.evaluation.ratio import ratio

Scores = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


def roc_auc(scores: Scores, truth: Truth, cluster: Places, clusters: int) -> Scores:
    """Return the area under the ROC curve: the share of pairs in the right order.

    A pair is one image of the class and one of the others; ties count half. To leave out a cluster, the pairs with its
    images are subtracted: Obuchowski 1997, https://doi.org/10.2307/2533958.

    Args:
        scores: (N,) probability of the class, or a score that grows with it.
        truth: (N,) True for images of the class.
        cluster: (N,) the cluster of each image, in [0, clusters).
        clusters: C.

    Returns:
        (1 + C,) the area over all images, then without each cluster; NaN if a side is empty.
    """
    rank = np.unique(scores, return_inverse=True)[1]
    inside, outside = rank[truth], rank[~truth]
    own, other = cluster[truth], cluster[~truth]
    won = _below(inside, outside)
    lost = len(inside) - _below(outside, inside)
    step = len(scores) + 1  # keeps the ranks of different clusters apart
    within = _below(own * step + inside, other * step + outside) - _below(own * step - 0.5, other * step + outside)
    gone = np.bincount(own, won - within, clusters) + np.bincount(other, lost, clusters)
    inside_left, outside_left = (
        len(inside) - np.bincount(own, minlength=clusters),
        len(outside) - np.bincount(other, minlength=clusters),
    )
    pairs = np.concatenate([[len(inside) * len(outside)], inside_left * outside_left])
    return ratio(np.append(won.sum(), won.sum() - gone), pairs)


def average_precision(scores: Scores, truth: Truth, cluster: Places, clusters: int) -> Scores:
    """Return the average precision; arguments and result as for `roc_auc`.

    Equal to `sklearn.metrics.average_precision_score`, in which images with equal scores share a threshold.
    """
    steps = np.unique(-scores[truth])  # thresholds at which recall grows, the highest score first
    step = np.searchsorted(steps, -scores)  # the first threshold that an image passes
    within = step < len(steps)
    images = _retrieved(step[within], cluster[within], len(steps), clusters)
    hits = _retrieved(step[truth], cluster[truth], len(steps), clusters)
    precision = np.divide(hits, images, out=np.zeros(hits.shape), where=images > 0)
    precision[:, 1:] *= np.diff(hits)
    precision[:, :1] *= hits[:, :1]
    return ratio(precision.sum(1), hits[:, -1] if len(steps) else np.zeros(1 + clusters))


def _retrieved(step: Places, cluster: Places, steps: int, clusters: int) -> Scores:
    """Return the number of images (1 + C, steps) that pass each threshold, of all and without each cluster."""
    by_cluster = np.bincount(cluster * steps + step, minlength=clusters * steps).reshape(clusters, steps).cumsum(1)
    whole = by_cluster.sum(0, keepdims=True)
    return np.concatenate([whole, whole - by_cluster]).astype(np.float64)


def _below(values: npt.NDArray[np.number], others: npt.NDArray[np.number]) -> Scores:
    """Return the number of others below each value; equal ones count half."""
    ordered = np.sort(others)
    left, right = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (left + right) / 2
