"""Whether runs are mirrored, and where: from an experiment's settings, the environment, and what is configured."""

from __future__ import annotations

import os

from alzbench.experiment.tracking import TrackingSettings
from alzbench.tracking.client import Destination, Mode
from alzbench.tracking.credentials import has_key

DEFAULT_PROJECT = "alzbench"
HINT = (
    "W&B: not used, as no API key is configured; `wandb login` or WANDB_API_KEY turns it on, tracking.wandb: offline "
    "needs none, and tracking.wandb: disabled silences this line."
)


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
