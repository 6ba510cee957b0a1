"""What of a split's test images training and validation have seen."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

NOT_EXCLUDED = "leakage cannot be excluded"  # so begins what is said where nobody knows


@dataclass(frozen=True)
class Leakage:
    """Counts over the test images of a split.

    Attributes:
        test_images: How many there are.
        same_subject: Those with an image of the same subject in training or validation.
        same_slice: Those with an image of the same slice of the same subject there, such as an augmented copy.
        unknown: Those that cannot be cleared: their own subject is not known, or that of some training image is not.
        shared_subjects: Subjects on both sides, sorted.
    """

    test_images: int
    same_subject: int
    same_slice: int
    unknown: int
    shared_subjects: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What to say of the split, without a full stop; empty where no test subject was seen."""
        if self.same_subject:
            copies = f", {self.same_slice:,} of them as a copy of the very slice" if self.same_slice else ""
            return f"{self.same_subject:,} of {self.test_images:,} test images are of subjects seen in training{copies}"
        if self.unknown:
            return f"{NOT_EXCLUDED}: the subjects are not known for {self.unknown:,} test images"
        return ""


def measure_leakage(split: pd.DataFrame) -> Leakage:
    """Count what the test images of a split share with its other images; see `protocols.make_split`."""
    test, seen = split[split["part"] == "test"], split[split["part"] != "test"]
    known = test[test["subject"] != ""]
    shared = known[known["subject"].isin(set(seen["subject"]))]
    slices = set(zip(seen["subject"], seen["slice"], strict=True))
    copies = [
        (subject, number) in slices and number != ""
        for subject, number in zip(shared["subject"], shared["slice"], strict=True)
    ]
    seen_all_known = bool((seen["subject"] != "").all())
    unknown = len(test) - len(known) if seen_all_known else len(test) - len(shared)
    return Leakage(len(test), len(shared), sum(copies), unknown, tuple(sorted(set(shared["subject"]))))
