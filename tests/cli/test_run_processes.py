"""`alzbench run` in a process of its own: stopped, without a network, without weights, and the demo."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alzbench.store import RunStore
from tests.helpers.command import assert_sentence, in_a_process
from tests.helpers.paths import EXPERIMENTS


@pytest.mark.slow
def test_a_real_run_in_a_process_of_its_own_keeps_its_streams_apart(tiny_file: Path, image_folder: Path) -> None:
    result = in_a_process("run", "--no-sanity", tiny_file, "--data", image_folder, "--json")
    assert result.code == 0, result.err
    (run,) = json.loads(result.out)["runs"]
    assert run["metrics"]["test"]["n"] == 12
    planned, done = result.err.splitlines()
    assert planned == "tiny, seed 0: 32 train, 8 validation, 12 test images"
    assert re.fullmatch(r"tiny, seed 0: complete, test accuracy \d+\.\d\d %, in runs/tiny/seed-0-[0-9a-f]{12}", done)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_a_stopped_command_ends_with_4_and_the_same_command_completes_it(
    tiny_file: Path, image_folder: Path, number: signal.Signals
) -> None:
    arguments = ["run", "--no-sanity", tiny_file, "--data", image_folder, "--set", "train.epochs=30"]
    command = [sys.executable, "-m", "alzbench", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen_to_ctrl_c
    ) as process:
        wait_for("runs/tiny/*/checkpoint-head.npz", process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (4, "")
    assert err.splitlines()[1:] == [
        "error: Interrupted. Finished work is kept; run the same command again to continue."
    ]
    (run,) = RunStore(Path("runs")).runs()
    assert (run.card.state, run.card.error) == ("interrupted", "stopped by the user")
    again = in_a_process(*arguments)
    assert again.code == 0, again.err
    assert "resuming after epoch " in again.err
    (run,) = RunStore(Path("runs")).runs()
    assert (run.card.state, run.metrics().epochs) == ("complete", 30)


def listen_to_ctrl_c() -> None:
    """Undo what a shell does to the commands that it starts in the background, this test run perhaps among them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(pattern: str, process: subprocess.Popen[str]) -> None:
    """Wait until a file is there, while the process lives."""
    deadline = time.monotonic() + 120
    while not list(Path().glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_without_a_network_the_ways_out_are_named(tiny_file: Path, image_folder: Path, tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9"
    result = in_a_process(
        "run", tiny_file, "--data", image_folder, "--set", "model.backbone.weights=imagenet", "--quiet", "--json",
        https_proxy=closed, HTTPS_PROXY=closed, no_proxy="", NO_PROXY="", KERAS_HOME=str(tmp_path / "keras"),
    )  # fmt: skip
    assert (result.code, result.out) == (3, "")
    assert "ALZBENCH_WEIGHTS" in result.err
    assert "--demo" in result.err
    assert "Traceback" not in result.err
    assert not Path("runs").exists()


@pytest.mark.slow
def test_a_missing_weights_file_ends_with_3(tiny_file: Path, image_folder: Path, tmp_path: Path) -> None:
    missing = str(tmp_path / "no.weights.h5")
    arguments = [
        "run",
        "--no-sanity",
        tiny_file,
        "--data",
        image_folder,
        "--set",
        "model.backbone.weights=imagenet",
        "--quiet",
    ]
    assert_sentence(in_a_process(*arguments, ALZBENCH_WEIGHTS=missing), 3, missing, "ALZBENCH_WEIGHTS")
    assert not Path("runs").exists()


@pytest.mark.slow
def test_the_demo_learns_what_the_phantoms_show() -> None:
    result = in_a_process("run", EXPERIMENTS / "attention.yaml", "--demo", "--json")
    assert result.code == 0, result.err
    run, *sanity = json.loads(result.out)["runs"]
    assert [row["experiment"] for row in sanity] == [
        "sanity-largest-class", "sanity-grey-logistic", "sanity-dark-share", "sanity-shuffled-labels",
    ]  # fmt: skip
    assert run["demo"]
    test = run["metrics"]["test"]
    largest = max(scores["support"] for scores in test["per_class"].values()) / test["n"]
    assert largest == pytest.approx(108 / 252)
    assert test["accuracy"] > largest + 0.1
    assert test["balanced_accuracy"] > 0.25 + 0.15
    compared = in_a_process("compare")
    assert "DEMO on synthetic images" in compared.out
    assert "reference work" not in compared.out
