"""Experiment files that come with the package: found by name from any folder, and the user's own come first."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alzbench.experiment import load_experiment
from alzbench.experiment.loaded_sweep import load_sweep
from alzbench.experiment.study import expand_study, levels_of
from alzbench.shipped import FOLDERS, SHIPPED, base_name, files_below, find_base, find_file, shipped_names
from tests.helpers.command import Command, assert_sentence
from tests.helpers.paths import EXPERIMENTS


@pytest.fixture(autouse=True)
def an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, on a wide terminal."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def write(path: str, text: str = "description: my own\n") -> Path:
    """Write an experiment file of the user's."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("attention", "attention.yaml"),
        ("attention.yaml", "attention.yaml"),
        ("experiments/attention.yaml", "attention.yaml"),
        ("heads", "studies/heads.yaml"),
        ("studies/heads", "studies/heads.yaml"),
        ("experiments/studies/heads.yaml", "studies/heads.yaml"),
        ("layer", "sweeps/layer.yaml"),
    ],
)
def test_a_name_or_a_path_below_experiments_means_a_file_of_the_package(name: str, file: str) -> None:
    assert find_file(name) == SHIPPED / file
    assert find_file(Path(name)) == SHIPPED / file


def test_a_name_of_several_kinds_means_the_kind_that_the_command_takes() -> None:
    assert find_file("attention", first="experiment") == SHIPPED / "attention.yaml"
    assert find_file("attention", first="sweep") == SHIPPED / "sweeps" / "attention.yaml"


@pytest.mark.parametrize("own", ["attention", "attention.yaml", "experiments/attention.yaml"])
def test_a_file_of_the_users_comes_first(own: str) -> None:
    assert find_file("attention") == SHIPPED / "attention.yaml"
    file = write(own)
    assert find_file("attention") == file


def test_the_nearest_file_of_the_users_comes_first() -> None:
    for own in ("experiments/attention.yaml", "attention.yaml", "attention"):
        file = write(own)
        assert find_file("attention") == file
        assert find_file("experiments/attention.yaml") == Path("experiments/attention.yaml")


@pytest.mark.parametrize(
    "name", ["atention", "elsewhere/attention.yaml", "../experiments/attention.yaml", "", ".", "runs"]
)
def test_any_other_name_stays_a_path_of_the_users(name: str) -> None:
    assert find_file(name) == Path(name)


def test_an_absolute_path_is_never_searched_for(tmp_path: Path) -> None:
    assert find_file(tmp_path / "attention.yaml") == tmp_path / "attention.yaml"


@given(st.text(max_size=8))
def test_every_text_is_a_path_or_a_file(name: str) -> None:
    if "\0" not in name:
        found = find_file(name)
        assert found == Path(name) or found.is_file()


def test_every_file_of_the_folder_is_found_by_its_name() -> None:
    for kind in FOLDERS:
        names = shipped_names(kind)
        assert names == sorted(file.stem for file in (EXPERIMENTS / FOLDERS[kind]).glob("*.yaml"))
        for name in names:
            assert find_file(name, first=kind).samefile(EXPERIMENTS / FOLDERS[kind] / f"{name}.yaml")


def test_an_own_file_extends_one_of_the_package() -> None:
    mine = write("mine.yaml", "extends: experiments/attention.yaml\ntrain: {epochs: 7}\n")
    experiment = load_experiment(mine)
    assert (experiment.model.variant, experiment.train.epochs, experiment.train.batch_size) == ("attention", 7, 64)
    write("experiments/attention.yaml", "model: {variant: multi_head_attention}\n")
    assert load_experiment(mine).model.variant == "multi_head_attention"


def test_own_studies_and_sweeps_start_from_a_file_of_the_package() -> None:
    study = write("study.yaml", "base: experiments/attention.yaml\nplan: add_one\nfactors: {a: {b: {train.lr: 0.1}}}\n")
    assert [experiment.model.variant for experiment in expand_study(study)] == ["attention", "attention"]
    assert set(levels_of(study)) == {"attention", "attention-b"}
    sweep = write("sweep.yaml", "base: experiments/attention.yaml\nspace: {train.lr: {low: 0.1, high: 0.2}}\n")
    assert load_sweep(sweep).base_file == SHIPPED / "attention.yaml"


def test_a_base_that_is_nowhere_is_named() -> None:
    assert find_base("experiments/no.yaml", Path("a")) == Path("a/experiments/no.yaml")
    assert find_base("../attention.yaml", Path("experiments/studies")) == Path("experiments/studies/../attention.yaml")


def test_a_written_file_names_a_base_of_the_package_and_not_its_place(
    an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in files_below(SHIPPED):
        name = base_name(file)
        assert name is not None
        assert name.startswith("experiments/")
        assert find_base(name, an_empty_folder) == file
    assert base_name(write("experiments/attention.yaml")) is None
    monkeypatch.chdir(SHIPPED.parent)  # there the files are the user's own
    assert base_name(SHIPPED / "attention.yaml") is None


def test_commands_take_names(alzbench: Command) -> None:
    for name, runs in (("attention", 1), ("heads", 30)):
        result = alzbench("run", name, "--demo", "--dry-run", "--no-sanity")
        assert result.code == 0
        assert result.out.count(": would run\n") == runs
    for name in ("positions_l2", "attention"):  # the second one is the name of an experiment too
        assert alzbench("sweep", name, "--dry-run").out.startswith(f"sweep {name}-sweep: ")
    assert_sentence(alzbench("run", "layer"), 2, "layer.yaml is a sweep; run it with `alzbench sweep")
    assert_sentence(
        alzbench("run", "atention"), 2, "There is no experiment file atention;", "Did you mean 'attention'?"
    )


def test_the_list_names_the_files_of_the_package_that_the_user_has_not(alzbench: Command) -> None:
    listed = alzbench("list", "experiments").out
    assert "with alzbench" in listed
    names = [str(file.relative_to(SHIPPED).with_suffix("")) for file in files_below(SHIPPED)]
    assert [name for name in names if f"  {name} " not in listed] == []
    write("experiments/attention.yaml")
    both = alzbench("list", "experiments").out
    own, others = both.split("with alzbench")
    assert "attention.yaml " in own
    assert "my own" in own
    assert "\n  attention " not in others
    assert "\n  baseline " in others
    assert "with alzbench" not in alzbench("list", "experiments", "--folder", "experiments").out
    assert_sentence(alzbench("list", "experiments", "--folder", "no"), 3, "There are no experiment files in no")
