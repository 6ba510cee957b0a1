"""The card of a run: the content of state.json."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

State = Literal["running", "complete", "failed", "interrupted", "pruned"]
FORMAT = 1


class Card(BaseModel):
    """Identity and state of a run.

    Attributes:
        experiment: Name of the experiment.
        seed: The run's seed.
        fold: The fold that is tested; None for a protocol without folds.
        folds: Number of folds; 1 for a protocol without folds.
        hash: Hash of the resolved experiment, the seed and the data: equal hashes mean the same run.
        settings_hash: Hash of the resolved experiment alone.
        variant, protocol: Their names.
        protocol_hash: Hash of the protocol's settings; empty for predictions from elsewhere.
        leaks: A sentence on the train/test leakage; empty if there is none.
        data: Fingerprint of the image set.
        test: Hash of the test images and their labels: runs that share it can be paired.
        demo: True for a run of --demo.
        sanity: True for a sanity baseline.
        split_seed: Seed of the split, if the protocol sets one; None: the run's seed.
        description: The experiment's description.
        trial: Number of the trial, in the sweep with the name of the experiment; None if the run is not a trial. A
            trial never reads the test part, so it has no test scores.
        state: Still `running` if the process died; `read_run` detects this.
        created, finished: ISO times, UTC; `finished` is empty until it is complete.
        error: Reason of a failure.
        format: Version of the folder's layout.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, populate_by_name=True)

    experiment: str
    seed: int
    fold: int | None
    folds: int
    hash: str
    settings_hash: str = Field(validation_alias=AliasChoices("settings_hash", "settings"))  # the older name
    variant: str
    protocol: str
    protocol_hash: str = Field(validation_alias=AliasChoices("protocol_hash", "protocol_settings"))
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

    @property
    def title(self) -> str:
        """Experiment, trial, seed and fold, for people."""
        trial = "" if self.trial is None else f" trial {self.trial}"
        fold = "" if self.fold is None else f" fold {self.fold}"
        return f"{self.experiment}{trial} seed {self.seed}{fold}"
