"""Areas under curves: those of scikit-learn, of all images and of what is left without each cluster."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from alzbench.evaluation.curves import average_precision, roc_auc

images = st.lists(
    st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=1, max_size=40
)  # score, truth, cluster: few scores, so that there are ties


@settings(deadline=None)
@given(images)
def test_they_are_those_of_scikit_learn_with_and_without_each_cluster(drawn: list[tuple[int, bool, int]]) -> None:
    scores, truth, cluster = (np.array(values) for values in zip(*drawn, strict=True))
    areas, precisions = (f(scores / 5, truth, cluster, 4) for f in (roc_auc, average_precision))
    assert areas.shape == precisions.shape == (5,)
    for k in range(5):
        left = np.ones(len(scores), bool) if k == 0 else cluster != k - 1
        if truth[left].any() and not truth[left].all():
            assert areas[k] == pytest.approx(roc_auc_score(truth[left], scores[left]), abs=1e-9)
        else:
            assert np.isnan(areas[k])
        if truth[left].any():
            assert precisions[k] == pytest.approx(average_precision_score(truth[left], scores[left]), abs=1e-9)
        else:
            assert np.isnan(precisions[k])


def test_by_hand() -> None:
    """Of the class at 0.9 and 0.4, of others at 0.6 and 0.4: of four pairs two are in order, and one is a tie."""
    scores, truth = np.array([0.9, 0.4, 0.6, 0.4]), np.array([True, True, False, False])
    found = roc_auc(scores, truth, np.arange(4), 4)
    # without the first: a loss and a tie; without the second: two wins; without the third: a win and a tie, and so on
    assert found.tolist() == [2.5 / 4, 0.5 / 2, 2 / 2, 1.5 / 2, 1 / 2]
    # precision 1 at the first; both at 0.4 come together, when 2 of 4 are of the class
    assert average_precision(scores, truth, np.arange(4), 4)[0] == pytest.approx((1 + 0.5) / 2)
