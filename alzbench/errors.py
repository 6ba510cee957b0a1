"""Errors that a user can act on, each with the exit code of the command that raises it.

Each message says in one or two sentences what must hold, what was received and where, and what to do.
"""

from __future__ import annotations

import errno
import re
from typing import ClassVar

_SECOND_MARK = re.compile(r"(?<=[\w)\]'\"`][.?!])\.(?=\s|$)")  # not that of a folder `..`


class AlzbenchError(Exception):
    """Base class of all errors that are shown without a traceback.

    Args:
        text: The message. A part of it may end with a mark of its own, such as the text of another error; no second
            one follows it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, text: str = "") -> None:
        super().__init__(_SECOND_MARK.sub("", text))


class RunError(AlzbenchError):
    """A run could not be finished, for example because its loss became NaN."""

    exit_code = 1


class Pruned(AlzbenchError):
    """A sweep stopped an unpromising trial before its last epoch."""

    exit_code = 1


class LeftOut(AlzbenchError):
    """A sanity baseline does not fit the images; the other runs go on, and the command succeeds."""

    exit_code = 1


class ExperimentError(AlzbenchError):
    """An experiment file or a command-line option is wrong."""

    exit_code = 2


class DataError(AlzbenchError):
    """Images or weights are missing, unreadable or invalid."""

    exit_code = 3


class Interrupted(AlzbenchError):
    """The user stopped the command; finished work is kept."""

    exit_code = 4


_MACHINE_ERRORS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE, errno.ENFILE,
    errno.ENOMEM,
}  # fmt: skip


def is_machine_error(error: OSError) -> bool:
    """Return True if the next attempt at anything would fail in the same way, as on a full disk."""
    return error.errno in _MACHINE_ERRORS or _is_disk_full(error)


def describe_os_error(error: OSError) -> str:
    """Return a sentence for an operating-system error, with the file if the system names one."""
    file = f" ({error.filename})" if error.filename else ""
    if _is_disk_full(error):
        return (
            f"The disk is full{file}; no partly written file was kept. Free some space, or set ALZBENCH_CACHE and "
            "--runs to folders on a larger disk, and run the same command again."
        )
    return f"{error.strerror or error}{file}."


def _is_disk_full(error: OSError) -> bool:
    # NumPy raises an error without a number, which says how much it could not write
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "requested and" in str(error)
