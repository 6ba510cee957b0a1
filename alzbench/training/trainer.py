"""The trainer of heads, which uses training and validation images only and computes no reported metric."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.errors import RunError
from alzbench.experiment import TrainSettings
from alzbench.models.backend import has_accelerator
from alzbench.progress import Advance, Progress
from alzbench.training.batches import FeatureBatches
from alzbench.training.checkpoint import Checkpoint
from alzbench.training.losses import make_loss
from alzbench.training.optimizers import make_optimizer
from alzbench.training.predictor import predict_logits

STEPS_PER_EXECUTION = 8  # steps between two returns to Python: a return costs as much as a small step

Logits = npt.NDArray[np.float32]
Row = Mapping[Any, Any]  # a row of the history, see `TrainResult`

# `keep` -> column of the history, and True if higher is better
_MONITORS = {"best_val_accuracy": ("val_accuracy", True), "best_val_loss": ("val_loss", False), "last": ("epoch", True)}


@dataclass(frozen=True)
class TrainResult:
    """Result of a training, whose kept weights are in the head.

    Attributes:
        history: One row per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, duration_s.
        kept_epoch: Epoch whose weights are kept, from 1.
        logits: The kept epoch's logits (n, K) of the `n` validation examples, float32.
        stopped: Reason for the end: `all epochs`, or `no better epoch` (by `train.patience`).
    """

    history: pd.DataFrame
    kept_epoch: int
    logits: Logits
    stopped: str


def train(
    head: Any,
    training: Callable[[int], FeatureBatches],
    validation: FeatureBatches,
    settings: TrainSettings,
    checkpoint_path: Path,
    progress: Progress,
    title: str = "training",
    epoch_trained: Callable[[int, Logits], None] = lambda _epoch, _logits: None,
    epoch_stored: Callable[[Sequence[Row]], None] = lambda _history: None,
) -> TrainResult:
    """Train a head, from the last epoch in its checkpoint or from scratch.

    Args:
        head: Feature maps -> logits. It is trained in place and ends with the weights of the kept epoch.
        training: Returns the batches of an epoch, from 0.
        validation: Batches of the validation examples.
        settings: Epochs, loss, optimizer, and the epoch to keep.
        checkpoint_path: File for the state after each epoch.
        progress: Progress display.
        title: Title of the progress bar.
        epoch_trained: Called before an epoch is stored, with the epoch, from 0, and its logits (n, K) of the
            validation examples. An exception of it ends the training.
        epoch_stored: Called after an epoch is stored, with the history so far.

    Raises:
        RunError: The loss is not finite.
    """
    steps = len(training(0))
    _compile(head, settings, steps)
    state = _restore(head, Checkpoint.load(checkpoint_path))
    done = len(state.history)
    if done:
        progress.say(f"resuming after epoch {done} of {settings.epochs}")
    with progress.track(title, settings.epochs * steps, done * steps) as advance:
        for epoch in range(done, settings.epochs):
            if _is_stale(state, settings):
                break
            row, logits = _run_epoch(head, epoch, training(epoch), validation, advance)
            state.history.append(row)
            _update_best(head, state, settings, logits)
            epoch_trained(epoch, logits)
            _save(head, state, checkpoint_path)
            epoch_stored(state.history)
            advance(0, note=_note(state, settings))
    head.set_weights(state.best)
    stopped = "all epochs" if len(state.history) == settings.epochs else "no better epoch"
    return TrainResult(pd.DataFrame(state.history), state.best_epoch + 1, state.logits[0], stopped)


def _compile(head: Any, settings: TrainSettings, steps: int) -> None:
    head.compile(
        make_optimizer(settings, steps),
        loss=make_loss(settings),
        metrics=["accuracy"],
        steps_per_execution=STEPS_PER_EXECUTION,
        jit_compile="auto" if has_accelerator() else False,  # XLA makes training slower on a CPU
    )
    head.optimizer.build(head.trainable_variables)


def _run_epoch(
    head: Any, epoch: int, training: FeatureBatches, validation: FeatureBatches, advance: Advance
) -> tuple[dict[str, float], Logits]:
    start = time.monotonic()
    steps = _Steps(epoch, len(training), advance)
    logs = head.fit(training, epochs=1, shuffle=False, verbose=0, callbacks=[steps]).history
    # one pass gives the scores in the history, those for pruning, and the predictions of the kept epoch
    logits = predict_logits(head, validation)
    val_loss = float(head.compute_loss(y=validation.labels, y_pred=logits, training=False))
    _require_finite(val_loss, f"validation loss of epoch {epoch + 1}")
    row = {
        "epoch": epoch + 1,
        "loss": logs["loss"][0],
        "accuracy": logs["accuracy"][0],
        "val_loss": val_loss,
        "val_accuracy": float((logits.argmax(axis=1) == validation.labels).mean()),
        "duration_s": round(time.monotonic() - start, 3),
    }
    return row, logits


class _Steps(keras.callbacks.Callback):
    """Callback that advances the progress bar and raises RunError for a loss that is not finite."""

    def __init__(self, epoch: int, steps: int, advance: Advance) -> None:
        super().__init__()
        self._epoch, self._steps, self._advance, self._done = epoch, steps, advance, 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        first, self._done = self._done + 1, min(batch + 1, self._steps)
        _require_finite(
            (logs or {}).get("loss", 0.0),
            f"loss of epoch {self._epoch + 1}, steps {first} to {self._done} of {self._steps}",
        )
        self._advance(self._done - first + 1)


def _require_finite(loss: float, name: str) -> None:
    if not math.isfinite(loss):
        raise RunError(f"The loss must be finite; the {name} is {loss}. Lower train.lr, or train in float32.")


def _variables(head: Any) -> list[Any]:
    metrics = {id(variable) for variable in head.metrics_variables}
    return [variable for variable in head.variables if id(variable) not in metrics]


def _save(head: Any, state: Checkpoint, path: Path) -> None:
    state.variables = [variable.numpy() for variable in _variables(head)]
    state.optimizer = [variable.numpy() for variable in head.optimizer.variables]
    state.save(path)


def _restore(head: Any, state: Checkpoint) -> Checkpoint:
    """Assign a checkpoint's values to the head and optimizer; return an empty one if they are missing or do not fit."""
    variables, optimizer = _variables(head), head.optimizer.variables
    shapes = [tuple(v.shape) for v in [*variables, *optimizer]]
    if not state.logits or shapes != [value.shape for value in [*state.variables, *state.optimizer]]:
        return Checkpoint()
    for variable, value in zip([*variables, *optimizer], [*state.variables, *state.optimizer], strict=True):
        variable.assign(value)
    return state


def _update_best(head: Any, state: Checkpoint, settings: TrainSettings, logits: Logits) -> None:
    column, higher_is_better = _MONITORS[settings.keep]
    last, best = (state.history[epoch][column] for epoch in (-1, state.best_epoch))
    if state.best_epoch < 0 or (last > best if higher_is_better else last < best):
        state.best_epoch = len(state.history) - 1
        state.best, state.logits = head.get_weights(), [logits]


def _is_stale(state: Checkpoint, settings: TrainSettings) -> bool:
    return settings.patience is not None and len(state.history) - 1 - state.best_epoch >= settings.patience


def _note(state: Checkpoint, settings: TrainSettings) -> str:
    last = state.history[-1]
    return f"epoch {last['epoch']}/{settings.epochs} val_accuracy {last['val_accuracy']:.3f}"
