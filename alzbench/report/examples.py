"""The explained images that figures show: chosen, and read with their maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from alzbench.report.names import run_names
from alzbench.store import Run
from alzbench.store.explanation import Explanation, labels

SHOWN = 6  # images that pages show side by side

Map = npt.NDArray[np.floating]  # (h, w), in [0, 1]
Pixels = npt.NDArray[np.uint8]  # (height, width) or (height, width, 3)


@dataclass(frozen=True)
class Example:
    """An explained image: its names, its classes, the probability of the predicted one, its pixels, and its maps."""

    image: str
    subject: str
    label: str
    predicted: str
    confidence: float
    picture: Pixels
    maps: Mapping[str, Map]

    @property
    def right(self) -> bool:
        """True if the prediction is right."""
        return self.label == self.predicted


@dataclass(frozen=True)
class ExplainedRun:
    """A run with its stored explanation.

    Attributes:
        run, explanation: Both.
        name: Its name, as short as the runs beside it allow.
    """

    run: Run
    explanation: Explanation
    name: str

    @cached_property
    def classes(self) -> list[str]:
        """The classes in label order."""
        known = self.run.evaluation().images.classes if self.run.is_scored else []
        images = self.explanation.images
        return list(dict.fromkeys([*known, *images["label"], *images["predicted"]]))

    @cached_property
    def methods(self) -> dict[str, str]:
        """Method -> its label."""
        return labels(self.explanation.contents.methods)

    @cached_property
    def one_by_subject(self) -> pd.DataFrame:
        """The images; of a model that classifies subjects only one a subject, the slice of the highest weight."""
        images, weights = self.explanation.images, self.explanation.slice_weights
        if not self.explanation.contents.subject:
            return images
        order = images if weights is None else images.iloc[np.argsort(-weights, kind="stable")]
        return order.drop_duplicates("subject").sort_index()


def explained_runs(runs: Sequence[tuple[Run, Explanation]]) -> list[ExplainedRun]:
    """Return runs with their explanations under names that differ."""
    names = run_names([run.card for run, _ in runs])
    return [ExplainedRun(run, explanation, name) for (run, explanation), name in zip(runs, names, strict=True)]


def choose_images(runs: Sequence[ExplainedRun], count: int = SHOWN) -> list[str]:
    """Return images that all runs explain, of all classes and of different subjects, where there are enough.

    Half of them are wrong in the first run, and the most confident predictions come first. Raises DataError if the
    slice weights of the first run are damaged.
    """
    common = set.intersection(*(set(run.explanation.images["image"]) for run in runs))
    first = runs[0].one_by_subject
    ordered = first[first["image"].isin(common)].sort_values(["confidence", "image"], ascending=[False, True])
    records = ordered[["image", "subject", "label", "predicted"]].to_dict("records")
    chosen: list[str] = []
    seen: set[str] = set()
    for once in (True, False):  # a subject twice only where no other is left
        turn, found = 0, True
        while found:
            found = False
            for k, name in enumerate(runs[0].classes):
                wrong = (k + turn) % 2 == 0
                waiting = [
                    row
                    for row in records
                    if row["label"] == name and row["image"] not in chosen
                    if not (once and row["subject"] and row["subject"] in seen)
                ]
                preferred = [row for row in waiting if (row["label"] != row["predicted"]) == wrong]
                for row in (preferred or waiting)[:1]:
                    if len(chosen) < count:
                        chosen.append(row["image"])
                        seen.add(row["subject"])
                        found = True
            turn += 1
    place = {row["image"]: runs[0].classes.index(row["label"]) for row in records}
    return sorted(chosen, key=place.__getitem__)


def with_common_images(runs: Sequence[ExplainedRun]) -> list[list[ExplainedRun]]:
    """Return the runs in groups that explain common images: one group if all do, and a run may be alone in one."""
    groups: list[tuple[list[ExplainedRun], set[str]]] = []
    for run in runs:
        own = set(run.explanation.images["image"])
        for members, common in groups:
            if len(common & own) >= min(SHOWN, len(own)):
                members.append(run)
                common &= own
                break
        else:
            groups.append(([run], own))
    return [members for members, _ in groups]


def choose_by_class(run: ExplainedRun, label: str, right: bool, count: int) -> list[str]:
    """Return images of a class that are predicted right or wrong, the most confident ones first."""
    images = run.one_by_subject
    chosen = images[(images["label"] == label) & ((images["label"] == images["predicted"]) == right)]
    ordered = chosen.sort_values(["confidence", "image"], ascending=[False, True])
    return [str(image) for image in ordered["image"].head(count)]


def read_examples(run: ExplainedRun, images: Sequence[str], methods: Sequence[str]) -> list[Example]:
    """Read explained images with their maps; raises DataError if a file is damaged."""
    explanation = run.explanation
    maps = {method: explanation.maps(method) for method in methods}
    examples = []
    for image in images:
        row = explanation.row_of(image)
        if row is None:
            raise KeyError(image)
        about = explanation.images.iloc[row]
        subject, label, predicted = (str(about[column]) for column in ("subject", "label", "predicted"))
        own = {method: of_all[row].astype(np.float32) for method, of_all in maps.items()}
        confidence, picture = float(about["confidence"]), explanation.picture(row)
        examples.append(Example(image, subject, label, predicted, confidence, picture, own))
    return examples


@dataclass(frozen=True)
class MapColumn:
    """A column of a figure: the maps of one method, of the same images as the other columns."""

    title: str
    method: str
    examples: Sequence[Example]


def columns_of_methods(run: ExplainedRun, images: Sequence[str]) -> list[MapColumn]:
    """Return a column for each method of a run; none without images. Raises DataError if a file is damaged."""
    examples = read_examples(run, images, list(run.methods))
    return [MapColumn(label, method, examples) for method, label in run.methods.items() if examples]


def columns_of_runs(runs: Sequence[ExplainedRun], images: Sequence[str], method: str) -> list[MapColumn]:
    """Return a column for each run that has maps of a method; none without images.

    Raises:
        DataError: A file is damaged.
    """
    with_method = [run for run in runs if method in run.methods]
    return [MapColumn(run.name, method, read_examples(run, images, [method])) for run in with_method if images]


@dataclass(frozen=True)
class ClassMean:
    """The mean of the images that are predicted as one class: the slice, and the map of each method."""

    name: str
    images: int
    picture: Pixels
    maps: Mapping[str, Map]


def mean_maps(run: ExplainedRun) -> list[ClassMean]:
    """Return the mean slice and maps of each class that is predicted, over the sample images; all if there are none.

    Raises:
        DataError: A file is damaged.
    """
    explanation = run.explanation
    images = explanation.images
    sample = images[images["group"] == "sample"] if (images["group"] == "sample").any() else images
    maps = {method: explanation.maps(method) for method in run.methods}
    means = []
    for name in run.classes:
        rows = [int(row) for row in sample.index[sample["predicted"] == name]]
        if not rows:
            continue
        of_class = {method: of_all[rows].mean(axis=0, dtype=np.float32) for method, of_all in maps.items()}
        means.append(ClassMean(name, len(rows), _mean_picture([explanation.picture(row) for row in rows]), of_class))
    return means


def _mean_picture(pictures: Sequence[Pixels]) -> Pixels:
    """Return the mean of images in grey, in the size of the first one."""
    height, width = pictures[0].shape[:2]
    same = [np.asarray(Image.fromarray(one).convert("L").resize((width, height)), np.float32) for one in pictures]
    mean: Pixels = np.mean(same, axis=0).round().astype(np.uint8)
    return mean
