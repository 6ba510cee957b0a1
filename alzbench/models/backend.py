"""Keras's backend: a start without output, and its devices."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alzbench.errors import AlzbenchError


def start_backend() -> None:
    """Import Keras and initialise the devices; the backend's output is shown only if it fails."""
    # hides its "errors" too, which are advice about the processor: a real error raises an exception
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # a study or sweep builds many networks in one process, and TensorFlow warns about retracing for each
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with quiet_stderr():
        import keras

        keras.distribution.list_devices()


def has_accelerator() -> bool:
    """Return True if Keras's backend has a GPU or TPU."""
    import keras

    return any(not device.lower().startswith("cpu") for device in keras.distribution.list_devices())


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors compiled by TensorFlow; with another backend, the function itself."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    compiled_function: Callable[..., Any] = tf.function(function)
    return compiled_function


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Capture the output of C++ code on file descriptor 2, which no Python setting controls.

    It is shown after an error that does not explain itself.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as captured:
        stderr = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except AlzbenchError:
            raise
        except BaseException:
            captured.seek(0)
            os.write(stderr, captured.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
