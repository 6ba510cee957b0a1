"""The audit of an image set under a protocol: its subjects, label conflicts and train/test leakage."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from alzbench.data.described import SOURCES
from alzbench.data.duplicates import COLUMNS as DUPLICATES
from alzbench.data.duplicates import NEAR_COPY, count_duplicates, find_duplicates
from alzbench.data.files import count_left_out
from alzbench.data.groups import find_clusters
from alzbench.data.leakage import Leakage, measure_leakage
from alzbench.data.manifest import ImageSet, add_class_names
from alzbench.data.parts import AUGMENTED
from alzbench.data.protocols import PARTS, UNUSED, split_of_run, split_seed
from alzbench.data.signature import encode, similarities, whitening
from alzbench.data.subjects import adjacent_agreement, image_signatures
from alzbench.data.unused import count_unused
from alzbench.experiment.protocols import GivenProtocol, ProtocolSettings
from alzbench.progress import Progress

_CHUNK = 512


@dataclass(frozen=True)
class Audit:
    """The audit of one split.

    Attributes:
        protocol: Name of the protocol.
        seed: Seed that decides the split.
        fold: Fold that is tested; None for a protocol without folds.
        subject_by: Number of images by the source of their subject: name, content, table, pattern, bids or unknown.
        agreement: Share of slices whose most similar next slice is of the same subject; None if no slices can be
            compared.
        images: Number of images, one row per class and one column per part.
        subjects: Number of known subjects, one row per class and one column per part.
        leakage: Train/test leakage by subject.
        exact_copies: Number of test images whose exact content is in training or validation too.
        near_copies: Number of test images whose nearest image has a similarity of NEAR_COPY or more.
        nearest: One row per test image: image, nearest (the most similar image of training and validation), similarity.
        label_conflicts: One row per content or subject with more than one label: what, images, labels, files (the first
            one with each label).
        untestable: Fold -> classes without a test subject, for a protocol with folds.
        unknown: Names of the images other than augmented ones whose subject is unknown.
        left_out: Images below the set's folder that are not in the set: folder, images (their number), reason.
        unused: Kind of image -> number of images of the set that the protocol leaves unused.
        duplicates: Number of images of the split that have copies in it, by kind; see `duplicates.count_duplicates`.
        pairs: All pairs of exact and near copies in the set, with the split's parts; see `duplicates.find_duplicates`.
        cluster: Cluster of each image of unknown subject, see `groups.find_clusters`; '' for the others.
        look_alikes: Number of test images of unknown subject with an image of their cluster in training or validation.
        refused: True if a run refuses a split with this leakage.
    """

    protocol: str
    seed: int
    fold: int | None
    subject_by: dict[str, int]
    agreement: float | None
    images: pd.DataFrame
    subjects: pd.DataFrame
    leakage: Leakage
    exact_copies: int
    near_copies: int
    nearest: pd.DataFrame
    label_conflicts: pd.DataFrame
    untestable: dict[int, list[str]]
    unknown: list[str] = field(default_factory=list)
    left_out: list[dict[str, str | int]] = field(default_factory=list)
    unused: dict[str, int] = field(default_factory=dict)
    duplicates: pd.DataFrame = field(default_factory=lambda: count_duplicates(pd.DataFrame(columns=DUPLICATES)))
    pairs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=DUPLICATES))
    cluster: pd.Series[str] = field(default_factory=lambda: pd.Series(dtype=str))
    look_alikes: int = 0
    refused: bool = False

    @property
    def leaks(self) -> bool:
        """True if training or validation has a copy of a test image, or another image of its subject or look-alike."""
        return bool(self.leakage.same_subject or self.exact_copies or self.look_alikes)


def audit(images: ImageSet, settings: ProtocolSettings, seed: int, fold: int | None, progress: Progress) -> Audit:
    """Audit the split of the runs of one seed and fold; a given split may leak here, so that the leakage is counted.

    Raises:
        DataError: The protocol cannot split the set.
    """
    refused = isinstance(settings, GivenProtocol) and not settings.allow_leakage
    if refused:
        settings = settings.model_copy(update={"allow_leakage": True})
    manifest = add_class_names(images.manifest, images.classes)
    split = split_of_run(images.manifest, settings, seed, fold)
    used = manifest.loc[split.index].assign(part=split["part"])
    test, others = used[used["part"] == "test"], used[used["part"] != "test"]
    nearest = _nearest(test, others, progress)
    clusters = find_clusters(manifest, progress)
    everywhere = manifest.assign(part=split["part"].reindex(manifest.index, fill_value=UNUSED))
    pairs = find_duplicates(everywhere, image_signatures(manifest, progress), progress)
    named = manifest["subject_by"].isin(["name", *SOURCES])
    originals = manifest[named & (manifest["part"] != AUGMENTED)]
    return Audit(
        protocol=settings.name,
        seed=split_seed(settings, seed),
        fold=fold,
        subject_by={str(by or "unknown"): int(n) for by, n in manifest["subject_by"].value_counts().items()},
        unknown=manifest.loc[(manifest["subject"] == "") & (manifest["part"] != AUGMENTED), "image"].tolist(),
        left_out=count_left_out(images.left_out),
        unused=count_unused(images.manifest, split, settings.name),
        agreement=adjacent_agreement(originals, progress),
        images=_count(used, images.classes, "image"),
        subjects=_count(used[used["subject"] != ""], images.classes, "subject"),
        leakage=measure_leakage(split),
        exact_copies=int(test["digest"].isin(set(others["digest"])).sum()),
        near_copies=int((nearest["similarity"] >= NEAR_COPY).sum()),
        nearest=nearest,
        label_conflicts=_label_conflicts(manifest),
        untestable=_untestable(images, settings, seed),
        duplicates=count_duplicates(pairs[pairs["image"].isin(used["image"]) & pairs["other"].isin(used["image"])]),
        pairs=pairs,
        cluster=clusters,
        look_alikes=int(clusters[test.index].isin(set(clusters[others.index]) - {""}).sum()),
        refused=refused,
    )


def _count(rows: pd.DataFrame, classes: list[str], column: str) -> pd.DataFrame:
    counts = rows.groupby(["class", "part"])[column].nunique().unstack(fill_value=0)
    return counts.reindex(index=classes, columns=list(PARTS), fill_value=0)


def _nearest(test: pd.DataFrame, others: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Return for each test image the most similar other image, with the similarity."""
    signatures, other_signatures = image_signatures(test, progress), image_signatures(others, progress)
    mean, basis = whitening(np.concatenate([signatures, other_signatures]))
    codes = encode(other_signatures, mean, basis)
    best = np.empty(len(test), np.int64)
    similarity = np.empty(len(test), np.float32)
    with progress.track("nearest training images", len(test)) as advance:
        for start in range(0, len(test), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            alike = similarities(signatures[chunk], codes, mean, basis)
            best[chunk], similarity[chunk] = alike.argmax(axis=1), alike.max(axis=1)
            advance(len(alike))
    names = others["image"].to_numpy()[best]
    return pd.DataFrame({"image": test["image"].to_numpy(), "nearest": names, "similarity": similarity})


def _label_conflicts(manifest: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for kind, column in (("content", "digest"), ("subject", "subject")):
        known = manifest[manifest[column] != ""]
        labels = known.groupby(column)["class"].agg(lambda values: sorted(set(values)))
        for key, classes in labels.items():
            if len(classes) == 1:
                continue
            members = known[known[column] == key]
            files = members.drop_duplicates("class")["image"].tolist()
            what = f"subject {key}" if kind == "subject" else f"the same picture as {files[0]}"
            rows.append({"what": what, "images": len(members), "labels": ", ".join(classes), "files": ", ".join(files)})
    return pd.DataFrame(rows, columns=["what", "images", "labels", "files"])


def _untestable(images: ImageSet, settings: ProtocolSettings, seed: int) -> dict[int, list[str]]:
    missing = {}
    for fold in settings.test_folds:
        if fold is not None:
            split = split_of_run(images.manifest, settings, seed, fold)
            tested = set(split.loc[split["part"] == "test", "label"])
            missing[fold] = [name for label, name in enumerate(images.classes) if label not in tested]
    return {fold: names for fold, names in missing.items() if names}
