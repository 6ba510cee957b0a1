"""The W&B project that runs are sent to, if any: from an experiment's settings, the environment and the API key."""

from __future__ import annotations

import os

from alzbench.experiment.tracking import TrackingSettings
from alzbench.tracking.client import Destination, Mode
from alzbench.tracking.credentials import has_key

DEFAULT_PROJECT = "alzbench"
HINT = (
    "W&B: not used, because no API key is configured. Run `wandb login` or set WANDB_API_KEY to use it; "
    "tracking.wandb: offline needs no key, and tracking.wandb: disabled hides this line."
)


def destination_of(settings: TrackingSettings) -> Destination | None:
    """Return the destination of runs; None if they are not tracked.

    With `auto` the environment's WANDB_MODE decides, and without it the API key: no key means not tracked.
    """
    mode = settings.wandb
    if mode == "auto":
        variable = os.environ.get("WANDB_MODE", "")
        wanted = {"online": "online", "run": "online", "offline": "offline", "dryrun": "offline"}.get(variable)
        if variable and wanted is None:
            return None
        mode = "offline" if wanted == "offline" else "online" if wanted or has_key() else "disabled"
    return None if mode == "disabled" else _destination(mode, settings)


def online_destination(settings: TrackingSettings) -> Destination:
    """Return the destination of stored runs that are sent now, whatever mode they were executed in."""
    return _destination("online", settings)


def _destination(mode: Mode, settings: TrackingSettings) -> Destination:
    project = settings.project or os.environ.get("WANDB_PROJECT") or DEFAULT_PROJECT
    return Destination(mode, project, settings.entity or os.environ.get("WANDB_ENTITY") or None)


def lacks_key(settings: TrackingSettings) -> bool:
    """Return True if the missing API key is the only reason why runs are not tracked."""
    return settings.wandb == "auto" and not os.environ.get("WANDB_MODE") and not has_key()
