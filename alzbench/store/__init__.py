"""Run folders: the files of a run. A folder always shows the true state of its run.

    runs/<experiment>/seed-<n>-<hash>/          of a trial: runs/<sweep>/trial-<n>-seed-<n>-<hash>/
        state.json        card of the run: its identity, state, times and error
        experiment.yaml   resolved: every default written out
        environment.json  versions, platform, devices, git commit
        split.csv         image, label, part
        skipped.csv       image, reason: only if images were left out
        covariates.csv    age, sex, ... of each test image: only if data.subjects gives them
        history.csv       one row per epoch, updated after each epoch
        predictions.csv   the test part; predictions_val.csv the validation part
        metrics.json      the evaluation
        subjects.json     the test predictions of each subject, counted, for comparisons
        model.keras       prefix and head in one loadable model
        figures/*.png     confusion matrix, history
        explain/          maps of what the model looks at, and their checks; see `store.explanation`
        variant.py        the file of a variant that is not part of the package; backbone.py that of a backbone
        wandb.json        the W&B run and how much of it is sent; wandb/ the client's files: only if tracked
        .wandb.lock       held while the run is sent
        checkpoint*.npz   only while unfinished

Nothing that is read here is executed, and reading needs neither TensorFlow nor the data.
"""

from __future__ import annotations

from alzbench.store.card import Card, State
from alzbench.store.metrics import RunMetrics, TrainingNotes
from alzbench.store.run import Run, is_locked, read_run
from alzbench.store.writer import RunStore, RunWriter

__all__ = ["Card", "Run", "RunMetrics", "RunStore", "RunWriter", "State", "TrainingNotes", "is_locked", "read_run"]
