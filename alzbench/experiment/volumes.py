"""Settings of `data.volumes`: which slices of NIfTI volumes are the images."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from alzbench.experiment.strict import StrictModel

Pair = Annotated[tuple[float, float], Field(strict=False)]  # YAML has lists only


class VolumeSettings(StrictModel):
    """The slices that are taken from each volume; `volumes: axial` is a short form."""

    axis: Literal["axial", "coronal", "sagittal"] = Field("axial", description="axis of the slices")
    slices: int = Field(16, ge=1, le=512, description="number of slices of each volume, at equal distances")
    between: Pair = Field(
        (0.35, 0.75),
        description="places of the first and the last slice; 0: bottom (back, left), 1: top (front, right)",
    )
    window: Pair = Field((0.5, 99.5), description="percentiles of the volume's grey values that become black and white")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        """Read the short form."""
        return {"axis": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _are_ranges(self) -> Self:
        for name, highest in (("between", 1), ("window", 100)):
            low, high = getattr(self, name)
            if not 0 <= low < high <= highest:
                raise ValueError(f"{name} must be two numbers in ascending order, from 0 to {highest}")
        return self
