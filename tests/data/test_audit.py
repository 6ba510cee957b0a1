"""The audit, on sets with known leakage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from alzbench.data.audit import audit
from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.data.phantom import draw_phantom_set
from alzbench.experiment import DataSettings
from alzbench.experiment.protocols import ReferenceProtocol, SliceProtocol, SubjectFoldsProtocol, SubjectProtocol
from alzbench.progress import Progress
from alzbench.report.audit import audit_document, findings, nearest_figure
from alzbench.report.export import render_json

pytestmark = pytest.mark.usefixtures("shared_cache")


@pytest.fixture
def phantom(silent: Progress) -> ImageSet:
    return open_image_set(DataSettings(source="phantom", size=32), silent)


def test_reference_protocol_leaks_every_image(phantom: ImageSet, silent: Progress) -> None:
    result = audit(phantom, ReferenceProtocol(), 0, None, silent)
    assert result.leakage.same_subject == result.leakage.test_images == 252
    assert result.near_copies > 126
    assert result.leaks
    assert any("252 of 252 are of a subject with images there (100.0 %)" in text for text in findings(result))


def test_subject_protocol_does_not(phantom: ImageSet, silent: Progress) -> None:
    result = audit(phantom, SubjectProtocol(name="subject"), 0, None, silent)
    assert not result.leaks
    assert result.leakage.same_subject == result.leakage.unknown == result.exact_copies == 0
    assert result.subjects.loc["ModerateDemented"].sum() == 4


def test_nearest_is_another_slice_of_the_same_subject_under_slice(phantom: ImageSet, silent: Progress) -> None:
    result = audit(phantom, SliceProtocol(name="slice"), 0, None, silent)
    subject = phantom.manifest.set_index("image")["subject"]
    same = result.nearest["image"].map(subject) == result.nearest["nearest"].map(subject)
    assert same.mean() > 0.8


def test_folds_that_cannot_test_a_class_are_named(phantom: ImageSet, silent: Progress) -> None:
    result = audit(phantom, SubjectFoldsProtocol(name="subject_cv", folds=6), 0, 0, silent)
    missing = [fold for fold, names in result.untestable.items() if "ModerateDemented" in names]
    assert len(missing) == 2  # four subjects in six folds
    assert any("has no test subject of ModerateDemented" in text for text in findings(result))


def test_exact_copies_and_label_conflicts(tmp_path: Path, silent: Progress) -> None:
    root = tmp_path / "set"
    shutil.copytree(draw_phantom_set(silent), root)
    healthy = root / "OriginalDataset" / "NonDemented" / "NonDemented-subject01-slice01.png"
    shutil.copy(healthy, root / "AugmentedAlzheimerDataset" / "NonDemented" / "copied.png")
    shutil.copy(healthy, root / "AugmentedAlzheimerDataset" / "MildDemented" / "wrong.png")
    result = audit(
        open_image_set(DataSettings(source=str(root), size=32), silent), ReferenceProtocol(), 0, None, silent
    )
    assert result.exact_copies == 1
    (conflict,) = result.label_conflicts.to_dict(orient="records")
    assert conflict["what"] == "the same picture as AugmentedAlzheimerDataset/MildDemented/wrong.png"
    assert conflict["images"] == 3
    assert conflict["labels"] == "MildDemented, NonDemented"
    assert conflict["files"] == (
        "AugmentedAlzheimerDataset/MildDemented/wrong.png, AugmentedAlzheimerDataset/NonDemented/copied.png"
    )


def test_json_is_plain(phantom: ImageSet, silent: Progress) -> None:
    import json

    result = audit(phantom, SubjectProtocol(name="subject"), 0, None, silent)
    values = json.loads(render_json(audit_document(result)))
    assert values["leaks"] is False
    assert values["images"]["NonDemented"]["test"] == int(result.images.loc["NonDemented", "test"])
    assert len(values["nearest"]) == result.leakage.test_images


def test_figure_of_nearest_images(phantom: ImageSet, silent: Progress, tmp_path: Path) -> None:
    result = audit(phantom, ReferenceProtocol(), 0, None, silent)
    figure = nearest_figure(result, phantom.manifest.set_index("image")["path"])
    figure.savefig(tmp_path / "nearest.png")
    with Image.open(tmp_path / "nearest.png") as image:
        assert image.width > 800
    assert len(figure.axes) == 16
