"""A corrected split of real images whose names say nothing, judged by their true subjects."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alzbench.data.audit import audit
from alzbench.data.groups import corrected_split
from alzbench.data.manifest import open_image_set
from alzbench.experiment import DataSettings
from alzbench.experiment.protocols import GivenProtocol, SliceProtocol
from alzbench.progress import Progress

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("real_environment")]


def test_a_split_without_ids_keeps_the_true_subjects_apart(
    real_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = open_image_set(DataSettings(source=str(real_set), size=32), Progress()).manifest
    true = true[true["part"] == "original"].reset_index(drop=True)
    # the slice table knows these images, so without this their subjects would be found by content
    monkeypatch.setattr(
        "alzbench.data.subjects._match", lambda rows, _: rows.assign(certain=False, subject="", slice="")
    )
    for place, row in zip(np.random.default_rng(0).permutation(len(true)), true.itertuples(), strict=True):
        target = tmp_path / "set" / f"class {row.label}" / f"{place:05d} x.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(row.path, target)
        true.loc[row.Index, "name"] = f"class {row.label}/{target.name}"
    settings = {"source": str(tmp_path / "set"), "size": 32}
    images = open_image_set(DataSettings.model_validate(settings), Progress())
    protocol = SliceProtocol(name="slice")
    before = audit(images, protocol, 0, None, Progress())
    assert before.look_alikes == before.leakage.test_images == before.leakage.unknown
    split = corrected_split(images, before.cluster, before.pairs, protocol, 0)
    subject = true.set_index("name")["subject"]
    parts = split.table.groupby(subject.loc[split.table["image"]].to_numpy())["split"].nunique()
    assert parts.tolist() == [1] * 200
    assert split.table["subject"].nunique() == 200
    split.table.to_csv(tmp_path / "split.csv", index=False)
    settings["subjects"] = str(tmp_path / "split.csv")
    again = open_image_set(DataSettings.model_validate(settings), Progress())
    after = audit(again, GivenProtocol(name="given"), 0, None, Progress())
    assert not after.leaks
    assert after.images.sum().to_dict() == pd.Series(split.table["split"]).value_counts().to_dict()
