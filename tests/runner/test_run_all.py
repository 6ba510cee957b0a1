"""Many runs: what is run, in which order, and what a failure stops. `Stub` takes the place of training."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from alzbench.data.manifest import open_image_set
from alzbench.errors import DataError, ExperimentError, RunError
from alzbench.experiment import Experiment
from alzbench.runner.remaining import Remaining
from alzbench.store import RunStore
from tests.helpers.running import Tiny, run, run_one
from tests.helpers.stub_network import Stub


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({"model": {"variant": "atention"}}, "Unknown variant 'atention'.*'attention'", id="variant"),
        pytest.param({"model": {"options": {"unit": 3}}}, "unknown key model.options.unit. .*'units'", id="option"),
        pytest.param({"model": {"options": {"dropout": 1.0}}}, "model.options.dropout: .* got 1.0", id="option-value"),
    ],
)
def test_names_and_options_are_checked_before_anything_is_read_or_run(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], text: str
) -> None:
    monkeypatch.setattr("alzbench.data.manifest.open_image_set", None)  # calling it would fail
    with pytest.raises(ExperimentError, match=f"experiment wrong: .*{text}"):
        run(tmp_path / "runs", tiny(name="right"), tiny(name="wrong", **changes))
    assert stub.trained == []
    assert not (tmp_path / "runs").exists()


def test_data_that_is_missing_is_an_error_and_leaves_no_folder(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        run(tmp_path / "runs", tiny(data={"source": str(tmp_path / "nowhere")}))
    assert stub.trained == []
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(RunError("odd"), "odd", id="run-error"),
        pytest.param(OSError(28, "No space left on device"), "The disk is full", id="disk-full"),
    ],
)
def test_a_failed_run_does_not_stop_the_next(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], error: Exception, text: str
) -> None:
    stub.fails = {"a": error}
    outcomes = run(tmp_path / "runs", tiny(name="a", seeds=[0, 1]), tiny(name="b"))
    assert [(o.job.experiment.name, o.job.seed, o.state) for o in outcomes] == [
        ("a", 0, "failed"), ("a", 1, "failed"), ("b", 0, "complete"),
    ]  # fmt: skip
    assert outcomes[0].error.startswith(text)


def test_a_run_is_listed_while_its_feature_maps_are_computed(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def prepare(_: Stub) -> None:
        seen.extend(run.card.state for run in RunStore(tmp_path / "runs").runs())
        raise RunError("no space for them")

    monkeypatch.setattr(stub, "prepare", prepare)
    (outcome,) = run(tmp_path / "runs", tiny())
    assert (seen, outcome.state) == (["running"], "failed")
    (stored,) = RunStore(tmp_path / "runs").runs()
    assert (stored.card.state, stored.card.error) == ("failed", "no space for them")


def test_what_later_runs_share_is_not_in_the_time_that_they_are_expected_to_take(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[float] = []

    class Recording(Remaining):
        def finish(self, experiment: Experiment, seconds: float | None) -> None:
            assert seconds is not None
            counted.append(seconds)
            super().finish(experiment, seconds)

    monkeypatch.setattr("alzbench.runner.run.Remaining", Recording)
    monkeypatch.setattr(stub, "prepare", lambda self: time.sleep(1.0 if self.job.seed == 0 else 0.0))
    first, second = run(tmp_path / "runs", tiny(seeds=[0, 1]))
    assert (first.seconds > 1.0, first.preparation >= 1.0) == (True, True)
    assert counted == [first.seconds - first.preparation, second.seconds - second.preparation]
    assert first.run().metrics().duration_s["features"] >= 1.0


def test_weights_that_are_missing_stop_everything(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    stub.fails = {"a": DataError("no weights")}
    with pytest.raises(DataError, match="no weights"):
        run(tmp_path / "runs", tiny(name="a"), tiny(name="b"))
    assert stub.trained == [("a", 0)]


def test_a_failed_run_is_tried_again(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    stub.fails = {"tiny": RunError("odd")}
    run(tmp_path / "runs", tiny())
    stub.fails = {}
    (outcome,) = run(tmp_path / "runs", tiny())
    assert outcome.state == "complete"
    assert [stored.card.state for stored in RunStore(tmp_path / "runs").runs()] == ["complete"]


# What is run


def test_every_seed_of_every_experiment_is_run_in_order(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    outcomes = run(tmp_path / "runs", tiny(name="b", seeds=[1, 0]), tiny(name="a", seeds=[5]))
    assert [(o.job.experiment.name, o.job.seed) for o in outcomes] == stub.trained == [("b", 1), ("b", 0), ("a", 5)]


def test_only_force_runs_again_what_is_complete(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    states = [run(tmp_path / "runs", tiny(), force=force)[0].state for force in (False, False, True, False)]
    assert states == ["complete", "stored", "complete", "stored"]
    assert len(stub.trained) == 2


def test_force_starts_from_the_first_epoch(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    stub.fails = {"tiny": RunError("odd")}
    run(tmp_path / "runs", tiny())
    (stored,) = RunStore(tmp_path / "runs").runs()
    checkpoint = stored.path / "checkpoint-head.npz"
    checkpoint.write_bytes(b"of an earlier attempt")
    run(tmp_path / "runs", tiny())
    assert checkpoint.exists()
    run(tmp_path / "runs", tiny(), force=True)
    assert not checkpoint.exists()


def test_experiments_on_the_same_images_open_them_once(
    tiny: Tiny, tmp_path: Path, stub: type[Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def count(*arguments: Any) -> Any:
        opened.append(arguments)
        return open_image_set(*arguments)

    monkeypatch.setattr("alzbench.data.manifest.open_image_set", count)
    run(tmp_path / "runs", tiny(name="a"), tiny(name="b"), tiny(name="c", data={"size": 40}))
    assert len(opened) == 2
    assert len(stub.trained) == 3


def test_demo_is_on_the_card(tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    real, demo = (run_one(tmp_path / "runs", tiny(name=name, demo=name == "demo")) for name in ("real", "demo"))
    assert (real.card.demo, demo.card.demo) == (False, True)
    assert real.card.hash != demo.card.hash
    assert len(stub.trained) == 2
