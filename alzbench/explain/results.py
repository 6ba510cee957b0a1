"""Results of checks: measured values of single images as a mean, a baseline, a paired difference, and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.evaluation.means import mean_interval
from alzbench.explain.inputs import Inputs, Maps
from alzbench.store.explanation import Check, Estimate, Verdict

Values = npt.NDArray[np.floating]

# (name of a method, inputs) -> its maps; None where the model has nothing to map
ComputeMaps = Callable[[str, Inputs], "Maps | None"]
# (value, baseline, difference) -> verdict and sentence
Judge = Callable[[Estimate, Estimate, Estimate], "tuple[Verdict, str]"]


@dataclass(frozen=True)
class Other:
    """Another run whose maps of the same images are compared.

    Attributes:
        kind: What differs: its `seed`, or its `variant`.
        name: Name of the run.
        inputs: The same images and targets for its model.
    """

    kind: str
    name: str
    inputs: Inputs


@dataclass(frozen=True)
class Checked:
    """What the checks of one run get: `n` images that were chosen without looking at predictions.

    Attributes:
        inputs: The images.
        maps: Method -> its maps (n, h, w).
        images: Names and subjects of the images: image, subject.
        compute: Computes maps for other models or images.
        others: Other runs on the same images.
        source: The source of the images, `data.source` of the experiment.
    """

    inputs: Inputs
    maps: Mapping[str, Maps]
    images: pd.DataFrame
    compute: ComputeMaps
    others: Sequence[Other] = ()
    source: str = ""

    @property
    def subjects(self) -> list[str]:
        """The subject of each image."""
        return self.images["subject"].tolist()


@dataclass(frozen=True)
class Measured:
    """Values (n,) of the images, and of what they are compared with."""

    values: Values
    baseline: Values
    bounds: tuple[float, float] = (0.0, 1.0)


def make_check(
    name: str,
    method: str,
    label: str,
    against: str,
    measured: Measured,
    subjects: Sequence[str],
    judge: Judge,
    steps: Mapping[str, float] | None = None,
) -> Check | None:
    """Return the result of a check; None with too few subjects for an interval.

    Args:
        name, method, label, against, steps: See `Check`.
        measured: The values of the images.
        subjects: The subject of each image.
        judge: Decides the verdict and words it.
    """
    low, high = measured.bounds
    paired = measured.values - measured.baseline
    defined = np.isfinite(paired)  # all three rest on the same images
    value, baseline, difference = (
        mean_interval(np.where(defined, values, np.nan), subjects, bounds)
        for values, bounds in (
            (measured.values, measured.bounds), (measured.baseline, measured.bounds), (paired, (low - high, high - low))
        )
    )  # fmt: skip
    if value is None or baseline is None or difference is None:
        return None
    estimates = [Estimate.of(interval) for interval in (value, baseline, difference)]
    verdict, sentence = judge(*estimates)
    return Check(
        name=name, method=method, label=label, value=estimates[0], baseline=estimates[1], difference=estimates[2],
        against=against, verdict=verdict, sentence=sentence, images=int(defined.sum()), subjects=value.clusters,
        steps=dict(steps or {}),
    )  # fmt: skip


def more_than(difference: Estimate) -> Verdict:
    """Return `passed` if a difference is shown to be positive, `failed` if negative, else `unclear`."""
    if difference.low is not None and difference.low > 0:
        return "passed"
    return "failed" if difference.high is not None and difference.high < 0 else "unclear"
