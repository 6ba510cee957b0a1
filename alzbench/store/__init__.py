"""Run folders: what a run leaves on disk, written so that a folder always says truthfully how far it got.

    runs/<experiment>/seed-<n>-<hash>/          of a sweep's trial: runs/<sweep>/trial-<n>-seed-<n>-<hash>/
        state.json        card of the run: what it is, its state, times and error
        experiment.yaml   resolved: every default written out
        environment.json  versions, platform, devices, git commit
        split.csv         image, label, part
        skipped.csv       image, reason: only where images were left out
        history.csv       a row an epoch
        predictions.csv   the test part; predictions_val.csv the validation part
        metrics.json      the evaluation
        subjects.json     the test answers about each subject, counted: what comparisons read
        model.keras       prefix and head in one loadable model
        figures/*.png     confusion matrix, history
        variant.py        the variant's file: only where it is not the package's own
        wandb.json        which W&B run mirrors it, and how far; wandb/ what the W&B client keeps: only where tracked
        .wandb.lock       held while it is mirrored
        checkpoint*.npz   only while unfinished

Nothing that is read here is executed, and reading needs neither TensorFlow nor the data.
"""

from __future__ import annotations

from alzbench.store.card import Card, State
from alzbench.store.run import Run, is_locked, read_run
from alzbench.store.writer import RunStore, RunWriter

__all__ = ["Card", "Run", "RunStore", "RunWriter", "State", "is_locked", "read_run"]
