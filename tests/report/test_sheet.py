"""Pictures on a sheet, whatever their shape."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.report.sheet import reduced


@pytest.mark.parametrize(("shape", "height", "expected"), [((40, 20), 10, (10, 5)), ((8, 4), 10, (8, 4))])
def test_a_picture_keeps_its_aspect_ratio(shape: tuple[int, int], height: int, expected: tuple[int, int]) -> None:
    assert reduced(np.zeros(shape, np.uint8), height).shape == expected


def test_a_very_wide_picture_keeps_a_row() -> None:
    assert reduced(np.zeros((16, 9000), np.uint8), 0).shape == (1, 562)
