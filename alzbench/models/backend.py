"""Keras's backend: starting it without its chatter, and what it runs on."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def start_backend() -> None:
    """Import Keras and find the devices; what the backend prints meanwhile is shown only if it fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # many networks in one process are what a study and a sweep are; TensorFlow warns of each one's new functions
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _hushed_stderr():
        import keras

        keras.distribution.list_devices()


def has_accelerator() -> bool:
    """Return whether Keras's backend sees a GPU or TPU."""
    import keras

    return any(not device.lower().startswith("cpu") for device in keras.distribution.list_devices())


@contextmanager
def _hushed_stderr() -> Iterator[None]:
    """Catch what C++ code writes to file descriptor 2, which no Python setting reaches."""
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
