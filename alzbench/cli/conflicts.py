"""Options that contradict each other: refused, as one of them would be ignored without a word."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from alzbench.errors import ExperimentError


def is_given(context: typer.Context, parameter: str) -> bool:
    """Return whether an option stands on the command line, and not only in the environment or as a default."""
    return str(context.get_parameter_source(parameter)).endswith("COMMANDLINE")


def check_source(context: typer.Context, data: str | None, demo: bool, assignments: Sequence[str]) -> None:
    """Check that --data, --demo and --set name one source of images; ALZBENCH_DATA gives way to all three.

    Raises:
        ExperimentError: Two of them are given.
    """
    given = data if is_given(context, "data") else None
    assigned = assigned_value("data.source", assignments)
    if demo and any(source not in (None, "phantom") for source in (given, assigned)):
        option = "--data" if given else "--set data.source"
        raise ExperimentError(f"--demo generates its own images: leave out {option}, or leave out --demo.")
    if given:
        check_assigned_once("--data", "data.source", assignments)


def check_assigned_once(option: str, field: str, assignments: Sequence[str]) -> None:
    """Check that --set does not assign a field that an option of its own sets; raises ExperimentError where it does."""
    if assigned_value(field, assignments) is not None:
        raise ExperimentError(f"{option} and --set {field}=... set the same field: leave out one of them.")


def assigned_value(field: str, assignments: Sequence[str]) -> object:
    """Return the value that assignments give a field, e.g. ``a.b`` in ``a.b=1`` or ``a={b: 1}``; None for no value."""
    from alzbench.experiment.loading import settings_values

    value: object = settings_values(assignments)
    for key in field.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
