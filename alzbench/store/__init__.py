"""Run folders: the files of a run, written so that a folder always tells truthfully how far the run got.

    runs/<experiment>/seed-<n>-<hash>/          of a sweep's trial: runs/<sweep>/trial-<n>-seed-<n>-<hash>/
        state.json        card of the run: its identity, state, times and error
        experiment.yaml   resolved: every default written out
        environment.json  versions, platform, devices, git commit
        split.csv         image, label, part
        skipped.csv       image, reason: only where images were left out
        history.csv       a row for each epoch, up to date while the run goes on
        predictions.csv   the test part; predictions_val.csv the validation part
        metrics.json      the evaluation
        subjects.json     the test predictions of each subject, counted, for comparisons
        model.keras       prefix and head in one loadable model
        figures/*.png     confusion matrix, history
        variant.py        the variant's file: only where it is not the package's own
        wandb.json        the W&B run that it is sent to, and how far; wandb/ the client's files: only where tracked
        .wandb.lock       held while it is sent
        checkpoint*.npz   only while unfinished

Nothing that is read here is executed, and reading needs neither TensorFlow nor the data.
"""

from __future__ import annotations

from alzbench.store.card import Card, State
from alzbench.store.metrics import RunMetrics, TrainingNotes
from alzbench.store.run import Run, is_locked, read_run
from alzbench.store.writer import RunStore, RunWriter

__all__ = ["Card", "Run", "RunMetrics", "RunStore", "RunWriter", "State", "TrainingNotes", "is_locked", "read_run"]
