"""The destination of runs, from settings, environment and API key."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.experiment.tracking import TrackingSettings
from alzbench.tracking.client import Destination
from alzbench.tracking.credentials import has_key
from alzbench.tracking.destination import destination_of, lacks_key

OFFLINE = Destination("offline", "alzbench", None)
ONLINE = Destination("online", "alzbench", None)


@pytest.mark.parametrize(
    ("setting", "variable", "key", "expected"),
    [
        ("auto", "", False, None),
        ("auto", "", True, ONLINE),
        ("auto", "offline", True, OFFLINE),
        ("auto", "dryrun", False, OFFLINE),
        ("auto", "online", False, ONLINE),
        ("auto", "disabled", True, None),
        ("auto", "something", True, None),
        ("offline", "disabled", False, OFFLINE),
        ("online", "disabled", False, ONLINE),
        ("disabled", "online", True, None),
    ],
)
def test_settings_count_and_auto_follows_the_environment(
    setting: str, variable: str, key: bool, expected: Destination | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv("WANDB_MODE", variable)
    if key:
        monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    settings = TrackingSettings.model_validate({"wandb": setting})
    assert destination_of(settings) == expected
    assert lacks_key(settings) == (setting == "auto" and not variable and not key)


def test_project_and_entity_come_from_the_settings_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "theirs")
    monkeypatch.setenv("WANDB_ENTITY", "team")
    assert destination_of(TrackingSettings(wandb="offline")) == Destination("offline", "theirs", "team")
    mine = TrackingSettings(wandb="offline", project="mine", entity="me")
    assert destination_of(mine) == Destination("offline", "mine", "me")


def test_a_key_of_another_server_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine elsewhere.example\n  login user\n  password {'k' * 40}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("WANDB_BASE_URL", "http://localhost")
    assert not has_key()
    netrc.write_text(f"machine localhost\n  login user\n  password {'k' * 40}\n")
    assert has_key()
