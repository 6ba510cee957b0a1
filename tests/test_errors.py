"""Errors: their texts, whatever is put together into them."""

from __future__ import annotations

import pytest

from alzbench.errors import AlzbenchError, DataError, ExperimentError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a.yaml: it is wrong..", "a.yaml: it is wrong."),
        ("Did you mean 'mean'?.", "Did you mean 'mean'?"),
        ("it fails: ValueError: no!. Repair it.", "it fails: ValueError: no! Repair it."),
        ("it fails: (the reason.). Repair it.", "it fails: (the reason.). Repair it."),
        ("it fails: the reason.. Repair it.", "it fails: the reason. Repair it."),
        ("name a file, and not the folder ..", "name a file, and not the folder .."),
        ("there is no file a/.. here", "there is no file a/.. here"),
        ("and so on...", "and so on..."),
    ],
)
def test_a_text_has_no_second_mark(text: str, shown: str) -> None:
    for kind in (AlzbenchError, DataError, ExperimentError):
        assert str(kind(text)) == shown
