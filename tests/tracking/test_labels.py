"""Labels that W&B's charts group by: two settings of one name never share one."""

from __future__ import annotations

from pathlib import Path

import yaml

from alzbench.store import read_run
from alzbench.tracking.labels import label_of
from tests.helpers.runs import write_run


def write(root: Path, lr: float, settings_hash: str, seed: int = 0, **card: object) -> Path:
    path = write_run(root, settings_hash=settings_hash, hash=f"{settings_hash}{seed}", seed=seed, **card)
    (path / "experiment.yaml").write_text(yaml.safe_dump({"name": "x", "train": {"lr": lr}}))
    return path


def labels(*folders: Path) -> list[str]:
    return [label_of(folder, read_run(folder).card) for folder in folders]


def test_the_oldest_settings_have_the_name_and_later_ones_what_differs(tmp_path: Path) -> None:
    first = write(tmp_path, 0.001, "aaaaaaaa", created="2030-01-01")
    assert labels(first) == ["x (reference)"]
    later = write(tmp_path, 0.01, "bbbbbbbb", created="2030-01-02")
    again = write(tmp_path, 0.001, "aaaaaaaa", seed=1, created="2030-01-03")
    assert labels(first, later, again) == ["x (reference)", "x (reference) · train.lr 0.01", "x (reference)"]
    # a label stays as it is when further settings are run
    last = write(tmp_path, 0.1, "cccccccc", created="2030-01-04")
    assert labels(first, later, last)[1:] == ["x (reference) · train.lr 0.01", "x (reference) · train.lr 0.1"]


def test_settings_that_look_alike_have_a_hash_and_other_images_are_named(tmp_path: Path) -> None:
    folders = [write(tmp_path, 0.1, name * 8, created=f"2030-01-0{k}") for k, name in enumerate("abc", start=1)]
    assert labels(*folders) == ["x (reference)", "x (reference) · bbbbbb", "x (reference) · cccccc"]
    other = write(tmp_path, 0.1, "aaaaaaaa", seed=1, data="fa84fe", created="2030-01-05")
    assert labels(other) == ["x (reference) · data fa84fe"]


def test_protocols_and_trials_are_no_repetitions(tmp_path: Path) -> None:
    one = write(tmp_path, 0.1, "aaaaaaaa")
    other = write(tmp_path, 0.1, "bbbbbbbb", protocol="subject")
    trials = [write(tmp_path, lr, f"t{k}", trial=k, seed=k) for k, lr in enumerate((0.1, 0.2), start=1)]
    assert labels(one, other, *trials) == [
        "x (reference)", "x (subject)", "x trial 1 (reference)", "x trial 2 (reference)",
    ]  # fmt: skip


def test_a_damaged_run_beside_it_is_left_out(tmp_path: Path) -> None:
    one = write(tmp_path, 0.1, "aaaaaaaa", created="2030-01-02")
    damaged = write(tmp_path, 0.2, "bbbbbbbb", created="2030-01-01")
    (damaged / "state.json").write_text("{")
    assert labels(one) == ["x (reference)"]
