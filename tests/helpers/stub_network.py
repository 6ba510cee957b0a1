"""A network that trains nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from alzbench.data.manifest import ImageSet
from alzbench.evaluation.predictions import make_table
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.store import RunWriter


class Stub:
    """Takes the place of `NetworkRun`: notes what is trained, and predicts without training or fails as set up."""

    trained: list[tuple[str, int]]
    fails: dict[str, BaseException]

    def __init__(
        self, experiment: Experiment, seed: int, images: ImageSet, split: pd.DataFrame, progress: Progress
    ) -> None:
        del progress
        self.experiment, self.seed, self.images, self.split = experiment, seed, images, split
        self.seconds = {"training": 1.0}

    def prepare(self) -> None:
        pass

    def predictions(self, writer: RunWriter) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        """Predict the first two classes rightly and the last two wrongly."""
        del writer
        print("a library prints")
        self.trained.append((self.experiment.name, self.seed))
        if error := self.fails.get(self.experiment.name):
            raise error
        tables = {}
        for part in ("validation", "test"):
            rows = self.split[self.split["part"] == part]
            predictions = np.eye(4)[[0, 1, 3, 2]][rows["label"].to_numpy()]
            tables[part] = make_table(rows, predictions, self.images.classes)
        return tables, {"kept_epoch": 1, "epochs": 2, "keep": "last", "stopped": "all epochs"}
