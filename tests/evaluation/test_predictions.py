"""The predictions table: its errors."""

from __future__ import annotations

import pandas as pd

from alzbench.evaluation.predictions import errors


def test_errors_are_the_most_confident_first_and_equal_ones_by_image() -> None:
    table = pd.DataFrame(
        [("d", "A", "B", 0.3), ("a", "A", "A", 1.0), ("c", "B", "A", 0.7), ("e", "B", "A", 0.9), ("b", "A", "B", 0.3)],
        columns=["image", "label", "predicted", "p_A"],
    ).assign(p_B=lambda rows: 1 - rows["p_A"])
    shown = errors(table)
    assert shown["image"].tolist() == ["e", "b", "c", "d"]
    assert shown["confidence"].tolist() == [0.9, 0.7, 0.7, 0.7]
    assert not shown["right"].any()
    assert errors(table, confident=False)["image"].tolist() == ["d", "c", "e", "b"]
