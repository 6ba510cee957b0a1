"""Train/test leakage: test images whose subject or slice is in training or validation too."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

NOT_EXCLUDED = "leakage cannot be excluded"  # start of the sentences on unknown leakage, which cards store


@dataclass(frozen=True)
class Leakage:
    """Train/test leakage of a split, counted in test images.

    Attributes:
        test_images: Number of test images.
        same_subject: Number of test images with an image of the same subject in training or validation.
        same_slice: Number of those with an image of the same slice, such as an augmented copy.
        unknown: Number of test images for which leakage cannot be excluded: their own subject, or that of an image in
            training or validation, is unknown.
        shared_subjects: Subjects both in test and in training or validation, sorted.
    """

    test_images: int
    same_subject: int
    same_slice: int
    unknown: int
    shared_subjects: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Sentence on known or possible leakage, without a full stop; empty if there is neither."""
        if self.same_subject:
            copies = f", {self.same_slice:,} of them as a copy of the very slice" if self.same_slice else ""
            return f"{self.same_subject:,} of {self.test_images:,} test images are of subjects seen in training{copies}"
        if self.unknown:
            return f"{NOT_EXCLUDED}: the subjects are not known for {self.unknown:,} test images"
        return ""


def measure_leakage(split: pd.DataFrame) -> Leakage:
    """Measure the train/test leakage of a split; see `protocols.make_split`."""
    test, others = split[split["part"] == "test"], split[split["part"] != "test"]
    known = test[test["subject"] != ""]
    shared = known[known["subject"].isin(set(others["subject"]))]
    slices = set(zip(others["subject"], others["slice"], strict=True))
    copies = [
        (subject, number) in slices and number != ""
        for subject, number in zip(shared["subject"], shared["slice"], strict=True)
    ]
    others_known = bool((others["subject"] != "").all())
    unknown = len(test) - len(known) if others_known else len(test) - len(shared)
    return Leakage(len(test), len(shared), sum(copies), unknown, tuple(sorted(set(shared["subject"]))))
