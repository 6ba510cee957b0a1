"""The marker wandb.json of a run folder: id, project and state of its W&B run. It contains no secret."""

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
    """The W&B run of a run folder.

    Attributes:
        id: Id of the W&B run; a resumed run keeps it.
        project, entity: Its project and its owner; entity is empty if the key's own was meant and the server never
            reported it.
        url: Address of its page; empty while it has none.
        state: `running`, `offline` (all of it is in the folder's wandb/), `sent` (the server has all of it), `ended`
            (the run was not completed, and W&B shows that), `failed`.
        finished: ISO time at which the run was finished that was sent, from its card; empty before.
        explained: Hash of the explanation that was sent with it, see `store.explanation.fingerprint`; empty for none.
    """

    id: str
    project: str
    entity: str = ""
    url: str = ""
    state: Literal["running", "offline", "sent", "ended", "failed"] = "running"
    finished: str = ""
    explained: str = ""


def read_marker(folder: Path) -> Marker | None:
    """Read a run folder's marker; None if it is missing or cannot be read."""
    try:
        marker = Marker(**json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return marker if all(isinstance(value, str) for value in vars(marker).values()) else None


def write_marker(folder: Path, marker: Marker) -> None:
    """Write a run folder's marker."""
    atomic.write_text(folder / NAME, json.dumps(asdict(marker), indent=2) + "\n")


def new_id(card: Card, folder: Path) -> str:
    """Return the id of a new W&B run for a stored run.

    It depends only on the run, so a run whose marker was lost is not sent twice; a run that was restarted gets another.
    """
    return hashlib.sha256(f"{card.experiment}/{folder.name}/{card.created}".encode()).hexdigest()[:16]
