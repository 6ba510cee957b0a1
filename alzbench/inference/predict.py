"""Predictions of a trained model for any number of images: decoded in threads beside the network, a batch at a time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.images import THREADS, image_list
from alzbench.errors import DataError
from alzbench.evaluation.predictions import PREFIX
from alzbench.evaluation.subjects import combine
from alzbench.inference.inputs import DecodedImage, InputFile, InputImage, Inputs, decode_file
from alzbench.inference.profile import FILE, Measures, Profile, grey_histograms, pooled
from alzbench.inference.trained import TrainedRun
from alzbench.progress import Advance, Progress
from alzbench.training.extractor import BATCH
from alzbench.training.predictor import probabilities

WARNING = "warning"
NOT_MEDICAL = "alzbench is a research tool and not a medical device. Its predictions must not guide any treatment."
_AHEAD = 4 * BATCH  # images that are decoded before the network needs them
_SEPARATOR = "; "

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """Predictions: `n` images, `K` classes.

    Attributes:
        classes: Names of the classes in label order.
        images: One row per image, in the order of the inputs: image, subject, slice ('' if unknown), predicted,
            `p_<class>` for each class, warning ('' if none).
        subjects: One row per subject with several images: subject, images (their number), predicted, `p_<class>`. The
            probabilities are the means of the images'.
        skipped: One row per file left out: image, reason.
        compared: True if the images were compared with the training images.
    """

    classes: tuple[str, ...]
    images: pd.DataFrame
    subjects: pd.DataFrame
    skipped: pd.DataFrame
    compared: bool

    def warnings(self) -> dict[str, int]:
        """Return the number of images of each warning, the most frequent first."""
        texts = self.images[WARNING]
        return dict(Counter(one for text in texts if text for one in text.split(_SEPARATOR)).most_common())


def predict(
    trained: TrainedRun,
    inputs: Inputs,
    progress: Progress,
    profile: Profile | None = None,
    skip_unreadable: bool = False,
) -> Predictions:
    """Predict images.

    Feature maps are rounded to float16 as in the run, so that the images of the run get the run's probabilities. Memory
    does not grow with the number of images, except for a model that classifies subjects: it holds one subject's.

    Args:
        trained: The run.
        inputs: The images.
        progress: Progress display.
        profile: Profile of the training images; None: images are not compared with them.
        skip_unreadable: True to leave unusable files out.

    Raises:
        DataError: Files are unusable and not left out, or all of them are; the message names them all. Or the profile
            is of another model.
    """
    channels = int(trained.model.prefix.output_shape[-1])
    if profile is not None and len(profile.mean) != channels:
        raise DataError(
            f"{trained.run.path / FILE} must be of the run's model, with {channels:,} features; it has "
            f"{len(profile.mean):,}. Remove this file, or repeat the run with --force."
        )
    stream = _Stream(trained, profile, skip_unreadable)
    bad = [(str(row.image), str(row.reason)) for row in inputs.bad.itertuples()]
    stream.stopped = bool(bad) and not skip_unreadable
    ordered = _order(inputs.files, by_subject=trained.model.slices is not None)
    with progress.track("predicting", len(inputs.images)) as advance:
        bad += stream.run([inputs.files[k] for k in ordered], advance)
    if bad and (not skip_unreadable or not stream.rows):
        total = len(inputs.files) + len(inputs.bad)
        raise DataError(
            f"Every image must be readable; {len(bad)} of {total} files are not:\n"
            f"{image_list([f'{name}: {reason}' for name, reason in bad], limit=50)}\n"
            "Replace them, or leave them out with --skip-unreadable."
        )
    images = _table(stream, inputs.images, trained.classes)
    skipped = pd.DataFrame(bad, columns=["image", "reason"], dtype=str)
    return Predictions(trained.classes, images, _by_subject(images), skipped, profile is not None)


def _order(files: Sequence[InputFile], by_subject: bool) -> list[int]:
    """Return the order in which files are read: all files of a subject together, if the model classifies subjects."""
    if not by_subject:
        return list(range(len(files)))
    first: dict[str, int] = {}
    keys = [first.setdefault(file.images[0].subject or f"\0{k}", k) for k, file in enumerate(files)]
    return sorted(range(len(files)), key=keys.__getitem__)


class _Stream:
    """Images on their way through the network.

    Attributes:
        rows: The predicted images, with the probabilities (K,) and the warnings of each.
        stopped: True after an unusable file that is not left out: the other files are only checked.
    """

    def __init__(self, trained: TrainedRun, profile: Profile | None, skip_unreadable: bool) -> None:
        self._trained, self._profile, self._skip = trained, profile, skip_unreadable
        self._decoded: list[tuple[InputImage, DecodedImage]] = []
        self._features: list[npt.NDArray[np.float16]] = []
        self._waiting: list[InputImage] = []  # of `_features`
        self._reasons: list[list[str]] = []
        self.rows: dict[str, tuple[Float, str]] = {}
        self.stopped = False

    def run(self, files: Sequence[InputFile], advance: Advance) -> list[tuple[str, str]]:
        """Predict the images of the files, and return the name of each unusable file with the reason."""
        bad = []
        model = self._trained.model
        for file, decoded in _decode_ahead(files, model.size, model.channels):
            if isinstance(decoded, str):
                bad.append((file.name, decoded))
                self.stopped = self.stopped or not self._skip
            elif not self.stopped:
                self._decoded += zip(file.images, decoded, strict=True)
                while len(self._decoded) >= BATCH:
                    self._extract()
            advance(len(file.images))
        if not self.stopped:
            self._extract()
            self._classify(self._waiting)
        return bad

    def _extract(self) -> None:
        """Compute the feature maps of a batch, and predict the images whose subjects are complete."""
        batch, self._decoded = self._decoded[:BATCH], self._decoded[BATCH:]
        if not batch:
            return
        pixels = np.stack([image.pixels for _, image in batch])
        features = self._trained.features(pixels)
        self._features.append(features)
        self._waiting += [image for image, _ in batch]
        self._reasons += self._compare([image for _, image in batch], pixels, features)
        if self._trained.model.slices is None:
            self._classify(self._waiting)
        else:
            last = self._waiting[-1].subject
            complete = [image for image in self._waiting if not last or image.subject != last]
            if len(complete) >= BATCH:
                self._classify(complete)

    def _compare(
        self, images: Sequence[DecodedImage], pixels: npt.NDArray[np.uint8], features: npt.NDArray[np.float16]
    ) -> list[list[str]]:
        """Return in what each image is unlike the training images."""
        if self._profile is None:
            return [[] for _ in images]
        measures = Measures(
            np.array([image.colour for image in images]),
            np.array([image.aspect for image in images]),
            grey_histograms(pixels),
            pooled(features),
        )
        return [[f"unlike the training images: {name}" for name in row] for row in self._profile.reasons(measures)]

    def _classify(self, images: Sequence[InputImage]) -> None:
        """Predict the first of the waiting images."""
        if not images:
            return
        n = len(images)
        features = np.concatenate(self._features)
        logits = self._trained.logits(features[:n], [image.subject for image in images], [i.slice for i in images])
        for image, row, reasons in zip(images, probabilities(logits), self._reasons, strict=False):
            self.rows[image.name] = (row, _SEPARATOR.join([*image.warnings, *reasons]))
        self._features, self._waiting, self._reasons = [features[n:]], self._waiting[n:], self._reasons[n:]


def _decode_ahead(
    files: Sequence[InputFile], size: int, channels: int
) -> Iterator[tuple[InputFile, list[DecodedImage] | str]]:
    """Yield each file with its images, in order; threads decode the next ones, at most `_AHEAD` images or one file."""
    pending: deque[tuple[InputFile, Future[list[DecodedImage] | str]]] = deque()
    ahead = 0
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for file in files:
                while pending and ahead + len(file.images) > _AHEAD:
                    done, result = pending.popleft()
                    ahead -= len(done.images)
                    yield done, result.result()
                pending.append((file, pool.submit(decode_file, file, size, channels)))
                ahead += len(file.images)
            while pending:
                done, result = pending.popleft()
                yield done, result.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _table(stream: _Stream, images: Sequence[InputImage], classes: Sequence[str]) -> pd.DataFrame:
    """Return the predictions table of the predicted images, in the order of the inputs."""
    kept = [image for image in images if image.name in stream.rows]
    rows = np.array([stream.rows[image.name][0] for image in kept]).reshape(len(kept), len(classes))
    table = pd.DataFrame(
        {
            "image": [image.name for image in kept],
            "subject": [image.subject for image in kept],
            "slice": [image.slice for image in kept],
            "predicted": np.array(classes, dtype=object)[rows.argmax(axis=1)],
        }
    )
    columns = {PREFIX + name: rows[:, k] for k, name in enumerate(classes)}
    return table.assign(**columns, **{WARNING: [stream.rows[image.name][1] for image in kept]})


def _by_subject(images: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each subject with several images."""
    counts = images.loc[images["subject"] != "", "subject"].value_counts()
    several = counts.index[counts > 1]
    rows = images[images["subject"].isin(several)].drop(columns=WARNING)
    combined = combine(rows.assign(label=rows["predicted"]), "mean").drop(columns=["image", "slice", "label"])
    combined.insert(1, "images", counts.reindex(combined["subject"]).to_numpy(int))
    return combined
