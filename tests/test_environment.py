"""The contents of environment.json, without secrets."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy
import pytest

from alzbench import __version__, environment
from alzbench.environment import describe_environment


@pytest.fixture(autouse=True)
def no_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace Keras by a stub, because importing it takes seconds."""

    class Keras:
        class backend:
            backend = staticmethod(lambda: "tensorflow")

        class distribution:
            list_devices = staticmethod(lambda: ["cpu:0"])

    monkeypatch.setitem(__import__("sys").modules, "keras", Keras)


def test_versions_and_platform_are_named() -> None:
    about = describe_environment()
    assert about["alzbench"] == __version__
    assert about["packages"]["numpy"] == numpy.__version__
    assert about["python"].startswith("3.")
    assert about["cpus"] >= 1


def test_it_is_plain_json() -> None:
    about = describe_environment()
    assert json.loads(json.dumps(about)) == about


def test_packages_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PACKAGES", ("numpy", "no-such-package"))
    assert set(describe_environment()["packages"]) == {"numpy"}


def test_environment_variables_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAGGLE_KEY", "ALZBENCH_DATA", "SECRET_TOKEN"):
        monkeypatch.setenv(name, "s3cret-value")
    assert "s3cret-value" not in json.dumps(describe_environment())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with one commit, to which the package seems to belong."""
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "environment.py"))
    (tmp_path / "file").write_text("1")
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "file"], [*identity, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    return tmp_path


def head(repository: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_is_named(repository: Path) -> None:
    assert describe_environment()["git_commit"] == head(repository)


def test_changes_since_the_commit_are_named(repository: Path) -> None:
    (repository / "file").write_text("2")
    assert describe_environment()["git_commit"] == head(repository) + "+changes"


def test_a_tag_does_not_hide_the_commit(repository: Path) -> None:
    subprocess.run(["git", "tag", "v1"], cwd=repository, check=True)
    assert describe_environment()["git_commit"] == head(repository)


@pytest.mark.parametrize("why", ["no-repository", "no-git", "slow-git"])
def test_without_git_there_is_no_commit(why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "environment.py"))

    def run(*arguments: Any, **options: Any) -> Any:
        if why == "no-git":
            raise FileNotFoundError("git")
        if why == "slow-git":
            raise subprocess.TimeoutExpired("git", 10)
        return actual(*arguments, **options)

    actual = subprocess.run
    monkeypatch.setattr(subprocess, "run", run)
    assert describe_environment()["git_commit"] is None
