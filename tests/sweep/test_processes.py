"""Sweeps that are killed, and sweeps of several processes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from optuna.trial import TrialState

from alzbench.store import RunStore
from alzbench.sweep.space import suggest
from tests.helpers.command import Command
from tests.helpers.fake_network import LOG
from tests.helpers.sweeps import Start, Write, opened, trial_records, trials

KILLS = 10
PRUNER = {"name": "median", "n_startup_trials": 3, "n_warmup_steps": 1}


def end_of(process: subprocess.Popen[str]) -> str:
    """Wait for a process to end without an error, and return its standard error."""
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return err


def wait_for_work(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("sweep "):
            return
    raise AssertionError("it never began")


@pytest.mark.slow
def test_a_sweep_that_is_killed_again_and_again_ends_as_an_unbroken_one(
    alzbench: Command, start: Start, write: Write, own_folder: Path
) -> None:
    file = write(trials=24, sampler={"name": "tpe", "n_startup_trials": 5}, pruner=PRUNER, final={"seeds": []})
    assert alzbench("sweep", file, "--runs", "unbroken").code == 0
    chance = random.Random(0)
    log = own_folder / "log.txt"
    kills = 0
    while kills < KILLS:
        process = start("sweep", file, seconds=0.03, **{LOG: str(log)})
        wait_for_work(process)
        time.sleep(chance.uniform(0, 0.9))
        ended = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not ended, "it was done before it could be killed"
        kills += 1
    stopped = trials()
    assert sum(t.state.is_finished() for t in stopped) < 24
    end_of(start("sweep", file, seconds=0, **{LOG: str(log)}))
    unbroken, broken = trials("sqlite:///unbroken/s-sweep/optuna.db"), trials()
    assert trial_records(broken) == trial_records(unbroken)
    assert len(broken) == 24
    assert any(t.user_attrs["attempts"] > 1 for t in broken)
    with sqlite3.connect("runs/s-sweep/optuna.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    states = {run.card.trial: run.card.state for run in RunStore(Path("runs")).runs()}
    expected = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    assert states == {t.number: expected[t.state] for t in broken}
    epochs = [tuple(line.split()[:2]) for line in log.read_text().splitlines()]
    assert len(epochs) - len(set(epochs)) <= KILLS  # a kill costs an epoch at most


@pytest.mark.slow
def test_four_processes_share_a_sqlite_file(start: Start, write: Write, own_folder: Path) -> None:
    shared_by_four(start, write, own_folder, "sqlite:///runs/s-sweep/optuna.db")


@pytest.mark.slow
def test_four_processes_share_a_postgresql_database(
    start: Start, write: Write, own_folder: Path, postgresql: str
) -> None:
    shared_by_four(start, write, own_folder, postgresql)
    password = postgresql.split(":")[2].split("@")[0]
    for path in own_folder.rglob("*"):
        if path.is_file():
            assert password.encode() not in path.read_bytes(), path


def shared_by_four(start: Start, write: Write, folder: Path, url: str) -> None:
    log = folder / "log.txt"
    file = write(trials=24, pruner=PRUNER, epochs=4)
    processes = [start("sweep", file, "--storage", url, seconds=0.05, **{LOG: str(log)}) for _ in range(4)]
    errors = [end_of(process) for process in processes]
    stored = trials(url)
    assert [t.number for t in stored] == list(range(24))
    assert all(t.state.is_finished() and t.user_attrs["attempts"] == 1 for t in stored)
    lines = [line.split() for line in log.read_text().splitlines()]
    epochs = [(folder, epoch) for folder, epoch, _ in lines]
    assert len(epochs) == len(set(epochs))  # none was run twice
    owners: dict[str, set[str]] = {}
    for name, _, process in lines:
        owners.setdefault(name, set()).add(process)
    assert all(len(by) == 1 for by in owners.values())
    assert len(owners) == 24
    assert len(set.union(*owners.values())) > 1
    # only the process that finishes last tests the best
    assert sum("\ns-sweep-best, seed 0: complete, " in error for error in errors) == 1
    assert len({tuple(t.params.items()) for t in stored}) == 24


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL server on 127.0.0.1 and yield the URL of a database on it."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not installed:
        pytest.skip("PostgreSQL is not installed; .ci/run installs Debian's package")
    programs = installed[-1].parent
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    as_user = []
    if os.getuid() == 0:  # the server refuses to run as root
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "password").write_text("not-for-the-logs")
    (folder / "password").chmod(0o644)
    data = folder / "data"

    def run(*command: object) -> None:
        subprocess.run([*as_user, *map(str, command)], check=True, capture_output=True, timeout=60, cwd="/")

    run(programs / "initdb", "-D", data, "-U", "tester", f"--pwfile={folder / 'password'}", "-A", "scram-sha-256", "-N")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    run(programs / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    try:
        yield f"postgresql://tester:not-for-the-logs@127.0.0.1:{port}/postgres"
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_trial_of_a_machine_that_fell_silent_is_taken_over(
    alzbench: Command, write: Write, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock file is on the other machine, so only its heartbeat shows if it is alive."""
    file = write("t.yaml", trials=4, final={"seeds": []})
    assert alzbench("sweep", file, "--storage", postgresql, "--trials", 2).code == 0
    with opened(postgresql, "t-sweep") as optuna_study:
        for age in (1000, 5):
            trial = optuna_study.ask()
            for name, value in (("worker", f"elsewhere-{age}"), ("beat", time.time() - age), ("attempts", 1)):
                trial.set_user_attr(name, value)
    result = alzbench("sweep", file, "--storage", postgresql)
    assert result.code == 0, result.err
    silent, alive = trials(postgresql, "t-sweep")[2:]
    assert (silent.state.is_finished(), silent.user_attrs["attempts"]) == (True, 2)
    assert alive.state == TrialState.RUNNING
    assert "trial 3 is still running in another process" in result.err
    monkeypatch.setattr("alzbench.sweep.ownership.SILENT_SECONDS", 1.0)
    assert alzbench("sweep", file, "--storage", postgresql).code == 0
    assert trials(postgresql, "t-sweep")[3].state.is_finished()


@pytest.mark.slow
def test_a_server_that_goes_away_ends_with_a_sentence_and_loses_nothing(
    alzbench: Command, write: Write, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("u.yaml", trials=5, final={"seeds": []})
    assert alzbench("sweep", file, "--storage", postgresql, "--trials", 2).code == 0
    before = trial_records(trials(postgresql, "u-sweep"))

    def cut(*arguments: Any) -> None:
        with psycopg.connect(postgresql, autocommit=True) as connection:
            connection.execute("ALTER ROLE tester PASSWORD 'another'")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        suggest(*arguments)

    monkeypatch.setattr("alzbench.sweep.worker.suggest", cut)
    result = alzbench("sweep", file, "--storage", postgresql, "--quiet")
    assert result.code == 3
    assert "must be reachable and accept this user" in result.err
    assert "not-for-the-logs" not in result.err
    with psycopg.connect(postgresql.replace("not-for-the-logs", "another"), autocommit=True) as connection:
        connection.execute("ALTER ROLE tester PASSWORD 'not-for-the-logs'")
    assert trial_records(trials(postgresql, "u-sweep"))[:2] == before
