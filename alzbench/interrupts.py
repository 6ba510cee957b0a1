"""Interrupts: Ctrl-C and SIGTERM end a command, even if a library swallows the exception.

A signal handler runs wherever the program is. If that is inside a callback of a library, Python or the library may drop
the KeyboardInterrupt. So the signal is also remembered, and long tasks call `check` after each step.
"""

from __future__ import annotations

import signal
from types import FrameType

SENTENCE = "Interrupted. Finished work is kept; run the same command again to continue."

_received = False  # and not yet raised again by `check`
_stopped = False


def install() -> None:
    """Handle SIGTERM, and SIGINT unless it is ignored, as in a shell's background; forget earlier signals."""
    global _received, _stopped
    _received = _stopped = False
    signal.signal(signal.SIGTERM, _handle)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _handle)


def check() -> None:
    """Raise KeyboardInterrupt, once, if a signal was received whose exception did not end the command."""
    global _received
    if _received:
        _received = False
        raise KeyboardInterrupt


def was_stopped() -> bool:
    """Return True if a signal was received, even if a library turned its exception into another one."""
    return _stopped


def _handle(_number: int, _frame: FrameType | None) -> None:
    global _received, _stopped
    _received = _stopped = True
    raise KeyboardInterrupt
