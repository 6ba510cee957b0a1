"""The predictions table: the contract between training and everything after it.

One row per image: image (name), subject and slice (empty if unknown), label (class name), predicted (class name), and
`p_<class>` for each class, the probability in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

PREFIX = "p_"


def make_table(split: pd.DataFrame, probabilities: npt.NDArray[np.float64], classes: Sequence[str]) -> pd.DataFrame:
    """Return the table of the images of `split` (columns image, label, subject, slice).

    Args:
        split: n rows.
        probabilities: (n, K), each row summing to 1.
        classes: K names in label order.
    """
    names = np.array(classes, dtype=object)
    table = pd.DataFrame(
        {
            "image": split["image"].to_numpy(),
            "subject": split["subject"].to_numpy(),
            "slice": split["slice"].to_numpy(),
            "label": names[split["label"].to_numpy()],
            "predicted": names[probabilities.argmax(axis=1)],
        }
    )
    return table.assign(**{PREFIX + name: probabilities[:, k] for k, name in enumerate(classes)})


def class_names(table: pd.DataFrame) -> list[str]:
    """Return the class names of a table, in label order."""
    return [column.removeprefix(PREFIX) for column in table.columns if column.startswith(PREFIX)]


def probabilities(table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the probabilities (n, K) of a table, with the classes in label order."""
    return table[[PREFIX + name for name in class_names(table)]].to_numpy(np.float64)


def mean_predictions(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the first of several tables, of the same images in the same order, with the mean probabilities of all."""
    names = class_names(tables[0])
    mean = np.mean([probabilities(table) for table in tables], axis=0)
    return tables[0].assign(
        predicted=np.array(names, dtype=object)[mean.argmax(axis=1)],
        **{PREFIX + name: mean[:, k] for k, name in enumerate(names)},
    )


def with_confidence(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the highest probability of each row, and True if its prediction is right."""
    return table.assign(confidence=probabilities(table).max(axis=1), right=table["label"] == table["predicted"])


def errors(table: pd.DataFrame, confident: bool = True) -> pd.DataFrame:
    """Return the rows of a table that are predicted wrong, with their confidence.

    Args:
        table: The predictions.
        confident: Sort them, the most confident ones first; without it, as for labels without probabilities, they keep
            their order.
    """
    predictions = with_confidence(table)
    wrong = predictions[~predictions["right"]]
    return wrong.sort_values(["confidence", "image"], ascending=[False, True]) if confident else wrong


def with_classes(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return a table with other class names in the same order: runs on the same images may spell them differently.

    Raises:
        ValueError: The table has another number of classes.
    """
    own = class_names(table)
    if own == list(classes):
        return table
    if len(own) != len(classes):
        raise ValueError(f"its classes must be as many as {', '.join(classes)}; it has {', '.join(own)}")
    names = dict(zip(own, classes, strict=True))
    renamed = table.rename(columns={PREFIX + name: PREFIX + other for name, other in names.items()})
    return renamed.assign(label=table["label"].map(names), predicted=table["predicted"].map(names))


def check_table(table: pd.DataFrame) -> None:
    """Raise ValueError if a table is not a predictions table."""
    missing = [name for name in ("image", "subject", "slice", "label", "predicted") if name not in table]
    classes = class_names(table)
    if missing or not classes:
        raise ValueError(f"it has no column {missing[0] if missing else PREFIX + '<class>'}")
    for column in ("label", "predicted"):
        unknown = table.loc[~table[column].isin(classes), column]
        if len(unknown):
            raise ValueError(f"{column} {unknown.iloc[0]!r} is not one of its classes")
    for column in (PREFIX + name for name in classes):
        if not (pd.api.types.is_numeric_dtype(table[column]) and np.isfinite(table[column]).all()):
            raise ValueError(f"{column} must hold finite numbers")
