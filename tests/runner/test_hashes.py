"""The hashes by which stored runs are found: which settings and images count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alzbench.experiment import Experiment, load_experiment
from alzbench.runner import settings_hash
from alzbench.runner.hashes import run_hash
from tests.helpers.images import CLASSES, write_image
from tests.helpers.paths import EXPERIMENTS
from tests.helpers.running import Tiny, run, run_one
from tests.helpers.stub_network import Stub


def test_the_same_images_elsewhere_are_the_same_run(
    tiny: Tiny, image_folder: Path, tmp_path: Path, stub: type[Stub]
) -> None:
    first = run_one(tmp_path / "runs", tiny())
    moved = image_folder.rename(tmp_path / "moved")
    (outcome,) = run(tmp_path / "runs", tiny(data={"source": str(moved)}))
    assert (outcome.state, outcome.path) == ("stored", first.path)
    assert len(stub.trained) == 1


@pytest.mark.parametrize("part", ["AugmentedAlzheimerDataset", "OriginalDataset"])
@pytest.mark.parametrize("change", ["content", "one-more", "one-less"])
def test_other_images_are_another_run(
    tiny: Tiny, image_folder: Path, tmp_path: Path, stub: type[Stub], part: str, change: str
) -> None:
    first = run_one(tmp_path / "runs", tiny())
    folder = image_folder / part / "MildDemented"
    if change == "one-less":
        next(folder.iterdir()).unlink()
    else:
        write_image(folder / "new.jpg" if change == "one-more" else next(folder.iterdir()), 99)
    second = run_one(tmp_path / "runs", tiny())
    assert first.card.settings_hash == second.card.settings_hash
    assert first.card.hash != second.card.hash
    assert len(stub.trained) == 2


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "other"}, id="name"),
        pytest.param({"description": "other"}, id="description"),
        pytest.param({"seeds": [1, 2]}, id="seeds"),
        pytest.param({"data": {"source": "elsewhere"}}, id="source"),
        pytest.param({"data": {"kaggle": "a/b/versions/2"}}, id="kaggle"),
        pytest.param({"data": {"subjects": "people.csv"}}, id="subjects"),  # the set's fingerprint has what they say
        pytest.param({"model": {"options": {"units": 8, "dropout": 0.3}}}, id="a-default-written-out"),
    ],
)
def test_settings_that_do_not_change_what_is_computed_are_not_hashed(tiny: Tiny, changes: dict[str, Any]) -> None:
    assert settings_hash(tiny(**changes)) == settings_hash(tiny())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"data": {"size": 64}}, id="size"),
        pytest.param({"data": {"scaling": "unit"}}, id="scaling"),
        pytest.param({"protocol": {"name": "reference", "validation": 0.3}}, id="validation"),
        pytest.param({"augment": {"views": 3}}, id="views"),
        pytest.param({"augment": {"seed": 1}}, id="seed-of-the-views"),
        pytest.param({"model": {"variant": "attention", "options": {}}}, id="variant"),
        pytest.param({"model": {"options": {"units": 9}}}, id="option"),
        pytest.param({"model": {"backbone": {"weights": "none", "alpha": 0.5}}}, id="backbone"),
        pytest.param({"train": {"epochs": 3}}, id="epochs"),
        pytest.param({"train": {"lr": 0.002}}, id="lr"),
        pytest.param({"demo": True}, id="demo"),
    ],
)
def test_settings_that_change_what_is_computed_are_hashed(tiny: Tiny, changes: dict[str, Any]) -> None:
    assert settings_hash(tiny(**changes)) != settings_hash(tiny())


def test_a_default_is_hashed_as_nothing() -> None:
    """A setting that a later version adds does not change the hash of the runs of before."""
    bare = Experiment(name="a")
    written_out = Experiment.model_validate(bare.model_dump())
    assert written_out.model_fields_set > bare.model_fields_set
    assert settings_hash(written_out) == settings_hash(bare)
    assert settings_hash(bare) == "59b6eee942633e23"  # stored runs are found by it: a change here loses them


def test_the_four_classes_written_out_as_older_runs_did_are_hashed_as_nothing() -> None:
    older = Experiment.model_validate({"name": "a", "data": {"source": "x", "classes": list(CLASSES)}})
    assert settings_hash(older) == settings_hash(Experiment.model_validate({"name": "a", "data": {"source": "x"}}))
    bare = Experiment.model_validate({"name": "a", "data": {"classes": list(CLASSES)}})
    assert settings_hash(bare) == settings_hash(Experiment(name="a"))
    for data in ({"classes": list(CLASSES[::-1])}, {"healthy": None}, {"exclude": ["x"]}):
        assert settings_hash(Experiment.model_validate({"name": "a", "data": data})) != settings_hash(bare)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("baseline", "0fd127d8d26dc54d"), ("attention", "8cfeafdd6a6fd5e4"), ("subject_attention", "6b870d40baf5272a"),
     ("imagenet_scaling", "e89b645d50fd1028"), ("fine_tuned", "e906ea9935c000df"), ("smote", "40b46a4f4da15883")],
)  # fmt: skip
def test_stored_runs_of_earlier_versions_are_still_found(name: str, expected: str) -> None:
    experiment = load_experiment(EXPERIMENTS / f"{name}.yaml")
    assert settings_hash(experiment) == expected
    older = experiment.model_dump(mode="json")  # as an earlier version wrote it out
    del older["model"]["backbone"]["until"], older["model"]["backbone"]["file"]
    assert settings_hash(Experiment.model_validate(older)) == expected


def test_the_cut_and_the_content_of_a_backbones_file_are_hashed_and_not_its_path(tiny: Tiny, tmp_path: Path) -> None:
    def hash_of(**backbone: Any) -> str:
        return settings_hash(tiny(model={"backbone": backbone}))

    cuts = [hash_of(), hash_of(until="block_6_add"), hash_of(until="block_9_add"), hash_of(name="vgg16")]
    assert len(set(cuts)) == 4
    for name, text in {"a.py": "x = 1", "b.py": "x = 1", "c.py": "x = 2"}.items():
        (tmp_path / name).write_text(text)
    first, same, other = (hash_of(name="mine", file=str(tmp_path / name)) for name in ("a.py", "b.py", "c.py"))
    assert first == same != other
    assert first != hash_of(name="mine")


def test_runs_that_a_nested_sweep_chose_are_not_those_of_an_experiment(tiny: Tiny) -> None:
    own, chosen, other = (run_hash(tiny(), 0, 1, "d", by) for by in (None, "q1", "q2"))
    assert len({own, chosen, other}) == 3
