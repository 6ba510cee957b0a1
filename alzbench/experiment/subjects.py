"""Settings of `data.subjects`: where the subject of each image is written."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from alzbench.experiment.strict import StrictModel

TABLE_SUFFIXES = (".csv", ".tsv")


class SubjectSettings(StrictModel):
    """A table, a regular expression over the paths, or BIDS; `subjects: bids` and `subjects: FILE` are short forms."""

    table: str | None = Field(
        None, description="CSV or TSV file with a row for each image, relative to the experiment file"
    )
    pattern: str | None = Field(
        None, description="regular expression with the group `subject`, searched for in each path below the set's root"
    )
    bids: bool = Field(False, description="true: folders `sub-*`, described by `participants.tsv`")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        """Read a short form."""
        if value == "bids":
            return {"bids": True}
        if isinstance(value, str):
            if not is_table(value):
                raise ValueError("must be bids, a .csv or .tsv file, or {pattern: REGULAR EXPRESSION}")
            return {"table": value}
        return value

    @field_validator("table")
    @classmethod
    def _is_table(cls, table: str | None) -> str | None:
        if table is not None and not is_table(table):
            raise ValueError("must be a .csv or .tsv file")
        return table

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"must be a regular expression ({error})") from None
        if "subject" not in groups:
            raise ValueError("must have a group (?P<subject>...)")
        return pattern

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name in ("table", "pattern", "bids") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"must be exactly one of table, pattern and bids: true; has {', '.join(given) or 'none'}")
        return self

    @property
    def source(self) -> str:
        """The kind: `table`, `pattern` or `bids`."""
        return "bids" if self.bids else "table" if self.table else "pattern"


def is_table(name: str) -> bool:
    """Return True if a text names a CSV or TSV file."""
    return PurePath(name).suffix.lower() in TABLE_SUFFIXES
