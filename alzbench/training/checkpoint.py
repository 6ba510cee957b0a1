"""Checkpoints of unfinished training, each one file that is replaced atomically; a killed run resumes from it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench import atomic
from alzbench.arrays import read_arrays

Arrays = list[npt.NDArray[Any]]

_OLD_NAMES = {"answers": "logits"}  # in checkpoints of older versions


@dataclass
class Checkpoint:
    """State after an epoch, from which training resumes.

    Attributes:
        history: One row for each finished epoch.
        variables: Values of the head's variables, including the seed states of dropout.
        optimizer: Values of the optimizer's variables.
        best: The head's weights in the best epoch so far.
        best_epoch: Best epoch so far, from 0; -1 before the first epoch.
        logits: One array, the best epoch's logits of the validation examples; empty before the first epoch.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    variables: Arrays = field(default_factory=list)
    optimizer: Arrays = field(default_factory=list)
    best: Arrays = field(default_factory=list)
    best_epoch: int = -1
    logits: Arrays = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write the checkpoint atomically, replacing an older one."""
        groups = {"variables": self.variables, "optimizer": self.optimizer, "best": self.best, "logits": self.logits}
        arrays = {f"{group}-{i:05d}": value for group, values in groups.items() for i, value in enumerate(values)}
        about = np.array(json.dumps({"history": self.history, "best_epoch": self.best_epoch}))
        with atomic.replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, about=about, **arrays)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint; return an empty one if it is missing or damaged, so that training starts from scratch."""
        try:
            content = read_arrays(path)
            about = json.loads(str(content.pop("about")))
            groups: dict[str, Arrays] = {"variables": [], "optimizer": [], "best": [], "logits": []}
            for name in sorted(content):
                group = name.partition("-")[0]
                groups[_OLD_NAMES.get(group, group)].append(content[name])
            return cls(history=about["history"], best_epoch=about["best_epoch"], **groups)
        except (OSError, ValueError, KeyError, TypeError):  # damaged, or of another kind
            return cls()
