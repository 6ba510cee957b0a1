"""Exports of each format: they predict as the run did, without alzbench, and a wrong one is refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.errors import DataError, ExperimentError, RunError
from alzbench.evaluation.predictions import probabilities
from alzbench.inference.export import export_run
from alzbench.inference.formats import FORMATS, Format
from alzbench.inference.trained import TrainedRun, open_trained_run
from alzbench.inference.verification import draw_sample, effect_of_rounding
from alzbench.progress import Progress
from alzbench.store import Run
from tests.helpers.trained import ATTENTION, train_tiny

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:You are using a softmax over axis:UserWarning"),
]

PHANTOM = {"data": {"source": "phantom"}, "protocol": {"name": "subject"}}
SUBJECTS = {"variant": "subject_attention", "options": {"units": 8, "key_dim": 8}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(autouse=True)
def cache(own_environment: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del own_environment  # only its order matters: this comes after it
    monkeypatch.setenv("ALZBENCH_CACHE", str(folder / "cache"))


def subjects(slices: int) -> dict[str, Any]:
    return {"model": {**SUBJECTS, "options": {**SUBJECTS["options"], "slices": slices}}, **PHANTOM}


KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "attention": {"model": ATTENTION},
    "rgb": {"data": {"channels": 3, "scaling": "unit"}},
    "fine-tuned": {"model": ATTENTION, "fine_tune": {"first_block": "block_15", "epochs": 1}},
    "half": {"model": ATTENTION, "train": {"precision": "mixed_float16"}},
    "subject": subjects(6),  # a phantom subject has 6 slices
    "more-slices": subjects(7),
}
EXACT = [kind for kind in KINDS if kind != "half"]
CASES = [
    *((name, kind) for name in ("onnx", "litert") for kind in EXACT),
    *((name, kind) for name in ("keras", "savedmodel") for kind in ("attention", "subject")),
]
_trained: dict[str, Run] = {}


def trained(folder: Path, kind: str) -> TrainedRun:
    """Return a trained run of a kind, trained once."""
    if kind not in _trained:
        _trained[kind] = train_tiny(folder, kind, **KINDS[kind])
    return open_trained_run(_trained[kind])


def images_of(run: TrainedRun) -> ImageSet:
    return open_image_set(run.experiment.data, Progress())


def export(run: TrainedRun, name: str, path: Path, **options: Any) -> Any:
    return export_run(run, name, path, images_of(run), Progress(), **options)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_an_export_predicts_as_the_run_did(name: str, kind: str, folder: Path, tmp_path: Path) -> None:
    run, path = trained(folder, kind), tmp_path / f"model{FORMATS[name].ending}"
    exported = export(run, name, path)
    assert exported.difference <= 1e-4
    assert exported.filled == (kind == "more-slices")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    assert exported.bytes == sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())
    # the check itself, once more by other code: all test images, and one prediction at a time
    table, images = run.run.predictions(), images_of(run)
    predict, pixels = FORMATS[name].load(path), images.pixels.take(slice(None)).astype(np.float32)
    rows = images.manifest.reset_index(drop=True).set_index("image")
    number = {image: k for k, image in enumerate(rows.index)}
    if run.model.slices is None:
        for image, expected in list(zip(table["image"], probabilities(table), strict=True))[::5]:
            np.testing.assert_allclose(predict(pixels[[number[image]]])[0], expected, atol=1e-4)
    elif not exported.filled:
        for _, slices in list(table.groupby("subject"))[::3]:
            one = pixels[[number[image] for image in slices["image"]]][None]
            np.testing.assert_allclose(predict(one)[0], probabilities(slices)[0], atol=1e-4)


BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
import numpy as np
pixels = np.load({pixels!r})
{program}
np.save({out!r}, probabilities)
"""


@pytest.mark.parametrize("kind", ["attention", "subject"])
@pytest.mark.parametrize(
    ("name", "blocked"),
    [
        ("savedmodel", ["alzbench"]),
        ("onnx", ["alzbench", "keras", "tensorflow"]),
        ("litert", ["alzbench", "keras", "tensorflow"]),
    ],
)
def test_the_file_works_without_alzbench(
    name: str, blocked: list[str], kind: str, folder: Path, tmp_path: Path
) -> None:
    run, path = trained(folder, kind), tmp_path / f"model{FORMATS[name].ending}"
    export(run, name, path)
    sample = draw_sample(run, images_of(run))
    np.save(tmp_path / "pixels.npy", sample.pixels.astype(np.float32))
    code = BLOCKED.format(
        blocked=blocked, pixels=str(tmp_path / "pixels.npy"), out=str(tmp_path / "out.npy"),
        program=FORMATS[name].example.format(path=str(path)),
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), sample.expected, atol=1e-4)


