"""Results of the functions in `alzbench.api`: each is shown by a notebook, and gives a data frame and a figure.

A notebook shows the tables that the command prints, `to_frame` returns what it writes as CSV, and `figure` draws a
figure of its page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import pandas as pd

from alzbench.compare import Comparison, compare, load_references
from alzbench.compare.predictions import read_group
from alzbench.data.audit import Audit
from alzbench.errors import DataError
from alzbench.evaluation.metrics import metrics
from alzbench.report.audit import audit_document, nearest_figure
from alzbench.report.comparison import comparison_document
from alzbench.report.document import Document
from alzbench.report.export import export_frame
from alzbench.report.fragment import render_fragment
from alzbench.report.run import run_document, score_run, summary_document
from alzbench.report.runs import runs_document
from alzbench.store import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alzbench.data.manifest import ImageSet

_SHOWN = ("state", "variant", "protocol", "seed", "fold", "demo", "sanity", "leaks", "created", "finished")  # of a card


class Result:
    """A result that a notebook shows."""

    @property
    def document(self) -> Document:
        """The document that the command prints."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Return the result as a data frame."""
        raise NotImplementedError

    def figure(self) -> Figure:
        """Draw the result."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {'; '.join(section.title for section in self.document.sections)}>"

    def _repr_html_(self) -> str:
        return render_fragment(self.document)


class ComparisonResult(Result):
    """Compared experiments.

    Attributes:
        comparison: The typed comparison: groups, rows, pairs and intervals.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @cached_property
    def document(self) -> Document:
        """The document that `alzbench compare` prints."""
        return comparison_document(self.comparison)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each experiment and published result, as `alzbench compare --csv` writes them.

        Each score has the columns `<score>`, `<score>_sd`, `<score>_low` and `<score>_high`; shares are in [0, 1]. The
        columns `change_...` are paired differences to the baseline.

        Raises:
            DataError: The stored predictions are damaged.
        """
        predictions = [read_group(group) for group in self.comparison.groups]
        return export_frame(comparison_document(self.comparison, predictions))

    def figure(self) -> Figure:
        """Draw the test accuracy of each experiment with 95 % intervals, a panel for each group."""
        from alzbench.report.figure import comparison_figure

        return comparison_figure(self.comparison)


class StoredRun(Result):
    """One stored run.

    Attributes:
        run: Its folder, card, scores and predictions.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @property
    def name(self) -> str:
        """Experiment and folder, as every command accepts them."""
        return self.run.name

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.run.path

    def __repr__(self) -> str:
        return f"<StoredRun: {self.name}, {self.run.card.state}>"

    @cached_property
    def document(self) -> Document:
        """The document that `alzbench show` prints."""
        return summary_document(self.run)

    def predictions(self) -> pd.DataFrame:
        """Return a row for each test image: image, subject, slice, label, predicted, and `p_<class>` for each class.

        Raises:
            DataError: They are not stored, or damaged.
        """
        if not self.run.has_predictions():
            raise DataError(f"{self.path} has no predictions.csv; repeat the run with --force.")
        return self.run.predictions()

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each score, as `alzbench report --csv` writes them; one over all classes has no class.

        Raises:
            DataError: The run is not complete, or its files are damaged or missing.
        """
        return export_frame(run_document(score_run(self.run)))

    def figure(self) -> Figure:
        """Draw the confusion matrix, in per cent of each true class; raises DataError as `predictions` does."""
        from alzbench.report.curves import confusion_panels

        return confusion_panels({self.name: self.predictions()})


class Runs(Result, Sequence[StoredRun]):
    """Stored runs, oldest first: `runs[0]`, `len(runs)` and `for run in runs` work as with a list."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = tuple(StoredRun(run) for run in runs)

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, place: int) -> StoredRun: ...
    @overload
    def __getitem__(self, place: slice) -> Runs: ...
    def __getitem__(self, place: int | slice) -> StoredRun | Runs:
        if isinstance(place, slice):
            return Runs([stored.run for stored in self._runs[place]])
        return self._runs[place]

    def __iter__(self) -> Iterator[StoredRun]:
        return iter(self._runs)

    def __repr__(self) -> str:
        return f"<Runs: {', '.join(stored.name for stored in self)}>"

    @cached_property
    def document(self) -> Document:
        """The document that `alzbench list runs` prints."""
        return runs_document([stored.run for stored in self])

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each run: what it is, and its test scores, in [0, 1] for shares; NaN if undefined.

        Raises:
            DataError: The scores of a run are damaged.
        """
        scores = {metric.name: metric for metric in metrics(per_class=False)}
        rows = [
            {
                "run": stored.name, "experiment": stored.run.card.experiment,
                **{name: getattr(stored.run.card, name) for name in _SHOWN},
                **{name: _or_nan(stored.run, metric) for name, metric in scores.items()},
            }
            for stored in self
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["run", "experiment", *_SHOWN, *scores])

    def figure(self) -> Figure:
        """Draw the test accuracy of each experiment with 95 % intervals."""
        runs = [stored.run for stored in self if stored.run.card.trial is None]
        return ComparisonResult(compare(runs, load_references())).figure()


class AuditResult(Result):
    """The audit of an image set under a protocol.

    Attributes:
        audit: The findings.
    """

    def __init__(self, audit: Audit, images: ImageSet) -> None:
        self.audit = audit
        self._images = images

    @property
    def leaks(self) -> bool:
        """True if training or validation has a copy of a test image, or another image of its subject."""
        return self.audit.leaks

    @property
    def images(self) -> pd.DataFrame:
        """A row for each image of the set: image (its name), path, class, subject and slice, among others."""
        manifest, classes = self._images.manifest, self._images.classes
        return manifest.assign(**{"class": [classes[label] for label in manifest["label"]]})

    @cached_property
    def document(self) -> Document:
        """The document that `alzbench audit` prints."""
        return audit_document(self.audit)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each class and part: class, part, images and (known) subjects, both as whole numbers."""
        counts = {"images": self.audit.images, "subjects": self.audit.subjects}
        rows = [
            {"class": str(name), "part": part, **{what: int(table.loc[name, part]) for what, table in counts.items()}}
            for name in self.audit.images.index
            for part in self.audit.images.columns
        ]
        return pd.DataFrame(rows)

    def figure(self) -> Figure:
        """Draw test images above their most similar training image; raises DataError if one can no longer be read."""
        return nearest_figure(self.audit, self._images.manifest.set_index("image")["path"])


def _or_nan(run: Run, metric: Any) -> float:
    value = run.evaluation().value(metric) if run.is_scored else None
    return math.nan if value is None else value
