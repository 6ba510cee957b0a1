"""The document about predictions of new images."""

from __future__ import annotations

import pandas as pd

from alzbench.inference.predict import NOT_MEDICAL, Predictions
from alzbench.report.predictions import ALL_ROWS, MOST_ROWS, NOT_COMPARED, predictions_document


def make(n: int, compared: bool = True) -> Predictions:
    images = pd.DataFrame(
        {
            "image": [f"{k}.png" for k in range(n)],
            "subject": ["s"] * n,
            "slice": [str(k) for k in range(n)],
            "predicted": ["a"] * n,
            "p_a": [0.75] * n,
            "p_b": [0.25] * n,
            "warning": ["", *["x; y"] * (n - 1)],
        }
    )
    subjects = pd.DataFrame({"subject": ["s"], "images": [n], "predicted": ["a"], "p_a": [0.75], "p_b": [0.25]})
    skipped = pd.DataFrame({"image": ["bad.png"], "reason": ["damaged"]})
    return Predictions(("a", "b"), images, subjects, skipped, compared)


def test_the_document_counts_warns_and_says_that_it_is_no_medical_device() -> None:
    document = predictions_document("run", "runs/run", make(3))
    (section,) = document.sections
    assert section.title == "Predictions of run for 3 images"
    assert section.warnings == ("2 images: x", "2 images: y")
    assert section.notes == ("left out: bad.png: damaged", NOT_MEDICAL)
    assert document.data["images"][0]["probabilities"] == {"a": 0.75, "b": 0.25}
    assert document.data["subjects"][0]["images"] == 3
    assert document.data["warnings"] == {"x": 2, "y": 2}


def test_what_was_not_compared_and_what_is_not_shown_is_said() -> None:
    (section,) = predictions_document("run", "runs/run", make(MOST_ROWS + 5, compared=False)).sections
    assert section.notes[0] == NOT_COMPARED
    assert len(section.tables[0].rows) == MOST_ROWS
    assert ALL_ROWS in section.tables[0].note
