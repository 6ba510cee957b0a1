"""Errors that a user can act on, each with the exit code of the command that meets it.

Each text says what must hold, what was found and where, and what to do, in one or two sentences.
"""

from __future__ import annotations

import errno
from typing import ClassVar


class AlzbenchError(Exception):
    """Base of every error that is shown without a traceback."""

    exit_code: ClassVar[int] = 1


class RunError(AlzbenchError):
    """A run could not be finished, for example because its loss became NaN."""

    exit_code = 1


class Pruned(AlzbenchError):
    """A sweep gave a trial up before its end, as it promised nothing."""

    exit_code = 1


class ExperimentError(AlzbenchError):
    """An experiment file, or an option given on the command line, is wrong."""

    exit_code = 2


class DataError(AlzbenchError):
    """Images or weights are missing, unreadable or not what they should be."""

    exit_code = 3


class Interrupted(AlzbenchError):
    """The user stopped the work; what was finished is kept."""

    exit_code = 4


_OF_THE_MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE, errno.ENFILE,
    errno.ENOMEM,
}  # fmt: skip


def is_of_the_machine(error: OSError) -> bool:
    """Return whether whatever is tried next would meet the same error, as on a full disk."""
    return error.errno in _OF_THE_MACHINE or _says_full(error)


def describe_os_error(error: OSError) -> str:
    """Return a sentence for an operating-system error, naming the file where the system does."""
    where = f" ({error.filename})" if error.filename else ""
    if _says_full(error):
        return (
            f"The disk is full{where}: nothing half-written was kept. Free some space, or point ALZBENCH_CACHE "
            "and --runs at a larger disk, and give the same command again."
        )
    return f"{error.strerror or error}{where}."


def _says_full(error: OSError) -> bool:
    # NumPy says only how much it could not write
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "requested and" in str(error)
