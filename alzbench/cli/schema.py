"""`alzbench schema`: the JSON Schema of a kind of file."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """Kinds of files."""

    experiment = "experiment"
    study = "study"
    sweep = "sweep"


def schema(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="Kind of file: experiment, study or sweep.")],
) -> None:
    """Print the JSON Schema of files, for editors.

    An editor that has it completes and checks settings while you write a file.
    """
    from alzbench.json_schema import SCHEMAS

    print(json.dumps(SCHEMAS[kind](), separators=(",", ":")))
