"""The checks of a run, with the other runs that it is compared with."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from alzbench.data.manifest import ImageSets
from alzbench.errors import DataError
from alzbench.explain.checking import check_explained, find_siblings, open_siblings
from alzbench.explain.explain import explain_runs
from alzbench.inference.trained import TrainedRun, open_trained_run
from alzbench.progress import Progress
from alzbench.store import Run, RunStore
from tests.helpers.images import write_image
from tests.helpers.running import Tiny, run
from tests.helpers.runs import write_run

ATTENTION = {"variant": "attention", "options": {"units": 8, "key_dim": 8}}


def stored(root: Path, model: bool = True, **card: object) -> Run:
    path = write_run(root, 0.6, **{"data": "d", "test": "t", **card})  # type: ignore[arg-type]
    if model:
        (path / "model.keras").write_bytes(b"")
    return RunStore(root).find(str(path))


def test_the_siblings_are_another_seed_and_another_variant(tmp_path: Path) -> None:
    one = stored(tmp_path, experiment="a", seed=0, variant="baseline", settings_hash="a")
    seed = stored(tmp_path, experiment="a", seed=1, variant="baseline", settings_hash="a")
    variant = stored(tmp_path, experiment="b", seed=0, variant="attention", settings_hash="b")
    stored(tmp_path, experiment="c", seed=1, variant="attention", settings_hash="c")  # both differ
    stored(tmp_path, experiment="d", seed=0, variant="attention", settings_hash="d", data="other")
    stored(tmp_path, experiment="e", seed=0, variant="attention", settings_hash="e", protocol_hash="other")
    stored(tmp_path, experiment="f", seed=0, variant="attention", settings_hash="f", model=False)
    stored(tmp_path, experiment="s", seed=0, variant="grey_logistic", settings_hash="s", sanity=True)
    runs = RunStore(tmp_path).runs()
    found = [(kind, other.path) for kind, other in find_siblings(one, runs)]
    assert found == [("seed", seed.path), ("variant", variant.path)]
    assert find_siblings(one, [one]) == []


def test_a_sibling_that_cannot_be_opened_is_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = stored(tmp_path, experiment="a", seed=0, settings_hash="a")
    stored(tmp_path, experiment="a", seed=1, settings_hash="a")

    def opened(other: Run) -> TrainedRun:
        raise DataError(f"{other.name} is damaged.")

    siblings = open_siblings([one], RunStore(tmp_path).runs(), opened, Progress())
    assert siblings == {one.path: []}
    assert "is not compared: a/" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_is_checked_against_its_siblings(tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "people"
    for label, name in enumerate(("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented")):
        for part, top in enumerate(("AugmentedAlzheimerDataset", "OriginalDataset")):
            for person in range(4):
                number = 100 * label + 10 * part + person + 1
                for place in range(2):
                    file = folder / top / name / f"OAS1_{number:04d}_MR1_mpr-1_{100 + place}.jpg"
                    write_image(file, 10 * number + place)
    data = {"size": 64, "source": str(folder)}
    experiments = [tiny(name="plain", data=data, seeds=[0, 1]), tiny(name="attention", data=data, model=ATTENTION)]
    outcomes = run(tmp_path / "runs", *experiments)
    runs = RunStore(tmp_path / "runs").runs()
    first = next(outcome.run() for outcome in outcomes)
    siblings = open_siblings([first], runs, open_trained_run, Progress())
    assert [kind for kind, _ in siblings[first.path]] == ["seed", "variant"]
    checks = functools.partial(check_explained, siblings=siblings)
    sets = ImageSets(Progress())
    (one,) = explain_runs([open_trained_run(first)], sets, ["grad_cam"], Progress(), 24, checks=checks)
    names = {check.name for check in one.contents.checks}
    assert {"randomisation", "faithfulness", "repeatability", "reproducibility", "head"} <= names
    assert all(check.subjects >= 5 for check in one.contents.checks)
    capsys.readouterr()
    (few,) = explain_runs([open_trained_run(first)], sets, ["grad_cam"], Progress(), 1, checks=checks)
    assert few.contents.checks == []
    assert "no check was made, as the images for checks (1) are of 1 subject." in capsys.readouterr().err
