"""The card of a job: what identifies its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alzbench.data.manifest import open_image_set
from alzbench.data.protocols import split_of_run
from alzbench.progress import Progress
from alzbench.runner import Job, settings_hash
from alzbench.runner.card import make_card
from alzbench.runner.hashes import short_hash
from alzbench.store import Card
from tests.helpers.running import Tiny, run_one
from tests.helpers.stub_network import Stub


def card_of(tiny: Tiny, seed: int = 0, trial: int | None = None, **changes: Any) -> Card:
    experiment = tiny(**changes)
    images = open_image_set(experiment.data, Progress())
    split = split_of_run(images.manifest, experiment.protocol, seed, None)
    return make_card(Job(experiment=experiment, seed=seed, trial=trial), images, split)


def test_an_image_under_another_class_is_another_test_part(
    tiny: Tiny, image_folder: Path, tmp_path: Path, stub: type[Stub]
) -> None:
    first = run_one(tmp_path / "runs", tiny())
    originals = image_folder / "OriginalDataset"
    (originals / "MildDemented" / "slice0.jpg").rename(originals / "NonDemented" / "moved.jpg")
    assert run_one(tmp_path / "runs", tiny()).card.test != first.card.test
    assert len(stub.trained) == 2


def test_a_run_without_a_split_seed_is_grouped_as_before_there_was_one(tiny: Tiny) -> None:
    images = open_image_set(tiny().data, Progress())
    cards = []
    for split_seed in (None, 0):
        experiment = tiny(protocol={"name": "reference", "split_seed": split_seed})
        split = split_of_run(images.manifest, experiment.protocol, 0, None)
        cards.append(make_card(Job(experiment=experiment, seed=0), images, split))
    assert cards[0].protocol_hash == short_hash('{"name": "reference", "validation": 0.2}')
    assert cards[0].settings_hash == settings_hash(tiny())
    assert cards[1].protocol_hash != cards[0].protocol_hash
    assert [card.split_seed for card in cards] == [None, 0]


@pytest.mark.parametrize(
    ("changes", "hash_differs"),
    [
        pytest.param({"train": {"lr": 0.002}}, True, id="setting"),
        pytest.param({"name": "other"}, False, id="name"),
    ],
)
def test_runs_are_paired_by_the_test_part_and_found_by_the_hash(
    tiny: Tiny, changes: dict[str, Any], hash_differs: bool
) -> None:
    first, other = card_of(tiny), card_of(tiny, **changes)
    assert (first.hash != other.hash) is hash_differs
    assert (first.test, first.data, first.protocol_hash) == (other.test, other.data, other.protocol_hash)


def test_each_seed_has_its_own_hash_and_a_trial_its_number(tiny: Tiny) -> None:
    cards = [card_of(tiny, seed=seed) for seed in (0, 1)]
    assert cards[0].hash != cards[1].hash
    assert cards[0].settings_hash == cards[1].settings_hash
    assert [cards[1].seed, cards[1].trial, card_of(tiny, trial=3).trial] == [1, None, 3]
