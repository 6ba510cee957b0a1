"""The part of an experiment that says where its runs are mirrored to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alzbench.experiment.section import Section


class TrackingSettings(Section):
    """Whether runs are mirrored to Weights & Biases, and where. What a run computes does not depend on it."""

    wandb: Literal["auto", "online", "offline", "disabled"] = Field(
        "auto",
        description="`auto`: WANDB_MODE where it is set, else online where an API key is configured, else disabled; "
        "`offline`: into the run's folder, for `wandb sync`",
    )
    project: str | None = Field(None, min_length=1, description="default: WANDB_PROJECT, or alzbench")
    entity: str | None = Field(None, min_length=1, description="user or team; default: WANDB_ENTITY, or the key's")
    model: bool = Field(False, description="send each run's model, too, as an artifact")
