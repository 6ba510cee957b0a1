"""The dark share on the real originals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alzbench.compare import compare
from alzbench.experiment import DataSettings, Experiment, ModelSettings
from alzbench.experiment.protocols import SubjectFoldsProtocol
from tests.helpers.running import run

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_the_untrained_dark_share_separates_demented_subjects_in_all_folds_together(
    real_set: Path, tmp_path: Path
) -> None:
    experiment = Experiment(
        name="dark",
        data=DataSettings(source=str(real_set)),
        protocol=SubjectFoldsProtocol(name="subject_cv"),
        model=ModelSettings(variant="dark_share"),
        seeds=[0],
    )
    runs = [outcome.run() for outcome in run(tmp_path, experiment)]
    (group,) = compare(runs, []).groups
    score = group.rows[0].scores["subject_demented_auc"]
    assert score.interval is not None
    ends = [score.mean, score.interval.low, score.interval.high]
    assert np.allclose(ends, [0.774, 0.708, 0.840], atol=0.003), ends
