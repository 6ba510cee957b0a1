"""The card of a run: written, read back, and damaged."""

from __future__ import annotations

import json

import pytest

from alzbench.errors import DataError
from alzbench.store import RunStore, read_run
from tests.helpers.runs import CARD, write_run


def test_a_card_comes_back_as_it_was_written(store: RunStore) -> None:
    with store.begin(CARD) as writer:
        pass
    assert read_run(writer.path).card == writer.card.model_copy(update={"state": "complete"})
    assert read_run(writer.path).card.created != CARD.created  # begin dates it


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param("", "cannot be read", id="empty"),
        pytest.param('{"experiment": "x', "cannot be read", id="cut"),
        pytest.param("[1]", "must hold a JSON object", id="list"),
        pytest.param("{}", "has layout None", id="no-format"),
        pytest.param('{"format": 1, "experiment": "x"}', "is incomplete", id="missing-keys"),
        pytest.param(
            '{"format": 99}',
            "has layout 99, but this version of alzbench reads layout 1; update alzbench",
            id="newer-layout",
        ),
    ],
)
def test_a_damaged_state_is_one_sentence(store: RunStore, content: str, text: str) -> None:
    path = write_run(store.root)
    (path / "state.json").write_text(content)
    with pytest.raises(DataError) as caught:
        store.runs()
    assert text in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_newer_layout_adds_within_the_same_format_is_passed_over(store: RunStore) -> None:
    path = write_run(store.root)
    content = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**content, "added": 1}))
    assert read_run(path).card.experiment == "x"


def test_the_older_names_of_hashes_are_read(store: RunStore) -> None:
    path = write_run(store.root)
    content = json.loads((path / "state.json").read_text())
    older = {"settings_hash": "settings", "protocol_hash": "protocol_settings"}
    (path / "state.json").write_text(json.dumps({older.get(key, key): value for key, value in content.items()}))
    assert (read_run(path).card.settings_hash, read_run(path).card.protocol_hash) == ("s0", "p0")


@pytest.mark.parametrize(("key", "value"), [("seed", "0"), ("demo", 1), ("state", "done"), ("hash", None)])
def test_a_value_of_another_type_is_refused(store: RunStore, key: str, value: object) -> None:
    path = write_run(store.root)
    content = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**content, key: value}))
    with pytest.raises(DataError, match=rf"state\.json is damaged \({key}: "):
        read_run(path)


def test_the_title_tells_trial_seed_and_fold() -> None:
    assert CARD.title == "x seed 0"
    assert CARD.model_copy(update={"trial": 3, "seed": 1, "fold": 2}).title == "x trial 3 seed 1 fold 2"
