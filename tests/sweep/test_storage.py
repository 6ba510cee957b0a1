"""Storages of trials: passwords in their URLs, and dry runs that write nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from alzbench.errors import ExperimentError
from alzbench.sweep.storage import Storage, _parse
from tests.helpers.command import Command
from tests.helpers.sweeps import Write


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:sekret@127.0.0.1:1/d",
        "postgresql://127.0.0.1:1/d?user=u&password=sekret",
        "postgresql://u@127.0.0.1:1/d?sslmode=require&sslpassword=sekret",
        "postgresql://u@127.0.0.1:1/d?passfile=/home/u/sekret",
    ],
)
def test_no_password_is_shown(url: str) -> None:
    storage = Storage.__new__(Storage)
    storage._url = _parse(url)
    assert "sekret" not in str(storage)
    assert "***" in str(storage)
    assert "sekret" in storage._with_password


def test_a_malformed_url_is_not_repeated() -> None:
    with pytest.raises(ExperimentError, match="got a text that is not a URL") as caught:
        _parse("postgresql://u:sek ret@h:port/d")
    assert "sek" not in str(caught.value)


def test_a_dry_run_creates_neither_folder_nor_file_nor_table(alzbench: Command, write: Write) -> None:
    file = write()
    sqlite3.connect("empty.db").close()
    before = sorted(Path().rglob("*"))
    for url in ("sqlite:///new/folder/x.db", "sqlite:///empty.db"):
        result = alzbench("sweep", file, "--dry-run", "--storage", url, "--runs", "new-runs")
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith("sweep s-sweep: 6 of 6 trials left")
    assert sorted(Path().rglob("*")) == before
    with sqlite3.connect("empty.db") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


@pytest.mark.usefixtures("without_page")
def test_a_dry_run_adds_no_study_to_a_storage(alzbench: Command, write: Write) -> None:
    space = {"train.lr": {"low": 1e-4, "high": 1e-3}}
    first = write(trials=1, space=space, final={"seeds": []})
    assert alzbench("sweep", first, "--storage", "sqlite:///x.db").code == 0
    before = sorted(Path().rglob("*"))
    assert alzbench("sweep", write("t.yaml", space=space), "--storage", "sqlite:///x.db", "--dry-run").code == 0
    assert "0 of 1 trials left" in alzbench("sweep", first, "--storage", "sqlite:///x.db", "--dry-run").out
    assert {*Path().rglob("*")} - {*before} == {Path("t.yaml")}
    with sqlite3.connect("x.db") as connection:
        assert connection.execute("SELECT study_name FROM studies").fetchall() == [("s-sweep",)]
