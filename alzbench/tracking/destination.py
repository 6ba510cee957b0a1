"""Whether runs are mirrored, and where: from an experiment's settings, the environment, and what is configured."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alzbench.experiment.tracking import TrackingSettings

Mode = Literal["online", "offline"]
DEFAULT_PROJECT = "alzbench"
HINT = (
    "W&B: not used, as no API key is configured; `wandb login` or WANDB_API_KEY turns it on, tracking.wandb: offline "
    "needs none, and tracking.wandb: disabled silences this line."
)
# where the client finds keys, beside the environment: looking here first saves importing it
_KEY_FILES = ("~/.netrc", "~/_netrc", "~/.config/wandb/settings")


@dataclass(frozen=True)
class Destination:
    """Where runs are mirrored to.

    Attributes:
        mode: `online`, or `offline` into the run's own folder.
        project: Of W&B.
        entity: User or team; None: the key's own.
    """

    mode: Mode
    project: str
    entity: str | None


def destination_of(settings: TrackingSettings) -> Destination | None:
    """Return where to, or None where runs are not mirrored.

    WANDB_MODE counts where the settings say `auto`; `disabled` there, or no key, is None.
    """
    mode = settings.wandb
    if mode == "auto":
        asked = os.environ.get("WANDB_MODE", "")
        wanted = {"online": "online", "run": "online", "offline": "offline", "dryrun": "offline"}.get(asked)
        if asked and wanted is None:
            return None
        mode = "offline" if wanted == "offline" else "online" if wanted or has_key() else "disabled"
    return None if mode == "disabled" else _destination(mode, settings)


def online_destination(settings: TrackingSettings) -> Destination:
    """Return where to send runs now, whatever the settings say of the time when they were made."""
    return _destination("online", settings)


def _destination(mode: Mode, settings: TrackingSettings) -> Destination:
    project = settings.project or os.environ.get("WANDB_PROJECT") or DEFAULT_PROJECT
    return Destination(mode, project, settings.entity or os.environ.get("WANDB_ENTITY") or None)


def lacks_key(settings: TrackingSettings) -> bool:
    """Return whether runs are not mirrored for want of a key alone."""
    return settings.wandb == "auto" and not os.environ.get("WANDB_MODE") and not has_key()


def has_key() -> bool:
    """Return whether an API key is configured for the server; nothing is asked and nobody is prompted."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    files = [*_KEY_FILES, os.environ.get("NETRC"), f"{os.environ.get('WANDB_CONFIG_DIR', '~')}/settings"]
    if not any(Path(file).expanduser().is_file() for file in files if file):
        return False
    from alzbench.tracking.client import stored_key_is_there

    return stored_key_is_there()
