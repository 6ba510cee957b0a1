"""The end of a sweep: the test of best and base on subjects that no trial has seen, and the best experiment's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alzbench.experiment import load_experiment
from alzbench.store import RunStore
from tests.helpers.command import Command, assert_sentence
from tests.helpers.fake_network import FakeNetwork
from tests.helpers.images import CLASSES, write_image
from tests.helpers.sweeps import Write, opened

LR = {"train.lr": {"low": 1e-4, "high": 1e-3}}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The subjects of all images that any trial trains or is validated on."""
    subjects: set[str] = set()
    fit = FakeNetwork.fit

    def recorded(self: FakeNetwork, *arguments: object) -> object:
        if self.job.trial is not None:
            subjects.update(self.split["subject"])
        return fit(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeNetwork, "fit", recorded)
    return subjects


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize("seeds", [[1], [1, 2]])
def test_no_subject_of_the_final_test_was_seen_by_a_trial(
    alzbench: Command, write: Write, subjects: Path, seen: set[str], seeds: list[int]
) -> None:
    fields = {"protocol.name": "subject", "data.source": str(subjects)}
    file = write(set=fields, trials=2, epochs=1, space=LR, seeds=seeds, final={"seeds": [0, 1, 2]})
    result = alzbench("sweep", file)
    assert result.code == 0, result.err
    final = [run for run in RunStore(Path("runs")).runs() if run.card.trial is None]
    assert {(run.card.experiment, run.card.seed) for run in final} == {
        (name, seed) for name in ("base", "s-sweep-best") for seed in (0, 1, 2)
    }
    tested = [set(run.predictions()["subject"]) for run in final]
    assert len(seen) == 20  # five of six per class, the same for every seed
    assert all(subjects and not subjects & seen for subjects in tested)
    assert all(subjects == tested[0] for subjects in tested)
    assert "then 6 runs: base and best, tested with seeds 0, 1 and 2, on the split of seed 1" in result.err
    (group,) = json.loads(alzbench("compare", "--json").out)["groups"]
    assert [(pair["baseline"], pair["other"], pair["seeds"]) for pair in group["pairs"]] == [
        ("base", "s-sweep-best", [0, 1, 2])
    ]


@pytest.mark.usefixtures("without_page")
def test_final_runs_stand_in_another_table_than_runs_with_splits_of_their_own(
    alzbench: Command, write: Write, subjects: Path
) -> None:
    fields = {"protocol.name": "subject", "data.source": str(subjects)}
    alzbench("sweep", write(set=fields, trials=1, epochs=1, space=LR, final={"seeds": [0, 1]}))
    settings = [part for field, value in fields.items() for part in ("--set", f"{field}={value}")]
    assert alzbench("run", "base.yaml", "--no-sanity", "--seeds", "0,1", *settings).code == 0
    own, shared = json.loads(alzbench("compare", "--json").out)["groups"]
    if own["split_seed"] is not None:
        own, shared = shared, own
    assert (own["split_seed"], [row["label"] for row in own["rows"]]) == (None, ["base"])
    assert (shared["split_seed"], [row["label"] for row in shared["rows"]]) == (0, ["base", "s-sweep-best"])
    printed = alzbench("compare").out
    assert "subject protocol · one split · 4 images of 4 subjects" in printed
    assert "subject protocol · 4 images of 4 subjects" in printed
    printed = alzbench("compare", "--full").out
    assert "subject protocol (all seeds share the split of seed 0), 4 test images" in printed
    assert "subject protocol, 4 test images" in printed


@pytest.mark.slow
def test_a_test_with_folds_has_a_warning(alzbench: Command, write: Write, subjects: Path) -> None:
    fields = {"protocol.name": "subject_cv", "protocol.folds": 2, "data.source": str(subjects)}
    result = alzbench("sweep", write(set=fields, trials=1, epochs=1, space=LR, final={"seeds": [0]}))
    assert result.code == 0, result.err
    assert "the test scores of the best experiment are optimistic" in result.out.replace("\n", " ")
    assert "The final test is not nested" in Path("reports/s-sweep.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("without_page")
def test_base_and_best_are_tested_on_the_images_that_the_sweep_set(
    alzbench: Command, write: Write, subjects: Path
) -> None:
    fields = {"protocol.name": "slice", "data.source": str(subjects)}
    result = alzbench("sweep", write(set=fields, trials=1, epochs=1, space=LR, final={"seeds": [0]}), "--json")
    assert result.code == 0, result.err
    final = [run for run in RunStore(Path("runs")).runs() if run.card.trial is None]
    assert len(final) == 2
    assert len({(run.card.data, run.card.test, run.card.protocol_hash) for run in final}) == 1
    file = json.loads(result.out)["best"]["file"]
    assert load_experiment(Path(file)).data.source == str(subjects)
    again = alzbench("run", "--no-sanity", file)
    assert (again.code, "already complete" in again.err) == (0, True), again.err


@pytest.mark.usefixtures("without_page")
def test_all_trials_use_the_same_images(alzbench: Command, write: Write, tmp_path: Path) -> None:
    file = write(trials=1, epochs=1, space=LR, final={"seeds": []})
    assert alzbench("sweep", file).code == 0
    for label, name in enumerate(CLASSES):
        for i in range(3):
            write_image(tmp_path / "other" / "AugmentedAlzheimerDataset" / name / f"c{i}.jpg", 7000 + 10 * label + i)
            write_image(tmp_path / "other" / "OriginalDataset" / name / f"o{i}.jpg", 8000 + 10 * label + i)
    result = alzbench("sweep", file, "--trials", 2, "--data", tmp_path / "other", "--quiet")
    assert_sentence(result, 2, "all trials of a sweep must use the same images", "another name")
    with opened() as optuna_study:
        assert len(optuna_study.get_trials()) == 1


@pytest.mark.usefixtures("without_page")
def test_a_changed_best_file_is_kept(alzbench: Command, write: Write) -> None:
    file = write(trials=2, epochs=1, space=LR, final={"seeds": []})
    assert alzbench("sweep", file).code == 0
    best = Path("s-sweep-best.yaml")
    assert alzbench("sweep", file, "--trials", 3).code == 0  # the best is still the first trial, and the file stays
    assert "trial 0 of 2, macro_f1 " in best.read_text()
    changed = best.read_text().replace("name: s-sweep-best", "# Result: my own note\nname: s-sweep-best")
    best.write_text(changed)
    assert alzbench("sweep", file, "--trials", 3).code == 0  # it holds what would be written
    assert best.read_text() == changed
    assert_sentence(alzbench("sweep", file, "--trials", 4, "--quiet"), 2, "or which was changed since; move it away")
    assert_sentence(alzbench("sweep", file, "--trials", 4, "--dry-run"), 2, "or which was changed since; move it away")
    best.write_text(changed.replace("train:", "train: # x"))
    assert alzbench("sweep", file, "--trials", 3).code == 0
    other = write("t.yaml", trials=1, epochs=1, space=LR, final={"seeds": []})
    best.unlink()
    assert alzbench("sweep", file, "--trials", 3).code == 0
    assert_sentence(
        alzbench("sweep", other, "--best", best, "--quiet"),
        2,
        "would replace s-sweep-best.yaml, which this sweep did not write",
    )
    with opened() as optuna_study:
        assert len(optuna_study.get_trials()) == 3
