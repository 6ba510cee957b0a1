"""A field of a sweep's space: the values that it may take, and when it is searched."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from alzbench.experiment.section import Section

_ROUNDING = 1e-8  # of a number of steps


def _finite_number(value: Any) -> Any:
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
    ):
        raise ValueError("must be a finite number")
    return value


Number = Annotated[int | float, BeforeValidator(_finite_number)]


class Parameter(Section):
    """The values that a field may take: a range, or choices."""

    low: Number | None = Field(None, description="smallest value; a range of whole numbers where both ends are")
    high: Number | None = None
    log: bool = Field(False, description="search the logarithm")
    step: Number | None = Field(None, gt=0, description="distance of the values")
    choices: Annotated[list[Any], Field(min_length=1)] | None = None
    when: dict[str, Any] = Field({}, description="other fields and the value each must have; else the base's holds")

    @field_validator("choices")
    @classmethod
    def _choices_are_plain(cls, choices: list[Any] | None) -> list[Any] | None:
        if any(not isinstance(choice, str | int | float | None) for choice in choices or []):
            raise ValueError("each choice must be a text, a number, true, false or null")
        return choices

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Parameter:
        if (self.choices is None) == (self.low is None and self.high is None):
            raise ValueError("must be either low and high, or choices")
        if self.choices is not None:
            if self.log or self.step is not None:
                raise ValueError("log and step are for a range, not for choices")
            if len(set(self.choices)) < len(self.choices):  # 1, 1.0 and true are equal, to Optuna too
                raise ValueError("choices must differ, and 1, 1.0 and true do not")
            return self
        if self.low is None or self.high is None:
            raise ValueError("a range must have low and high")
        if self.low > self.high:
            raise ValueError(f"low must not be above high, and {self.low} is above {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be above 0 for log, and it is {self.low}")
        if self.log and self.step is not None and not (self.whole and self.step == 1):
            raise ValueError("log and step exclude each other")
        if self.whole and isinstance(self.step, float):
            raise ValueError("the step of whole numbers must be one")
        steps = (self.high - self.low) / self.step if self.step else 0
        if abs(steps - round(steps)) > _ROUNDING:
            raise ValueError("high must be low and a multiple of step")
        return self

    @property
    def whole(self) -> bool:
        """Whether it is a range of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> list[Any]:
        """The values that show whether a field takes them: both ends, or all choices."""
        return [self.low, self.high] if self.choices is None else list(self.choices)

    def takes(self, value: Any) -> bool:
        """Return whether it may have a value."""
        if self.choices is not None:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        assert self.low is not None  # the validator checks it
        assert self.high is not None
        steps = (value - self.low) / self.step if self.step else 0
        return self.low <= value <= self.high and abs(steps - round(steps)) <= _ROUNDING
