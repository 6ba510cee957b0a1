"""Where a backbone's weights are found, by ALZBENCH_WEIGHTS as a file, a folder or a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.errors import DataError
from alzbench.experiment import BackboneSettings
from alzbench.models.backbones import BACKBONES
from alzbench.models.weights import weights_file

USUAL = {  # names of the files that Keras 3.15 downloads
    "mobilenet_v2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "mobilenet_v3_large": "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
    "mobilenet_v3_small": "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    "efficientnet_v2_b0": "efficientnetv2-b0_notop.h5",
    "efficientnet_v2_s": "efficientnetv2-s_notop.h5",
    "resnet50_v2": "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "densenet121": "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "vgg16": "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "xception": "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "inception_v3": "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "convnext_tiny": "convnext_tiny_notop.h5",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that ALZBENCH_WEIGHTS names, with a file for each backbone."""
    for name in USUAL.values():
        (tmp_path / name).touch()
    monkeypatch.setenv("ALZBENCH_WEIGHTS", str(tmp_path))
    return tmp_path


def found(name: str, alpha: float = 1.0) -> Path | None:
    return weights_file(BackboneSettings(name=name, alpha=alpha))


def error_of(name: str) -> str:
    with pytest.raises(DataError) as error:
        found(name)
    return str(error.value)


def test_a_folder_holds_the_files_that_keras_downloads(folder: Path) -> None:
    assert {name: found(name) for name in BACKBONES} == {name: folder / file for name, file in USUAL.items()}


def test_a_file_with_the_backbones_own_name_comes_first(folder: Path) -> None:
    (folder / "vgg16.weights.h5").touch()
    assert found("vgg16") == folder / "vgg16.weights.h5"
    (folder / USUAL["mobilenet_v2"]).rename(folder / "mobilenet_v2_1.0_224.weights.h5")
    assert found("mobilenet_v2") == folder / "mobilenet_v2_1.0_224.weights.h5"


def test_the_file_has_the_width_of_the_settings(folder: Path) -> None:
    narrow = folder / "weights_mobilenet_v3_large_224_0.75_float_no_top_v2.h5"
    narrow.touch()
    assert found("mobilenet_v3_large", alpha=0.75) == narrow
    assert found("mobilenet_v3_large") == folder / USUAL["mobilenet_v3_large"]


def test_a_folder_without_the_file_or_with_two_is_refused(folder: Path) -> None:
    (folder / USUAL["vgg16"]).unlink()
    assert error_of("vgg16") == (
        f"ALZBENCH_WEIGHTS: {folder} must hold the weights of vgg16, as vgg16.weights.h5 or "
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5, and it holds neither."
    )
    other = USUAL["mobilenet_v2"].replace("224", "128")  # another size of images in training
    (folder / other).touch()
    assert error_of("mobilenet_v2") == (
        f"ALZBENCH_WEIGHTS: {folder} must hold one weights file for mobilenet_v2; it holds {other}, "
        f"{USUAL['mobilenet_v2']}. Name the file instead: ALZBENCH_WEIGHTS=mobilenet_v2=FILE."
    )


def test_a_list_names_a_file_for_each_backbone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: folder / USUAL[name] for name in ("vgg16", "xception")}
    monkeypatch.setenv("ALZBENCH_WEIGHTS", ", ".join(f"{name}={file}" for name, file in files.items()))
    assert {name: found(name) for name in files} == files
    assert error_of("densenet121") == (
        "ALZBENCH_WEIGHTS must name the weights of densenet121, as densenet121=FILE; it names those of vgg16, xception."
    )


def test_a_single_file_is_that_of_the_backbone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = folder / "a=b.h5"
    odd.touch()
    monkeypatch.setenv("ALZBENCH_WEIGHTS", str(odd))
    assert found("vgg16") == found("mobilenet_v2") == odd
    monkeypatch.setenv("ALZBENCH_WEIGHTS", str(folder / "none.h5"))
    assert error_of("vgg16") == (
        f"There is no weights file {folder / 'none.h5'}. Set ALZBENCH_WEIGHTS or model.backbone.weights to an existing "
        "file."
    )
    monkeypatch.delenv("ALZBENCH_WEIGHTS")
    assert found("vgg16") is None  # Keras downloads them