def test_onnx_holds_the_classes_and_plain_names(folder: Path, tmp_path: Path) -> None:
    import onnxruntime

    export(trained(folder, "attention"), "onnx", tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["classes"]) == list(trained(folder, "attention").classes)
    assert facts["run"].startswith("attention/seed-0-")
    (given,), (returned,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape) == ("pixels", ["batch", 64, 64, 1])
    assert (returned.name, returned.shape) == ("probabilities", ["batch", 4])


def tampered(kind: Format) -> Any:
    """Return a writer that writes a model with changed weights."""

    def write(model: Any, path: Path, facts: Any) -> None:
        weights = model.get_weights()
        model.set_weights([*weights[:-1], weights[-1] + np.arange(len(weights[-1]))])
        kind.function(model, path, facts)
        model.set_weights(weights)

    return write


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_wrong_export_is_refused_and_the_former_one_stays(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, kind, path = trained(folder, "baseline"), FORMATS[name], tmp_path / f"model{FORMATS[name].ending}"
    with monkeypatch.context() as patch:
        patch.setitem(FORMATS._items, name, replace(kind, function=tampered(kind)))
        with pytest.raises(RunError, match=r"must predict as the run did, to 1e-04; it differs by .* was removed"):
            export(run, name, path)
        assert list(tmp_path.iterdir()) == []
        before = export_run(run, name, path, images_of(run), Progress(), limit=1.0)  # accepted, to be replaced below
        with pytest.raises(RunError):
            export(run, name, path)
        assert hashes(path) == set(before.files.values())
    good = export(run, name, path)
    assert hashes(path) == set(good.files.values()) != set(before.files.values())
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def hashes(path: Path) -> set[str]:
    files = [file for file in [path, *path.rglob("*")] if file.is_file()]
    return {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_writer_that_fails_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_model: Any, path: Path, _facts: Any) -> None:
        path.write_text("half")
        raise ValueError("an operation\nis not supported")

    monkeypatch.setitem(FORMATS._items, "onnx", replace(FORMATS["onnx"], function=fail))
    with pytest.raises(RunError, match=r"cannot be written as ONNX \(an operation is not supported\)"):
        export(trained(folder, "baseline"), "onnx", tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []
    assert "half" not in capfd.readouterr().err


def test_a_difference_by_rounding_names_the_option(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, "attention")
    images = images_of(run)
    effect = effect_of_rounding(run, draw_sample(run, images))
    assert 0 < effect < 1e-2
    table = run.run.table("predictions.csv")
    column = next(name for name in table.columns if name.startswith("p_"))
    changed = table.assign(**{column: table[column] + effect})
    original = (run.run.path / "predictions.csv").read_text()
    changed.to_csv(run.run.path / "predictions.csv", index=False)
    try:
        with pytest.raises(RunError, match=r"It may be sound: .*--max-difference 0\.\d+") as caught:
            export_run(run, "keras", tmp_path / "m.keras", images, Progress(), limit=effect / 10)
        changed.assign(**{column: table[column] + 100 * effect}).to_csv(run.run.path / "predictions.csv", index=False)
        with pytest.raises(RunError, match="Repeat the run with --force"):
            export_run(run, "keras", tmp_path / "m.keras", images, Progress(), limit=effect / 10)
    finally:
        (run.run.path / "predictions.csv").write_text(original)
    enough = float(str(caught.value).partition("--max-difference ")[2].partition(",")[0])
    assert effect <= enough <= 20 * effect


def test_a_head_in_half_precision_needs_a_larger_limit(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, "half")
    with pytest.raises(RunError, match=r"computes in mixed_float16, which is not exact to 1e-06.*--max-difference"):
        export(run, "onnx", tmp_path / "m.onnx", limit=1e-6)
    assert export(run, "onnx", tmp_path / "m.onnx", limit=1e-2).difference < 1e-3
    with pytest.raises(RunError, match=r"cannot be written as LiteRT \(Select TensorFlow op"):
        export(run, "litert", tmp_path / "m.tflite", limit=1e-2)


def test_other_images_are_refused(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, "baseline")
    images = images_of(run)
    other = ImageSet(images.manifest.assign(digest="x"), images.pixels, images.classes, images.skipped)
    with pytest.raises(DataError, match=r"must be those of baseline/.*fingerprint .*--data"):
        export_run(run, "onnx", tmp_path / "m.onnx", other, Progress())
    with pytest.raises(ExperimentError, match="Unknown export format"):
        export_run(run, "pmml", tmp_path / "m", images, Progress())
    assert list(tmp_path.iterdir()) == []
