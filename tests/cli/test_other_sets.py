"""Image sets of other layouts and classes, from the audit to the comparison."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from alzbench.store import RunStore
from tests.helpers.command import Command, assert_sentence
from tests.helpers.images import write_image
from tests.helpers.medical import write_nifti
from tests.helpers.stub_network import Stub
from tests.helpers.volumes import write_volume_set

TUMOURS = ("glioma", "meningioma", "notumor", "pituitary")


def draw(root: Path, classes: tuple[str, ...]) -> Path:
    """Draw six subjects of each class, with two slices each: four for training, two for testing."""
    for label, name in enumerate(classes):
        for subject in range(6):
            for number in range(2):
                file = f"sub-{name[:2]}{subject}_slice-{number}.png"
                folder = "Training" if subject < 4 else "Testing"
                write_image(root / folder / name / file, 100 * label + 10 * subject + number)
    return root


@pytest.fixture
def tumours(tmp_path: Path) -> Path:
    """A set of brain tumours, with a picture beside its classes and a scan that cannot be read."""
    root = draw(tmp_path / "tumours", TUMOURS)
    write_image(root / "preview.png", 1)
    (root / "Testing" / "glioma" / "scan.dcm").write_bytes(b"x")
    return root


def test_an_audit_counts_every_image(alzbench: Command, tumours: Path) -> None:
    result = alzbench("audit", "--data", tumours, "--protocol", "subject", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["subject_by"] == {"name": 48}
    assert document["left_out"] == [
        {"folder": ".", "images": 1, "reason": "not in a folder of a part, such as train or test"},
        {"folder": "Testing/glioma", "images": 1, "reason": ".dcm is not a supported format"},
    ]
    assert (document["unused"], document["unknown"], document["leaks"]) == ({}, [], False)
    assert sum(sum(parts.values()) for parts in document["images"].values()) == 48
    assert "classes: notumor, glioma, meningioma, pituitary; healthy: notumor" in result.err
    text = alzbench("audit", "--data", tumours, "--protocol", "subject").out
    assert "images: 48 in the set, 2 left out" in text
    assert "left out: 1 in Testing/glioma: .dcm is not a supported format" in text


def test_a_run_and_a_comparison(alzbench: Command, tiny_file: Path, tumours: Path, stub: type[Stub]) -> None:
    del stub
    protocol = ("--set", "protocol.name=subject")
    result = alzbench("run", tiny_file, "--data", tumours, *protocol)
    assert result.code == 0, result.err
    assert "2 image files are left out of the set:" in result.err
    (run,) = [run for run in RunStore(Path("runs")).runs() if run.card.experiment == "tiny"]
    metrics = run.metrics()
    assert metrics.healthy == "notumor"
    assert sum(int(row["images"]) for row in metrics.left_out_images) == 2
    assert metrics.evaluation.images.classes == ["notumor", "glioma", "meningioma", "pituitary"]
    assert metrics.evaluation.subjects is not None
    assert metrics.evaluation.subjects.demented is not None
    assert run.table("left_out.csv")["image"].tolist() == ["Testing/glioma/scan.dcm", "preview.png"]
    compared = alzbench("compare", "--full")
    assert compared.code == 0
    assert "notumor %" in compared.out  # of two classes
    assert "notumor or not" in alzbench("compare").out
    pages = alzbench("report", run.name, "--html", "run.html")
    assert pages.code == 0, pages.err
    alzbench("compare", "--report", "all")
    texts = [result.out, compared.out, Path("run.html").read_text(encoding="utf-8")]
    texts += [path.read_text(encoding="utf-8") for path in Path("reports").iterdir() if path.suffix in (".html", ".md")]
    assert not [text for text in texts if "demented or not" in text.lower()]


def test_train_and_test_folders_are_the_reference_protocol(
    alzbench: Command, tiny_file: Path, tumours: Path, stub: type[Stub]
) -> None:
    del stub
    result = alzbench("run", tiny_file, "--data", tumours, "--no-sanity")
    assert result.code == 0, result.err
    assert "25 train, 7 validation, 16 test images" in result.err


@pytest.mark.parametrize("protocol", ["subject", "subject_cv"])
def test_without_a_healthy_class_nothing_is_demented(
    alzbench: Command, tiny_file: Path, tmp_path: Path, stub: type[Stub], protocol: str
) -> None:
    del stub
    root = draw(tmp_path / "set", ("glioma", "meningioma", "other", "pituitary"))
    settings = (
        "--set",
        f"protocol.name={protocol}",
        *(("--set", "protocol.folds=2") if protocol == "subject_cv" else ()),
    )
    result = alzbench("run", tiny_file, "--data", root, "--no-sanity", *settings)
    assert result.code == 0, result.err
    assert "healthy: none" in result.err
    run = next(iter(RunStore(Path("runs")).runs()))
    assert run.metrics().healthy is None
    subjects = run.evaluation().subjects
    assert subjects is not None
    assert subjects.demented is None
    counts = run.counts()
    assert counts is not None
    assert (counts.healthy, counts.healthy_label) == (None, None)
    (run.path / "subjects.json").unlink()  # counted again from the predictions
    again = run.counts()
    assert again is not None
    assert again.healthy_label is None
    for command in (("compare",), ("report", run.name), ("show", run.name)):
        shown = alzbench(*command)
        assert shown.code == 0, shown.err
        assert "demented" not in shown.out
    row = json.loads(alzbench("compare", "--json").out)["groups"][0]["rows"][0]
    assert "subject_accuracy" in row["scores"]
    assert "subject_demented_accuracy" not in row["scores"]


def test_a_named_healthy_class_may_stand_anywhere(
    alzbench: Command, tiny_file: Path, tumours: Path, stub: type[Stub]
) -> None:
    del stub
    classes = "data={classes: [glioma, notumor, meningioma, pituitary], healthy: notumor}"
    settings = ("--set", classes, "--set", "protocol.name=subject")
    assert alzbench("run", tiny_file, "--data", tumours, "--no-sanity", *settings).code == 0
    run = next(iter(RunStore(Path("runs")).runs()))
    subjects, counts = run.evaluation().subjects, run.counts()
    assert subjects is not None
    assert subjects.demented is not None
    assert counts is not None
    # the stub swaps the last two classes, both ill, so that no healthy subject is taken for an ill one
    assert subjects.demented.scores["accuracy"] == 1
    assert subjects.mean.scores["accuracy"] == 0.5
    assert counts.healthy_label == 1


def test_weights_of_classes_that_are_read_from_the_folders(alzbench: Command, tiny_file: Path, tumours: Path) -> None:
    weights = ("--set", "imbalance={name: class_weights, weights: {glioma: 1, notumor: 2}}")
    assert alzbench("run", tiny_file, "--data", tumours, "--dry-run", *weights).code == 0
    result = alzbench("run", tiny_file, "--data", tumours, "--no-sanity", *weights)
    assert result.code == 1
    assert "a weight for each of notumor, glioma, meningioma, pituitary; meningioma, pituitary has none" in result.err
    assert not os.path.exists("runs")


def test_the_same_images_by_another_path_are_the_same_run(
    alzbench: Command, tiny_file: Path, tmp_path: Path, stub: type[Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = draw(tmp_path / "tumours", TUMOURS) / "Training"
    inner = tmp_path / "moved" / "Data"
    inner.parent.mkdir()
    (tmp_path / "link").symlink_to(root)
    protocol, runs = ("--set", "protocol.name=slice"), ("--runs", tmp_path / "runs", "--no-sanity")
    monkeypatch.chdir(root)
    for source in (root, f"{root}/", ".", "../Training/../Training", tmp_path / "link"):
        assert alzbench("run", tiny_file, "--data", source, *protocol, *runs).code == 0
    root.rename(inner)
    for source in (inner, inner.parent):
        assert alzbench("run", tiny_file, "--data", source, *protocol, *runs).code == 0
    assert stub.trained == [("tiny", 0)]


def odd_name(root: Path, name: str) -> None:
    write_image(root / "Training" / "notumor" / name, 999)


@pytest.mark.parametrize("name", ["preview.png", "aug_0_1234.png", "sub-no1_slice-0 - Copy.png", "Thumb (1).jpg"])
@pytest.mark.parametrize("protocol", ["subject", "subject_cv"])
def test_one_odd_name_removes_no_class(
    alzbench: Command, tiny_file: Path, tumours: Path, stub: type[Stub], name: str, protocol: str
) -> None:
    del stub
    odd_name(tumours, name)
    settings = (
        "--set",
        f"protocol.name={protocol}",
        *(("--set", "protocol.folds=3") if protocol == "subject_cv" else ()),
    )
    result = alzbench("run", tiny_file, "--data", tumours, "--no-sanity", *settings)
    assert result.code == 0, result.err
    for run in RunStore(Path("runs")).runs():
        split = run.table("split.csv")
        by_part = split[split["image"].str.contains("/notumor/")].groupby("part").size()
        assert set(by_part.index) == {"train", "validation", "test"}
        assert by_part.sum() == 12 + name.startswith("sub-no1")
        known = name.startswith("sub-")
        assert run.metrics().unused_images == ({} if known else {"of unknown subject": 1})
        assert ("not used: 1 of unknown subject" in result.err) != known
    document = json.loads(alzbench("audit", "--data", tumours, "--protocol", "subject", "--json").out)
    assert document["unknown"] == ([] if name.startswith("sub-") else [f"Training/notumor/{name}"])


# Where the images come from


def test_the_file_wins_over_the_variable(alzbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, unnamed, sweep = (tmp_path / f"{name}.yaml" for name in ("named", "unnamed", "sweep"))
    named.write_text("data: {source: from-file}")
    unnamed.write_text("data: {size: 32}")
    study = tmp_path / "study.yaml"

    def sources(verb: str, file: Path, *arguments: object) -> set[str]:
        result = alzbench(verb, file, "--dry-run", "--json", *arguments)
        assert result.code == 0, result.err
        document: dict[str, Any] = json.loads(result.out)
        experiments = [document["base"]] if verb == "sweep" else document["experiments"]
        return {experiment["data"]["source"] for experiment in experiments}

    monkeypatch.setenv("ALZBENCH_DATA", "from-variable")
    for file, expected in ((named, "from-file"), (unnamed, "from-variable")):
        factors = {"plan": "add_one", "factors": {"rate": {"slow": {"train.lr": 1e-4}}}}
        study.write_text(yaml.safe_dump({"base": file.name, **factors}))
        space = {"trials": 1, "space": {"train.lr": {"choices": [1e-3, 1e-4]}}}
        sweep.write_text(yaml.safe_dump({"base": file.name, **space}))
        for verb, chosen in (("run", file), ("run", study), ("sweep", sweep)):
            assert sources(verb, chosen) == {expected}
            assert sources(verb, chosen, "--data", "from-option") == {"from-option"}
            assert sources(verb, chosen, "--set", "data.source=set") == {"set"}
        assert_sentence(alzbench("audit", file), 3, f"There is no folder {expected}.")
        assert_sentence(alzbench("audit", file, "--data", "from-option"), 3, "There is no folder from-option.")
    assert_sentence(alzbench("audit"), 3, "There is no folder from-variable.")
    monkeypatch.setenv("ALZBENCH_DATA", "")
    assert sources("run", unnamed) == {"kaggle"}


def test_a_folder_is_no_experiment(alzbench: Command, tumours: Path) -> None:
    assert_sentence(
        alzbench("run", tumours), 2, f"{tumours} is a folder, and an experiment is a YAML file", f"--data {tumours}"
    )


def test_an_empty_source_is_not_the_default_one(alzbench: Command, tiny_file: Path) -> None:
    for command in (("audit",), ("run", tiny_file, "--dry-run")):
        result = alzbench(*command, "--data", "")
        assert result.code == 2
        assert "must name a source of images; it is empty" in result.err


@pytest.mark.parametrize("prefix", ["C:\\scans\\", "/mnt/scans/"])
def test_a_table_with_whole_paths_of_another_machine(
    alzbench: Command, tumours: Path, tmp_path: Path, prefix: str
) -> None:
    names = sorted(path.relative_to(tumours).as_posix() for path in tumours.glob("T*/*/*.png"))
    (tmp_path / "t.csv").write_text("image,subject\n" + "".join(f"{prefix}{name},p{name[-16:-12]}\n" for name in names))
    source = ("--data", tumours, "--set", f"data.subjects={tmp_path / 't.csv'}")
    result = alzbench("audit", *source, "--protocol", "slice", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["subject_by"] == {"table": 48}
    assert "its paths are read without" in result.err


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")  # the font of the figures has no Chinese letters
@pytest.mark.parametrize("names", [("正常", "肿瘤"), ("ΑΒΓ", "АБВ"), ("+", "-")])
def test_classes_without_latin_letters_from_the_audit_to_the_comparison(
    alzbench: Command, tiny_file: Path, tmp_path: Path, stub: type[Stub], names: tuple[str, str]
) -> None:
    del stub
    for label, name in enumerate(names):
        for subject in range(6):
            write_image(tmp_path / "set" / name / f"sub-{label}{subject}_slice-1.png", 100 * label + subject)
    source = ("--data", tmp_path / "set", "--set", "protocol=subject")
    audited = alzbench("audit", tiny_file, *source, "--json")
    assert audited.code == 0, audited.err
    assert set(json.loads(audited.out)["images"]) == set(names)
    assert alzbench("run", tiny_file, *source, "--no-sanity").code == 0
    assert alzbench("compare").code == 0


def test_classes_as_booleans_are_refused(alzbench: Command, tiny_file: Path) -> None:
    result = alzbench("run", tiny_file, "--set", "data.classes=[true, false]", "--dry-run")
    assert_sentence(result, 2, "data.classes: names must be texts", 'write them in quotes, as in ["true", "false"]')


def test_an_audit_writes_copies_and_a_corrected_split(alzbench: Command, tumours: Path, tmp_path: Path) -> None:
    copied = tumours / "Training" / "glioma" / "sub-gl0_slice-0.png"
    shutil.copy(copied, tumours / "Testing" / "glioma" / "sub-gl9_x.png")
    files = ("--duplicates", tmp_path / "copies.csv", "--write-split", tmp_path / "split.csv")
    result = alzbench("audit", "--data", tumours, "--fail-on-leakage", *files)
    assert result.code == 1, result.err
    assert "images with exact copies: 2 within a class and two parts" in " ".join(result.out.split())
    copies = pd.read_csv(tmp_path / "copies.csv")
    assert copies[["image", "exact", "same_class", "same_part"]].to_numpy().tolist() == [
        ["Testing/glioma/sub-gl9_x.png", True, True, False]
    ]
    given = ("--set", f"data.subjects={tmp_path / 'split.csv'}", "--protocol", "given", "--fail-on-leakage")
    again = alzbench("audit", "--data", tumours, *given)
    assert again.code == 0, again.out


def test_an_audit_replaces_nothing_that_it_reads(alzbench: Command, tumours: Path, tmp_path: Path) -> None:
    assert_sentence(alzbench("audit", "--data", tumours, "--write-split", "x.txt"), 2, "must name a .csv file")
    image = next((tumours / "Testing" / "glioma").glob("*.png"))
    content = image.read_bytes()
    refused = alzbench("audit", "--data", tumours, "--duplicates", image)
    assert refused.code == 2
    assert "--duplicates must not be a file that is read" in refused.err
    assert image.read_bytes() == content
    assert alzbench("audit", "--data", tumours, "--write-split", tmp_path / "a.csv").code == 0
    table = (tmp_path / "a.csv").read_text()
    described = ("--set", f"data.subjects={tmp_path / 'a.csv'}", "--write-split", tmp_path / "a.csv")
    assert alzbench("audit", "--data", tumours, *described).code == 2
    assert (tmp_path / "a.csv").read_text() == table


def test_runs_on_volumes(alzbench: Command, tiny_file: Path, tmp_path: Path, stub: type[Stub]) -> None:
    del stub
    write_volume_set(tmp_path / "scans", subjects=5)
    settings = ("--data", tmp_path / "scans", "--set", "data.volumes={slices: 4}", "--set", "protocol={name: subject}")
    audited = alzbench("audit", tiny_file, *settings, "--json")
    assert audited.code == 0, audited.err
    assert json.loads(audited.out)["subject_by"] == {"name": 40}
    result = alzbench("run", tiny_file, *settings)
    assert result.code == 0, result.err
    assert "24 train, 8 validation, 8 test images" in result.err
    compared = alzbench("compare")
    assert compared.code == 0
    assert "patient" in compared.out
    assert_sentence(alzbench("audit", "--data", tmp_path / "scans"), 3, "Set data.volumes to read slices of them")
    write_nifti(tmp_path / "scans" / "control" / "time.nii", np.zeros((20, 20, 20, 4), np.int16))
    refused = alzbench("audit", tiny_file, *settings, "--quiet")
    assert_sentence(refused, 3, "control/time.nii: 4 dimensions (20 x 20 x 20 x 4), but a volume has three")


def test_runs_on_bids_folders(alzbench: Command, tiny_file: Path, tmp_path: Path, stub: type[Stub]) -> None:
    del stub
    root = tmp_path / "bids"
    rows = ["participant_id\tdiagnosis\tage\tsex"]
    for number in range(24):
        for level in range(2):
            name = f"sub-{number:02d}/anat/sub-{number:02d}_T1w_slice-{level:02d}.png"
            write_image(root / name, 10 * number + level)
        rows.append(
            f"sub-{number:02d}\t{('CN', 'SMC', 'MCI', 'AD')[number % 4]}\t{60 + number}\t{'FM'[number // 4 % 2]}"
        )
    (root / "participants.tsv").write_text("\n".join(rows))
    settings = ("--data", root, "--set", "data.subjects=bids", "--set", "protocol=subject_cv")
    audited = alzbench("audit", tiny_file, *settings, "--json")
    assert audited.code == 0, audited.err
    document = json.loads(audited.out)
    assert (document["subject_by"], document["leaks"]) == ({"bids": 48}, False)
    assert list(document["images"]) == ["CN", "AD", "MCI", "SMC"]
    result = alzbench("run", tiny_file, *settings, "--quiet")
    assert result.code == 0, result.err
    compared = alzbench("compare", "--where", "sex == 'F'", "--json")
    assert compared.code == 0, compared.err
    (group,) = json.loads(compared.out)["groups"]
    assert group["test_images"] == 24
    ages = alzbench("compare", "--json")
    assert "sanity-age-only" in ages.out


def test_the_corrected_split_of_volumes_has_a_row_for_each(alzbench: Command, tmp_path: Path) -> None:
    write_volume_set(tmp_path / "scans")
    source = ("--data", tmp_path / "scans", "--set", "data.volumes={slices: 4}")
    assert alzbench("audit", *source, "--protocol", "slice", "--write-split", tmp_path / "split.csv").code == 0
    table = pd.read_csv(tmp_path / "split.csv")
    assert table.columns.tolist() == ["image", "subject", "split"]
    assert table["image"].tolist()[:2] == ["control/scan00.nii.gz", "control/scan01.nii.gz"]
    assert len(table) == 12
    described = ("--set", f"data.subjects={tmp_path / 'split.csv'}", "--protocol", "given", "--json")
    again = alzbench("audit", *source, *described, "--fail-on-leakage")
    assert again.code == 0, again.err
    assert json.loads(again.out)["subject_by"] == {"table": 48}


def test_the_corrected_split_of_folders_in_each_other(alzbench: Command, tmp_path: Path) -> None:
    # `AD/0.png`, below the folder that holds all images, is also the end of `set/AD/AD/0.png`
    for label, name in enumerate(("AD", "CN")):
        for number in range(6):
            seed = 100 * label + 10 * number
            write_image(tmp_path / "scans" / "set" / name / f"{number}.png", seed)
            write_image(tmp_path / "scans" / "set" / name / name / f"{number}.png", seed + 5)
    source = ("--data", tmp_path / "scans")
    assert alzbench("audit", *source, "--protocol", "slice", "--write-split", tmp_path / "split.csv").code == 0
    given = ("--set", f"data.subjects={tmp_path / 'split.csv'}", "--protocol", "given", "--json")
    again = alzbench("audit", *source, *given, "--fail-on-leakage")
    assert again.code == 0, again.err
    assert sum(sum(parts.values()) for parts in json.loads(again.out)["images"].values()) == 24


def test_a_corrected_split_keeps_the_covariates(alzbench: Command, tumours: Path, tmp_path: Path) -> None:
    names = sorted(path.relative_to(tumours).as_posix() for path in tumours.glob("T*/*/*.png"))
    rows = [f"{name},{name.split('/')[-1].split('_')[0]},{60 + k}" for k, name in enumerate(names)]
    (tmp_path / "ages.csv").write_text("\n".join(["image,subject,age", *rows]))
    described = ("--set", f"data.subjects={tmp_path / 'ages.csv'}", "--write-split", tmp_path / "split.csv")
    assert alzbench("audit", "--data", tumours, *described).code == 0
    split = pd.read_csv(tmp_path / "split.csv").set_index("image")
    assert split["age"].to_dict() == {name: 60 + k for k, name in enumerate(names)}


def test_experiments_with_other_healthy_classes_are_not_compared_as_demented(
    alzbench: Command, tiny_file: Path, tumours: Path, stub: type[Stub]
) -> None:
    del stub
    for name, healthy in (("one", "notumor"), ("two", "glioma"), ("three", "null")):
        changes = {"name": name, "data.source": tumours, "data.healthy": healthy, "protocol": "{name: subject}"}
        options = [text for key, value in changes.items() for text in ("--set", f"{key}={value}")]
        result = alzbench("run", tiny_file, *options, "--no-sanity")
        assert result.code == 0, result.err
    compared = alzbench("compare", "--json")
    (group,) = json.loads(compared.out)["groups"]
    scored = {row["label"]: "subject_demented_accuracy" in row["scores"] for row in group["rows"]}
    assert scored == {"one": True, "two": False, "three": False}
    said = " ".join(alzbench("compare", "--full").out.split())
    assert "two: scores of two classes are left out, because its healthy class is glioma, not notumor" in said
