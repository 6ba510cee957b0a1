"""The card of a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_origin, get_type_hints

State = Literal["running", "complete", "failed", "interrupted", "pruned"]
FORMAT = 1


@dataclass(frozen=True)
class Card:
    """What a run is and how far it got; the content of state.json.

    Attributes:
        experiment: Name of the experiment.
        seed: The run's seed.
        fold: The fold that is tested; None for a protocol without folds.
        folds: How many folds there are; 1 for a protocol without folds.
        hash: Hash of the resolved experiment, the seed and the data: equal hashes mean the same run.
        settings: Hash of the resolved experiment alone.
        variant, protocol: Their names.
        protocol_settings: Hash of the protocol's settings.
        leaks: What training has seen of the test images; empty where the protocol keeps subjects apart.
        data: Fingerprint of the image set.
        test: Hash of the test images and their labels: runs that share it can be paired.
        demo: Whether --demo made it.
        sanity: Whether it is a sanity row, run beside the experiments.
        split_seed: The seed of its split where the protocol sets one; None where it is the run's.
        description: The experiment's line about itself.
        trial: Number of the trial in the sweep that is named as the experiment; None for a run that is no trial. The
            test part of a trial is never read, so it has no test scores.
        state: `running` where a process works on it or died; see `Run.state`.
        created, finished: ISO times, UTC; `finished` is empty until it is complete.
        error: Why it failed.
        format: Version of the folder's layout.
    """

    experiment: str
    seed: int
    fold: int | None
    folds: int
    hash: str
    settings: str
    variant: str
    protocol: str
    protocol_settings: str
    leaks: str
    data: str
    test: str
    demo: bool
    sanity: bool
    split_seed: int | None = None
    description: str = ""
    trial: int | None = None
    state: State = "running"
    created: str = ""
    finished: str = ""
    error: str = ""
    format: int = FORMAT


@cache
def card_types() -> dict[str, Any]:
    """Return what `isinstance` takes, by field."""
    hints = get_type_hints(Card)
    return {name: str if get_origin(hint) is Literal else hint for name, hint in hints.items()}
