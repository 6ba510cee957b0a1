"""The document of an audit, and a figure of test images and their nearest training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alzbench import __version__
from alzbench.data.audit import Audit
from alzbench.data.duplicates import NEAR_COPY
from alzbench.data.groups import CorrectedSplit
from alzbench.data.images import decode_image
from alzbench.data.protocols import PARTS
from alzbench.data.unused import unused_text
from alzbench.drawing import PlainFigure
from alzbench.errors import DataError
from alzbench.report.columns import COUNT, SHARE_OF_MANY
from alzbench.report.document import Cell, Column, Document, Section, Table, and_more, make_table

SAMPLES = 8
_MOST = 10  # label conflicts that the terminal lists
_SIZE = 160
_TOO_LONG = ("pairs", "cluster")


def audit_document(audit: Audit, more: Sequence[str] = ()) -> Document:
    """Return the document of an audit, the most serious finding last, and `more` notes below."""
    fold = "" if audit.fold is None else f", fold {audit.fold}"
    notes = [*_uses(audit), f"subjects found by: {', '.join(f'{by} {n:,}' for by, n in audit.subject_by.items())}"]
    if audit.unknown:
        notes.append(f"of unknown subject: {_first(audit.unknown)}")
    notes += _duplicates(audit)
    if audit.agreement is not None:
        notes.append(f"share of slices whose most similar next slice is of the same subject: {audit.agreement:.4f}")
    tables = (_counts("images", audit.images), _counts("subjects", audit.subjects))
    section = Section(
        f"{audit.protocol} protocol, seed {audit.seed}{fold}", tables=tables, notes=(*notes, *findings(audit), *more)
    )
    data = {field.name: getattr(audit, field.name) for field in fields(audit) if field.name not in _TOO_LONG}
    data |= {name: data[name].to_dict(orient="index") for name in ("images", "subjects")}
    return Document("Audit", f"alzbench {__version__}", (section,), data={**data, "leaks": audit.leaks})


def split_notes(corrected: CorrectedSplit, file: Path) -> list[str]:
    """Return notes on a corrected split that was written to a file."""
    counts = corrected.table["split"].value_counts()
    parts = ", ".join(f"{counts[part]:,} {part}" for part in PARTS)
    notes = [
        f"split without leakage written to {file}: {parts}; use it with --set data.subjects={file} --set "
        "protocol.name=given"
    ]
    if corrected.contradictory:
        notes.append(
            f"not in this split, as they are copies of images of another class: {_first(corrected.contradictory)}"
        )
    return notes


def _uses(audit: Audit) -> list[str]:
    """Return a note on the images that are not in the set, and on those that the protocol leaves unused."""
    number, outside = sum(audit.subject_by.values()), sum(int(row["images"]) for row in audit.left_out)
    notes = [f"images: {number:,} in the set, {f'{outside:,} left out' if outside else 'none left out'}"]
    notes += [f"left out: {row['images']:,} in {row['folder']}: {row['reason']}" for row in audit.left_out]
    return [*notes, *([f"not used by the protocol: {unused_text(audit.unused)}"] if audit.unused else [])]


def _duplicates(audit: Audit) -> list[str]:
    """Return notes on the copies in the split, and on the clusters of images whose subject is unknown."""
    counts = audit.duplicates
    notes = []
    for exact, name in ((True, "exact"), (False, "near")):
        copies = counts[counts["exact"] == exact]
        if len(copies):
            kinds = [
                f"{row.images:,} within {'a class' if row.same_class else 'two classes'} and "
                f"{'one part' if row.same_part else 'two parts'}"
                for row in copies.itertuples()
            ]
            notes.append(f"images with {name} copies: {'; '.join(kinds)}")
    known = audit.cluster[audit.cluster != ""]
    if len(known):
        sizes = known.value_counts()
        notes.append(
            f"images of unknown subject: {len(known):,}, in {len(sizes):,} groups that look like one subject; the "
            f"largest has {sizes.max():,} images"
        )
    return notes


def _first(names: Sequence[str]) -> str:
    more = [and_more(len(names) - _MOST)] if len(names) > _MOST else []
    return ", ".join([*names[:_MOST], *more])


def findings(audit: Audit) -> list[str]:
    """Return a sentence for each finding."""
    leak, n = audit.leakage, audit.leakage.test_images
    sentences = []
    for row in audit.label_conflicts.head(_MOST).itertuples():
        sentences.append(f"label conflict: {row.what} has {row.images} images labelled {row.labels}: {row.files}")
    if len(audit.label_conflicts) > _MOST:
        sentences.append(f"{and_more(len(audit.label_conflicts) - _MOST)} label conflicts")
    for fold, names in audit.untestable.items():
        sentences.append(f"fold {fold} has no test subject of {', '.join(names)}, so it cannot test this class")
    if audit.protocol == "given":
        untested = [str(name) for name, count in audit.images["test"].items() if not count]
        if untested:
            sentences.append(f"the test part has no image of {', '.join(untested)}")
        if leak.shared_subjects and audit.refused:
            sentences.append("`alzbench run` refuses this split unless protocol.allow_leakage is true")
    if leak.unknown:
        sentences.append(f"{leak.unknown:,} of {n:,} test images may leak, because subjects are unknown")
    if audit.look_alikes:
        sentences.append(
            f"{audit.look_alikes:,} of {n:,} test images look like a subject with images in training or validation"
        )
    sentences += [
        f"{audit.exact_copies:,} of {n:,} test images have an exact copy in training or validation",
        f"{audit.near_copies:,} of {n:,} have a near copy there (similarity of {NEAR_COPY} or more)",
        f"{leak.same_slice:,} of {n:,} have a copy of the same slice there ({_share(leak.same_slice, n)} %)",
        f"{leak.same_subject:,} of {n:,} are of a subject with images there ({_share(leak.same_subject, n)} %)",
    ]
    return sentences


def nearest_figure(audit: Audit, paths: pd.Series[str]) -> Figure:
    """Draw sample test images above their most similar training image.

    Args:
        audit: The findings.
        paths: Path of each image, by its name.

    Raises:
        DataError: An image can no longer be read.
    """
    order = audit.nearest.sort_values("similarity", ascending=False, ignore_index=True)
    # evenly spread from the most to the least similar
    chosen = order.iloc[np.unique(np.linspace(0, len(order) - 1, SAMPLES).astype(int))]
    figure = PlainFigure(figsize=(1.6 * len(chosen), 4.2), layout="constrained")
    axes = figure.subplots(2, len(chosen), squeeze=False)
    for column, row in zip(axes.T, chosen.itertuples(), strict=True):
        for cell, image in zip(column, (row.image, row.nearest), strict=True):
            cell.imshow(_read(paths[str(image)]), cmap="gray", vmin=0, vmax=255)
            cell.set_xticks([])
            cell.set_yticks([])
            cell.set_title(Path(str(image)).name[:20], fontsize=6)
        column[1].set_xlabel(f"similarity {row.similarity:.3f}", fontsize=8)
    axes[0, 0].set_ylabel("test")
    axes[1, 0].set_ylabel("nearest in training")
    figure.suptitle(f"{audit.protocol} protocol: test images and the most similar image of training or validation")
    return figure


def _read(path: str) -> Any:
    result = decode_image(path, _SIZE, 1)
    if isinstance(result, str):
        raise DataError(f"{path}: {result}.")
    return result[0][..., 0]


def _counts(title: str, counts: pd.DataFrame) -> Table:
    columns = [Column("class", "class"), *(Column(part, part, COUNT) for part in counts.columns)]
    return make_table(title, columns, [{"class": str(name), **row} for name, row in counts.iterrows()])


def _share(part: int, whole: int) -> str:
    return SHARE_OF_MANY.text(Cell(part / whole))
