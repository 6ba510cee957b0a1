"""The one trainer. It sees training and validation images only, and computes no reported metric."""

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
from alzbench.training.objective import make_loss, make_optimizer
from alzbench.training.predictor import predict_logits

STEPS_PER_EXECUTION = 8  # steps between two returns to Python: the cost of a return is that of a small step

Logits = npt.NDArray[np.float32]
Row = Mapping[Any, Any]  # of the history, see `TrainResult`

# `keep` -> column of the history, and True if higher is better
_MONITORS = {"best_val_accuracy": ("val_accuracy", True), "best_val_loss": ("val_loss", False), "last": ("epoch", True)}


@dataclass(frozen=True)
class TrainResult:
    """Result of a training. The head holds the kept weights.

    Attributes:
        history: A row for each epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, duration_s.
        kept_epoch: The epoch whose weights were kept, from 1.
        logits: Its logits of the validation examples, (n, K) float32.
        stopped: `all epochs` or `no better epoch` (by `train.patience`).
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
    """Train a head, from the last epoch that its checkpoint holds, or from scratch.

    Args:
        head: Feature maps -> logits; it is trained in place and left with the kept epoch's weights.
        training: ``epoch (from 0) -> batches``.
        validation: Batches of the validation images.
        settings: Epochs, optimizer, and which epoch is kept.
        checkpoint_path: File for the state after each epoch.
        progress: Where to report.
        title: Name of the progress bar.
        epoch_trained: Called before an epoch is stored, with its number, from 0, and its logits of the validation
            examples, (n, K); what it raises ends the training.
        epoch_stored: Called after an epoch is stored, with the rows of all that are.

    Raises:
        RunError: The loss is not finite.
    """
    steps = len(training(0))
    _compile(head, settings, steps)
    state = _restore(head, Checkpoint.load(checkpoint_path))
    done = len(state.history)
    if done:
        progress.say(f"going on after epoch {done} of {settings.epochs}")
    with progress.track(title, settings.epochs * steps, done * steps) as advance:
        for epoch in range(done, settings.epochs):
            if _is_stale(state, settings):
                break
            row, logits = _run_epoch(head, epoch, training(epoch), validation, advance)
            state.history.append(row)
            _update_best(head, state, settings, logits)
            epoch_trained(epoch, logits)
            state.variables = [v.numpy() for v in _variables(head)]
            state.optimizer = [v.numpy() for v in head.optimizer.variables]
            state.save(checkpoint_path)
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
        jit_compile="auto" if has_accelerator() else False,  # XLA on a CPU is slower than without it
    )
    head.optimizer.build(head.trainable_variables)


def _run_epoch(
    head: Any, epoch: int, training: FeatureBatches, validation: FeatureBatches, advance: Advance
) -> tuple[dict[str, float], Logits]:
    start = time.monotonic()
    steps = _Steps(epoch, len(training), advance)
    logs = head.fit(training, epochs=1, shuffle=False, verbose=0, callbacks=[steps]).history
    # one pass gives the scores here, those that a sweep prunes by, and the predictions of the kept epoch
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
    """Advances the progress bar and stops at a loss that is not finite."""

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


def _require_finite(loss: float, where: str) -> None:
    if not math.isfinite(loss):
        raise RunError(f"The loss must be finite; the {where} is {loss}. Lower train.lr, or train in float32.")


def _variables(head: Any) -> list[Any]:
    metrics = {id(variable) for variable in head.metrics_variables}
    return [variable for variable in head.variables if id(variable) not in metrics]


def _restore(head: Any, state: Checkpoint) -> Checkpoint:
    """Put a checkpoint's values into the head and its optimizer; return an empty one if values do not fit or lack."""
    variables, optimizer = _variables(head), head.optimizer.variables
    shapes = [tuple(v.shape) for v in [*variables, *optimizer]]
    if not state.logits or shapes != [value.shape for value in [*state.variables, *state.optimizer]]:
        return Checkpoint()
    for variable, value in zip([*variables, *optimizer], [*state.variables, *state.optimizer], strict=True):
        variable.assign(value)
    return state


def _update_best(head: Any, state: Checkpoint, settings: TrainSettings, logits: Logits) -> None:
    column, higher_is_better = _MONITORS[settings.keep]
    now, best = (state.history[epoch][column] for epoch in (-1, state.best_epoch))
    if state.best_epoch < 0 or (now > best if higher_is_better else now < best):
        state.best_epoch = len(state.history) - 1
        state.best, state.logits = head.get_weights(), [logits]


def _is_stale(state: Checkpoint, settings: TrainSettings) -> bool:
    return settings.patience is not None and len(state.history) - 1 - state.best_epoch >= settings.patience


def _note(state: Checkpoint, settings: TrainSettings) -> str:
    last = state.history[-1]
    return f"epoch {last['epoch']}/{settings.epochs} val_accuracy {last['val_accuracy']:.3f}"
