"""Keras's backend: a quiet start, and the devices that it sees."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def start_backend() -> None:
    """Import Keras and find the devices; the backend's output is shown only if it fails."""
    # also its "errors": they are advice about the processor, and what really fails raises an exception
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # a study or sweep builds many networks in one process, and TensorFlow warns about the functions of each
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _quiet_stderr():
        import keras

        keras.distribution.list_devices()


def has_accelerator() -> bool:
    """Return True if Keras's backend sees a GPU or TPU."""
    import keras

    return any(not device.lower().startswith("cpu") for device in keras.distribution.list_devices())


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what C++ code writes to file descriptor 2, which no Python setting controls; show it after an error."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        except BaseException:
            caught.seek(0)
            os.write(kept, caught.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
