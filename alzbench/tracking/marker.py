"""What a run folder knows of its mirror: wandb.json. It holds no secret."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from alzbench import atomic
from alzbench.store import Card

NAME = "wandb.json"


@dataclass(frozen=True)
class Marker:
    """The mirror of a run.

    Attributes:
        id: Of the W&B run; a run that goes on keeps it.
        project, entity: Where it is; entity is empty where the key's own was meant and it never answered.
        url: Of its page; empty while there is none.
        state: `running`, `offline` (all of it is in the folder's wandb/), `sent` (the server has all of it), `ended`
            (the run was not completed, and W&B was told so), `failed`.
        finished: When the run that was mirrored was finished, as its card says; empty before.
    """

    id: str
    project: str
    entity: str = ""
    url: str = ""
    state: Literal["running", "offline", "sent", "ended", "failed"] = "running"
    finished: str = ""


def read_marker(folder: Path) -> Marker | None:
    """Return a run folder's marker; None where there is none, or it cannot be read and so says nothing."""
    try:
        found = Marker(**json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if all(isinstance(value, str) for value in vars(found).values()) else None


def write_marker(folder: Path, marker: Marker) -> None:
    """Write a run folder's marker."""
    atomic.write_text(folder / NAME, json.dumps(asdict(marker), indent=2) + "\n")


def new_id(card: Card, folder: Path) -> str:
    """Return the id of the mirror of a run that has none.

    It is the same whenever it is asked for, so that a run whose marker was lost is still sent once; and another one for
    a run that was made again.
    """
    return hashlib.sha256(f"{card.experiment}/{folder.name}/{card.created}".encode()).hexdigest()[:16]
