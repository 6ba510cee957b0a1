"""Export of a run's model as one file from pixels to probabilities, checked against the run's own predictions."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alzbench import __version__, atomic
from alzbench.data.manifest import ImageSet
from alzbench.errors import RunError
from alzbench.inference.formats import FORMATS, LIMIT, Format, Predict
from alzbench.inference.trained import TrainedRun
from alzbench.inference.verification import Sample, draw_sample, effect_of_rounding
from alzbench.models.backend import quiet_stderr
from alzbench.progress import Progress

# distance of two numbers near 1
_PRECISIONS = {"mixed_float16": 2**-10, "mixed_bfloat16": 2**-7}


@dataclass(frozen=True)
class Exported:
    """An exported model and the check that it passed.

    Attributes:
        run: Name of the run.
        format: Name of the format.
        path: The file, or the folder of a SavedModel.
        files: Path of each file, relative to the folder of `path` -> SHA-256.
        bytes: Size of all of them.
        difference: Largest difference of a probability from the run's, in the check.
        limit: Largest difference that was accepted.
        images: Number of test images in the check.
        filled: True if the check had to fill sets with repeated slices, see `verification.Sample`.
    """

    run: str
    format: str
    path: Path
    files: dict[str, str]
    bytes: int
    difference: float
    limit: float
    images: int
    filled: bool


def export_run(
    trained: TrainedRun, name: str, path: Path, images: ImageSet, progress: Progress, limit: float = LIMIT
) -> Exported:
    """Export the model of a run, and check it with test images of the run.

    Args:
        trained: The run.
        name: Name of a format.
        path: The file, or the folder of a SavedModel. An earlier export there is replaced only by a good one.
        images: The image set of the run.
        progress: Progress display.
        limit: Largest accepted difference of a probability from the run's.

    Raises:
        ExperimentError: The format does not exist or lacks a package, or the path cannot be used.
        DataError: The images are not those of the run, or its predictions are damaged.
        RunError: The model cannot be converted, or its predictions differ from the run's.
    """
    kind = FORMATS[name]
    kind.require_packages()
    kind.require_path(path)
    sample = draw_sample(trained, images)
    progress.say(f"writing {kind.title}")
    with _replacing(kind, path) as temporary:
        predict = _write(kind, trained, sample, temporary)
        difference, where = sample.largest_difference(predict, progress)
        if difference > limit:
            raise RunError(_refusal(kind, difference, limit, where, trained, sample))
        files, size = _content(temporary, path)
    return Exported(trained.run.name, name, path, files, size, difference, limit, sample.images, sample.filled)


def _replacing(kind: Format, path: Path) -> AbstractContextManager[Path]:
    return atomic.replacing_folder(path) if kind.folder else atomic.replacing(path)


def _write(kind: Format, trained: TrainedRun, sample: Sample, path: Path) -> Predict:
    """Write the model, and return the prediction function of what was written."""
    facts = {
        "classes": json.dumps(trained.classes, ensure_ascii=False),
        "input": "pixels from 0 to 255 as float32",
        "run": trained.run.name,
        "alzbench": __version__,
        "note": "for research; not a medical device",
    }
    with quiet_stderr():
        try:
            kind.function(trained.model.joined(), path, facts)
            predict = kind.load(path)
            predict(np.zeros((1, *sample.pixels.shape[1:]), np.float32))  # what a library prints, it prints now
        except OSError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()).partition(". ")[0].rstrip(".")[:200] or type(error).__name__
            raise RunError(f"The model cannot be written as {kind.title} ({reason}). Choose another format.") from error
    return predict


def _refusal(kind: Format, difference: float, limit: float, where: str, trained: TrainedRun, sample: Sample) -> str:
    """Return why an export is refused, and whether rounding explains its difference."""
    text = (
        f"The {kind.title} export must predict as the run did, to {limit:.0e}; it differs by {difference:.1e} for "
        f"{where}, so it was removed."
    )
    rounding, precision = effect_of_rounding(trained, sample), trained.experiment.train.precision
    if difference <= 2 * rounding:
        reason = (
            f"in training, feature maps are rounded to float16, which changes these predictions by up to "
            f"{rounding:.1e}, and {kind.title} rounds a few values to the other side"
        )
    elif difference <= _PRECISIONS.get(precision, 0):
        reason = f"the run's head computes in {precision}, which is not exact to {limit:.0e}"
    else:
        return f"{text} Repeat the run with --force if its files were changed, or choose another format."
    enough = 10.0 ** math.ceil(math.log10(difference))
    return f"{text} It may be sound: {reason}. Accept that with --max-difference {enough:g}, or choose another format."


def _content(written: Path, path: Path) -> tuple[dict[str, str], int]:
    """Return the SHA-256 of each file by its path beside the export, and their size, sorted by path."""
    files = [written] if written.is_file() else sorted(file for file in written.rglob("*") if file.is_file())
    hashes = {
        str(Path(path.name) / file.relative_to(written)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }
    return hashes, sum(file.stat().st_size for file in files)
