"""Refuse options that contradict each other: otherwise one of them would be ignored silently."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from alzbench.errors import ExperimentError


def is_given(context: typer.Context, parameter: str) -> bool:
    """Return True if an option is given on the command line, and not only in the environment or by default."""
    return str(context.get_parameter_source(parameter)).endswith("COMMANDLINE")


def check_source(data: str | None, demo: bool, assignments: Sequence[str]) -> None:
    """Check that --data, --demo and --set name one image source.

    Raises:
        ExperimentError: Two of them are given.
    """
    assigned = assigned_value("data.source", assignments)
    if demo and any(source not in (None, "phantom") for source in (data, assigned)):
        option = "--data" if data else "--set data.source"
        raise ExperimentError(f"--demo generates its own images: leave out {option}, or leave out --demo.")
    if data:
        check_assigned_once("--data", "data.source", assignments)


def check_assigned_once(option: str, field: str, assignments: Sequence[str]) -> None:
    """Raise ExperimentError if --set assigns the same field as another option."""
    if assigned_value(field, assignments) is not None:
        raise ExperimentError(f"{option} and --set {field}=... set the same field: leave out one of them.")


def assigned_value(field: str, assignments: Sequence[str]) -> object:
    """Return the value that assignments give a field, e.g. ``a.b`` in ``a.b=1`` or ``a={b: 1}``; None for no value."""
    from alzbench.experiment.loading import parse_assignments

    value: object = parse_assignments(assignments)
    for key in field.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
