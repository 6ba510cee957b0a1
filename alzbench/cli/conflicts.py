"""Find options that contradict each other: otherwise one of them would be ignored silently."""

from __future__ import annotations

import typer


def is_given(context: typer.Context, parameter: str) -> bool:
    """Return True if an option is given on the command line, and not only in the environment or by default."""
    return str(context.get_parameter_source(parameter)).endswith("COMMANDLINE")
