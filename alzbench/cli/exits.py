"""Report the error that ends a command: a sentence on standard error, and an exit code."""

from __future__ import annotations

import sys
from typing import Any

import typer

from alzbench.errors import AlzbenchError, describe_os_error

# newer versions of Typer bring their own copy of Click, so its errors are found through one that Typer exports
_UsageError: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def explain(error: Exception) -> int:
    """Print an error and return its exit code."""
    if isinstance(error, AlzbenchError):
        complain(str(error))
        return error.exit_code
    if isinstance(error, _UsageError):
        error.show()
        return int(error.exit_code)
    if isinstance(error, OSError):
        complain(describe_os_error(error))
        return 1
    complain(f"Unexpected {type(error).__name__}: {error}\nThis is a bug; add --debug to see the traceback.")
    return 1


def complain(text: str) -> None:
    """Print the text of an error."""
    print(f"error: {text}", file=sys.stderr)
