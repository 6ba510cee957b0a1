"""One field of a sweep's search space: its possible values, and the condition under which it is searched."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from alzbench.experiment.strict import StrictModel

_ROUNDING = 1e-8  # tolerance of a number of steps


def _finite_number(value: Any) -> Any:
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
    ):
        raise ValueError("must be a finite number")
    return value


Number = Annotated[int | float, BeforeValidator(_finite_number)]


class Parameter(StrictModel):
    """Possible values of a field: a range, or choices."""

    low: Number | None = Field(None, description="smallest value; if both ends are whole numbers, all values are")
    high: Number | None = Field(None, description="largest value")
    log: bool = Field(False, description="search on a logarithmic scale")
    step: Number | None = Field(None, gt=0, description="distance between neighbouring values")
    choices: Annotated[list[Any], Field(min_length=1)] | None = Field(
        None, description="the values, instead of a range"
    )
    when: dict[str, Any] = Field(
        {}, description="other fields and the value that each must have; otherwise this one keeps the base's value"
    )

    @field_validator("choices")
    @classmethod
    def _choices_are_plain(cls, choices: list[Any] | None) -> list[Any] | None:
        if any(not isinstance(choice, str | int | float | None) for choice in choices or []):
            raise ValueError("each choice must be a text, a number, true, false or null")
        return choices

    @model_validator(mode="after")
    def _range_or_choices(self) -> Parameter:
        if (self.choices is None) == (self.low is None and self.high is None):
            raise ValueError("must be either low and high, or choices")
        if self.choices is not None:
            if self.log or self.step is not None:
                raise ValueError("log and step are for a range, not for choices")
            if len(set(self.choices)) < len(self.choices):  # 1, 1.0 and true are equal, to Optuna too
                raise ValueError("choices must differ; 1, 1.0 and true count as equal")
            return self
        if self.low is None or self.high is None:
            raise ValueError("a range must have low and high")
        if self.low > self.high:
            raise ValueError(f"low must not be above high; {self.low} is above {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be above 0 for log; it is {self.low}")
        if self.log and self.step is not None and not (self.whole and self.step == 1):
            raise ValueError("log and step cannot be combined")
        if self.whole and isinstance(self.step, float):
            raise ValueError("the step between whole numbers must be a whole number")
        steps = (self.high - self.low) / self.step if self.step else 0
        if abs(steps - round(steps)) > _ROUNDING:
            raise ValueError("high must be low plus a multiple of step")
        return self

    @property
    def whole(self) -> bool:
        """True if it is a range of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> list[Any]:
        """Ends of the range, or all choices."""
        return [self.low, self.high] if self.choices is None else list(self.choices)

    def accepts(self, value: Any) -> bool:
        """Return True if `value` is one of the possible values."""
        if self.choices is not None:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        assert self.low is not None  # the validator checks it
        assert self.high is not None
        steps = (value - self.low) / self.step if self.step else 0
        return self.low <= value <= self.high and abs(steps - round(steps)) <= _ROUNDING
