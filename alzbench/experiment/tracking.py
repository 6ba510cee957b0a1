"""Settings of experiment tracking with Weights & Biases."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alzbench.experiment.strict import StrictModel


class TrackingSettings(StrictModel):
    """The W&B project that runs are sent to. Results do not depend on it."""

    wandb: Literal["auto", "online", "offline", "disabled"] = Field(
        "auto",
        description="`auto`: WANDB_MODE if it is set, else online if an API key is configured, else disabled; "
        "`offline`: written into the run's folder, for `wandb sync`",
    )
    project: str | None = Field(None, min_length=1, description="default: WANDB_PROJECT, or alzbench")
    entity: str | None = Field(None, min_length=1, description="user or team; default: WANDB_ENTITY, or the key's")
    model: bool = Field(False, description="also send the model of each run, as an artifact")
