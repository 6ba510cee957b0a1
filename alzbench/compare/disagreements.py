"""Where experiments disagree: the images, and with them the subjects, about which not all of them answer the same."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from alzbench.compare.table import Comparison, Group
from alzbench.store import read_run


def disagreements(comparison: Comparison) -> pd.DataFrame:
    """Return a row an image that the experiments of a group answer differently, from the first seed they all have.

    Returns:
        Columns protocol, data, seed, image, subject, slice, label, and each experiment's answer; those of other groups
        are empty. Sanity rows, and experiments without predictions, are left out.
    """
    tables = [table for group in comparison.groups if (table := _of_group(group)) is not None]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["protocol", "image"])


def _of_group(group: Group) -> pd.DataFrame | None:
    rows = [row for row in group.rows if not row.sanity and row.seeds]
    seeds = set.intersection(*(set(row.seeds) for row in rows)) if len(rows) > 1 else set()
    if not seeds:
        return None
    seed = min(seeds)
    answers = {row.label: table for row in rows if (table := _answers(row.folders, seed)) is not None}
    if len(answers) < 2:
        return None
    about = next(iter(answers.values()))[["subject", "slice", "label"]]
    chosen = pd.DataFrame({label: table["predicted"] for label, table in answers.items()})
    differ = chosen.nunique(axis=1, dropna=False) > 1
    found = about.join(chosen)[differ].reset_index()
    found.insert(0, "protocol", group.protocol)
    found.insert(1, "data", group.data)
    found.insert(2, "seed", seed)
    return found


def _answers(folders: tuple[str, ...], seed: int) -> pd.DataFrame | None:
    """Return the predictions of one seed, all folds together, by image; None where some are not there."""
    runs = [run for run in map(read_run, map(Path, folders)) if run.card.seed == seed]
    if not all((run.path / "predictions.csv").is_file() for run in runs):
        return None
    return pd.concat([run.table("predictions.csv") for run in runs]).set_index("image")
