"""Groups of images that must stay in one part: those of one subject, copies, and those that look like one subject."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from alzbench.data.clusters import cluster
from alzbench.data.manifest import ImageSet
from alzbench.data.parts import AUGMENTED, ORIGINAL
from alzbench.data.protocols import make_split
from alzbench.data.subjects import image_signatures
from alzbench.data.volumes import volume_of
from alzbench.errors import DataError
from alzbench.experiment.protocols import ProtocolSettings, SubjectProtocol
from alzbench.progress import Progress
from alzbench.seeds import derive

CLUSTER = "cluster-"


@dataclass(frozen=True)
class CorrectedSplit:
    """A split that keeps subjects, copies and look-alikes in one part.

    Attributes:
        table: One row per image: image, subject, slice, split, the covariates, and label if the labels of the set are
            described too. It can be given as `data.subjects`, with the protocol `given`. Of a set of volumes, one row
            per volume, without slice.
        contradictory: Images (or volumes) that are left out because they are copies of images of another class.
    """

    table: pd.DataFrame
    contradictory: list[str]


def find_clusters(manifest: pd.DataFrame, progress: Progress) -> pd.Series[str]:
    """Return the cluster of each image whose subject is unknown, as `cluster-1`; '' for the others and augmented ones.

    See `clusters` for how certain this is.

    Args:
        manifest: See `manifest.ImageSet`.
        progress: Progress display.
    """
    unknown = manifest[(manifest["subject"] == "") & (manifest["part"] != AUGMENTED)]
    if unknown.empty:
        return pd.Series("", index=manifest.index, dtype=str)
    numbers = cluster(image_signatures(unknown, progress), progress)
    names = pd.Series([f"{CLUSTER}{number + 1}" for number in numbers], index=unknown.index, dtype=str)
    return names.reindex(manifest.index, fill_value="")


def corrected_split(
    images: ImageSet,
    clusters: pd.Series[str],
    pairs: pd.DataFrame,
    settings: ProtocolSettings,
    seed: int,
    of_volumes: bool = False,
) -> CorrectedSplit:
    """Split a set by subject, with copies and look-alikes as if they were of one subject.

    Args:
        images: The set.
        clusters: See `find_clusters`.
        pairs: See `duplicates.find_duplicates`.
        settings: The shares are those of the protocol `subject`; for another protocol, its default shares.
        seed: Seed of the split.
        of_volumes: True if the images are slices of volumes.

    Raises:
        DataError: There are too few groups for three parts.
    """
    crossing = set(pairs.loc[~pairs["same_class"], ["image", "other"]].to_numpy().ravel())
    manifest = images.manifest[images.manifest["part"] != AUGMENTED]
    names = manifest["image"].map(volume_of) if of_volumes else manifest["image"]
    left_out = names.isin(set(names[manifest["image"].isin(crossing)]))
    contradictory = sorted(set(names[left_out]))
    manifest = manifest[~left_out]
    grouped = manifest.assign(subject=_groups(manifest, clusters, pairs), part=ORIGINAL)
    shares = settings if isinstance(settings, SubjectProtocol) else SubjectProtocol(name="subject")
    try:
        split = make_split(grouped, shares, derive(seed if shares.split_seed is None else shares.split_seed, "split"))
    except DataError as error:
        raise DataError(f"A corrected split needs at least three subjects or groups of copies. {error}") from None
    table = split[["image", "subject", "slice", "part"]].rename(columns={"part": "split"}).join(images.covariates)
    if images.labels_described:
        table["label"] = np.array(images.classes, dtype=object)[split["label"]]
    if of_volumes:  # as data.subjects describes them
        table = table.assign(image=names).drop(columns="slice").drop_duplicates("image")
    return CorrectedSplit(table.reset_index(drop=True), contradictory)


def _groups(manifest: pd.DataFrame, clusters: pd.Series[str], pairs: pd.DataFrame) -> pd.Series[str]:
    """Return the name of each image's group: its subject or cluster, or the first one of those that copies join."""
    names = manifest["subject"].where(manifest["subject"] != "", clusters.loc[manifest.index])
    place = pd.Series(np.arange(len(manifest)), index=manifest["image"])
    copies = pairs[pairs["image"].isin(place.index) & pairs["other"].isin(place.index)]
    links = [(place[image], place[other]) for image, other in zip(copies["image"], copies["other"], strict=True)]
    for rows in pd.Series(np.arange(len(manifest))).groupby(names.to_numpy()).groups.values():
        links += list(pairwise(rows))
    first, second = np.array(links, np.intp).reshape(-1, 2).T
    graph = csr_matrix((np.ones(len(links)), (first, second)), shape=(len(manifest), len(manifest)))
    component = connected_components(graph, directed=False)[1]
    return names.groupby(component).transform("min")
