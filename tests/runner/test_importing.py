"""Predictions from elsewhere as runs, compared like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alzbench.compare import compare
from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.metrics import METRICS
from alzbench.report.pages import Files
from alzbench.report.pages import write_run as write_page
from alzbench.report.run import summary_document
from alzbench.report.terminal import render_terminal
from alzbench.runner.hashes import short_hash
from alzbench.runner.imported_names import full_names, numbered_classes
from alzbench.runner.importing import NOT_KNOWN, Source, import_predictions
from alzbench.store import Run, RunStore, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run
from tests.helpers.text import text_of


@pytest.fixture
def own(store: RunStore) -> Run:
    """A run of ours with images below folders, as its card names them."""
    path = write_run(store.root, 0.6, n=96, experiment="own", test="")
    draw_predictions(path, 0, 0.6)
    table = pd.read_csv(path / "predictions.csv", dtype=str, keep_default_na=False)
    table["image"] = "Original/" + table["label"] + "/" + table["image"]
    table.to_csv(path / "predictions.csv", index=False)
    asked = pd.DataFrame({"image": table["image"], "label": table["label"].map({"A": 0, "B": 1})})
    text = (path / "state.json").read_text()
    (path / "state.json").write_text(text.replace('"test": ""', f'"test": "{short_hash(asked.to_csv(index=False))}"'))
    return read_run(path)


def from_a_notebook(own: Run, path: Path, right: float = 0.9) -> pd.DataFrame:
    """Write predictions about the same images, in another order, with shorter names and without subjects."""
    table = own.table("predictions.csv").sample(frac=1, random_state=0)
    hit = np.random.default_rng(3).random(len(table)) < right
    other = np.where(table["label"] == "A", "B", "A")
    names = table["image"].str.removeprefix("Original/")
    found = pd.DataFrame({"image": names, "label": table["label"], "predicted": np.where(hit, table["label"], other)})
    found.to_csv(path, index=False)
    return found


def test_a_notebook_is_compared_with_a_run_on_the_same_images(own: Run, store: RunStore, tmp_path: Path) -> None:
    written = from_a_notebook(own, tmp_path / "p.csv")
    run = import_predictions(tmp_path / "p.csv", Source("notebook", like=own), store)
    assert (run.card.state, run.card.test, run.card.protocol) == ("complete", own.card.test, own.card.protocol)
    (group,) = compare(store.runs(), [], "own").groups
    rows = {row.label: row for row in group.rows}
    right = (written["label"] == written["predicted"]).mean()
    assert rows["notebook"].scores["accuracy"].mean == pytest.approx(right)
    assert rows["notebook"].leaks == NOT_KNOWN
    (pair,) = group.pairs
    assert (pair.baseline, pair.other, pair.by, pair.seeds) == ("own", "notebook", "subject", (0,))
    difference = pair.differences["accuracy"]
    assert difference is not None
    table = own.table("predictions.csv")
    assert difference.interval.value == pytest.approx(right - (table["label"] == table["predicted"]).mean())


def test_the_seed_is_that_of_the_run_it_is_like(own: Run, store: RunStore, tmp_path: Path) -> None:
    from_a_notebook(own, tmp_path / "p.csv")
    own = replaced(own, seed=3)
    said: list[str] = []
    assert import_predictions(tmp_path / "p.csv", Source("n", like=own), store, said.append).card.seed == 3
    assert said == []
    assert import_predictions(tmp_path / "p.csv", Source("m", 1, like=own), store, said.append).card.seed == 1
    assert said == [f"{own.path} has seed 3, so it cannot be paired with seed 1."]


def test_the_same_file_is_no_other_seed_where_it_was_imported_as_one(own: Run, store: RunStore, tmp_path: Path) -> None:
    from_a_notebook(own, tmp_path / "p.csv")
    own = replaced(own, seed=3)
    said: list[str] = []
    first = import_predictions(tmp_path / "p.csv", Source("n", 0, like=own), store)
    found = import_predictions(tmp_path / "p.csv", Source("n", like=own), store, said.append)
    assert found.path == first.path
    assert said == [f"{first.path} already holds the same predictions; nothing was changed."]


def replaced(run: Run, **card: Any) -> Run:
    """Return a stored run with another card."""
    (run.path / "state.json").write_text(run.card.model_copy(update=card).model_dump_json())
    return read_run(run.path)


def test_seeds_with_other_test_images_are_said_to_be_compared_apart(store: RunStore, tmp_path: Path) -> None:
    for seed in (0, 1):
        said: list[str] = []
        (tmp_path / "p.csv").write_text(f"image,label,predicted\n{seed}x,A,A\n{seed}y,B,A\n")
        import_predictions(tmp_path / "p.csv", Source("n", seed, classes=("A", "B")), store, said.append)
    (text,) = said
    assert "has other test images, so they are not compared" in text
    one, two = compare(store.runs(), []).groups
    assert one.title != two.title


def test_a_subject_has_one_name_in_all_seeds(store: RunStore, tmp_path: Path) -> None:
    text = "image,label,predicted,subject\nx,A,A,s1\ny,B,A,s2\n"
    (tmp_path / "p.csv").write_text(text)
    import_predictions(tmp_path / "p.csv", Source("n", 0, classes=("A", "B")), store)
    (tmp_path / "p.csv").write_text(text.replace("s2", "t2").replace("y,B,A", "y,B,B"))
    with pytest.raises(DataError, match=r"same subject as in .*; it differs for y\. Use the same subject names"):
        import_predictions(tmp_path / "p.csv", Source("n", 1, classes=("A", "B")), store)
    assert len(store.runs()) == 1


def test_runs_from_elsewhere_alone_can_be_compared_and_shown(store: RunStore, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("a", 1), ("b", 0)):
        rows = [(k, "AB"[k % 2], "AB"[(k + (k * 7 + seed) % 3 // 2) % 2], f"s{k // 2 % 9}{k % 2}") for k in range(90)]
        table = pd.DataFrame(rows, columns=["image", "label", "predicted", "subject"])
        table.to_csv(tmp_path / "p.csv", index=False)
        run = import_predictions(tmp_path / "p.csv", Source(name, seed, classes=("A", "B")), store)
    (group,) = compare(store.runs(), []).groups
    assert [(row.label, row.seeds) for row in group.rows] == [("a", (0, 1)), ("b", (0,))]
    interval = group.rows[0].scores["accuracy"].interval
    assert interval is not None
    assert interval.clusters == 18
    assert "not known" in group.leaks
    assert "accuracy" in text_of(render_terminal(summary_document(run)))
    write_page(run, Files(html=tmp_path / "page.html"))
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda t: t[1:], "must have all test images of .*; .* are missing", id="missing"),
        pytest.param(lambda t: t.assign(image=["x.png", *t["image"][1:]]), "not so: x.png", id="unknown"),
        pytest.param(lambda t: t.assign(label=t["predicted"]), "must be those of .*; they differ for", id="labels"),
        pytest.param(lambda t: t.assign(image=[t["image"].iloc[1], *t["image"][1:]]), "one row only", id="twice"),
        pytest.param(lambda t: t.assign(predicted="C"), "must be one of A, B; found 'C'", id="class"),
        pytest.param(lambda t: t.assign(subject="s" + t["label"]), "into the same subjects as in", id="subjects"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_run_is_refused_and_nothing_is_stored(
    own: Run, store: RunStore, tmp_path: Path, change: object, said: str
) -> None:
    table = from_a_notebook(own, tmp_path / "p.csv")
    assert callable(change)
    change(table).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(DataError, match=said):
        import_predictions(tmp_path / "p.csv", Source("notebook", like=own), store)
    assert [run.card.experiment for run in store.runs()] == ["own"]


def test_the_end_of_a_name_that_could_be_several_is_refused(own: Run, store: RunStore, tmp_path: Path) -> None:
    table = own.table("predictions.csv")
    table["image"] = ["a/x.png", "b/x.png", *table["image"][2:]]
    table.to_csv(own.path / "predictions.csv", index=False)
    table.assign(image=["x.png", "b/x.png", *table["image"][2:]]).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(DataError, match=r"each image must match one test image of .*; not so: .*x\.png"):
        import_predictions(tmp_path / "p.csv", Source("notebook", like=own), store)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda name: "/content/drive/My Drive/alz/" + name, id="colab"),
        pytest.param(lambda name: "../input/set/" + name, id="kaggle"),
        pytest.param(lambda name: "D:\\alz\\" + name.replace("/", "\\"), id="windows"),
        pytest.param(lambda name: "./" + name, id="here"),
        pytest.param(lambda name: "./" + name.removeprefix("Original/"), id="shorter"),
    ],
)
def test_whole_paths_are_read_by_their_end(
    own: Run, store: RunStore, tmp_path: Path, written: Callable[[str], str]
) -> None:
    table = own.table("predictions.csv")[["image", "label", "predicted"]]
    table.assign(image=table["image"].map(written)).to_csv(tmp_path / "p.csv", index=False)
    run = import_predictions(tmp_path / "p.csv", Source("notebook", like=own), store)
    pd.testing.assert_series_equal(run.predictions()["image"], own.predictions()["image"])


def test_the_longest_end_of_a_path_wins() -> None:
    known = pd.Series(["x.png", "a/x.png", "b/a/x.png"])
    found = full_names(pd.Series(["/home/a/x.png", "/home/b/a/x.png", "/home/c/x.png", "/home/y.png"]), known)
    assert found.tolist() == ["a/x.png", "b/a/x.png", "x.png", ""]


@pytest.mark.parametrize("number", [{"A": "1", "B": "0"}, {"A": "1.0", "B": "0.0"}], ids=["whole", "float"])
def test_the_labels_of_the_run_say_what_a_number_stands_for(
    own: Run, store: RunStore, tmp_path: Path, number: dict[str, str]
) -> None:
    table = from_a_notebook(own, tmp_path / "p.csv")
    expected = import_predictions(tmp_path / "p.csv", Source("names", like=own), store)
    numbers = table.assign(label=table["label"].map(number), predicted=table["predicted"].map(number))
    numbers.to_csv(tmp_path / "p.csv", index=False)
    for name, classes in (("numbers", None), ("given", tuple(number.values()))):
        run = import_predictions(tmp_path / "p.csv", Source(name, like=own, classes=classes), store)
        pd.testing.assert_frame_equal(run.predictions(), expected.predictions())


def test_numbered_probabilities_and_a_class_without_images_are_read() -> None:
    known = pd.DataFrame({"image": ["x", "y"], "label": ["A", "B"], "p_A": 0, "p_B": 0, "p_C": 0})
    table = pd.DataFrame({"image": ["x", "y"], "label": ["2", "0"], "p_0": 0, "p_1": 0, "p_2": 0})
    assert numbered_classes(table, known, "p.csv") == {"2": "A", "0": "B", "1": "C"}


def test_shuffled_numbers_are_refused(own: Run, store: RunStore, tmp_path: Path) -> None:
    table = from_a_notebook(own, tmp_path / "p.csv")
    numbers = table["label"].map({"A": 0, "B": 1}).sample(frac=1, random_state=1).to_numpy()
    table.assign(label=numbers, predicted=numbers).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(DataError, match=r"stand for 0: .*; 1: .*\. Are image and label of a row of different images"):
        import_predictions(tmp_path / "p.csv", Source("notebook", like=own), store)


def test_other_spellings_of_the_classes_are_read(own: Run, store: RunStore, tmp_path: Path) -> None:
    table = from_a_notebook(own, tmp_path / "p.csv")
    table.assign(label=table["label"].str.lower(), predicted=table["predicted"] + "_").to_csv(
        tmp_path / "p.csv", index=False
    )
    run = import_predictions(tmp_path / "p.csv", Source("notebook", like=own), store)
    assert set(run.predictions()["predicted"]) == {"A", "B"}


def test_names_that_are_not_read_say_what_to_do_and_it_works(own: Run, store: RunStore, tmp_path: Path) -> None:
    table = from_a_notebook(own, tmp_path / "p.csv")
    other = {"A": "ill", "B": "well"}
    table.assign(label=table["label"].map(other), predicted=table["predicted"].map(other)).to_csv(
        tmp_path / "p.csv", index=False
    )
    with pytest.raises(DataError, match=r"label must be one of A, B; .*give all of them in this order with --classes"):
        import_predictions(tmp_path / "p.csv", Source("notebook", like=own), store)
    run = import_predictions(tmp_path / "p.csv", Source("notebook", like=own, classes=("ill", "well")), store)
    pd.testing.assert_series_equal(run.predictions()["label"], own.predictions()["label"])


def test_without_a_run_the_classes_must_be_named(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image,label,predicted\nx,A,A\n")
    with pytest.raises(ExperimentError, match="--classes"):
        import_predictions(tmp_path / "p.csv", Source("n"), store)


def test_what_its_training_has_seen_is_not_that_of_the_run_it_is_like(store: RunStore, tmp_path: Path) -> None:
    clean = read_run(write_run(store.root, 0.6, experiment="clean", leaks=""))
    draw_predictions(clean.path, 0, 0.6)
    from_a_notebook(clean, tmp_path / "p.csv")
    assert import_predictions(tmp_path / "p.csv", Source("n", like=clean), store).card.leaks == NOT_KNOWN
    declared = Source("declared", like=clean, other_subjects=True)
    assert import_predictions(tmp_path / "p.csv", declared, store).card.leaks == ""


def test_the_fold_is_that_of_the_run_it_is_like(store: RunStore, tmp_path: Path) -> None:
    fold = read_run(write_run(store.root, 0.6, experiment="cv", fold=2, folds=5))
    draw_predictions(fold.path, 0, 0.6)
    from_a_notebook(fold, tmp_path / "p.csv")
    run = import_predictions(tmp_path / "p.csv", Source("n", like=fold), store)
    assert (run.card.fold, run.card.folds) == (2, 5)
    assert run.path.name.startswith("seed-0-fold-2-")


TEXT = "image,label,p_A,p_B\nx,A,0.9,0.1\ny,B,0.3,0.7\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "p.csv"
    path.write_text(TEXT)
    return path


def test_the_same_predictions_again_change_nothing_and_it_is_said(store: RunStore, small: Path) -> None:
    said: list[str] = []
    first = import_predictions(small, Source("n"), store, said.append)
    assert said == []
    small.write_text("image,label,p_A,p_B\ny,B,0.3,0.7\nx,A,0.9,0.1\n")  # the order of the rows says nothing
    assert import_predictions(small, Source("n"), store, said.append).card == first.card
    assert len(said) == len(store.runs()) == 1
    assert "already holds the same predictions" in said[0]


@pytest.mark.parametrize(
    ("text", "source", "said"),
    [
        pytest.param(TEXT.replace("0.9,0.1", "0.8,0.2"), Source("n"), "holds other predictions", id="content"),
        pytest.param(TEXT, Source("n", protocol="slice"), r"from another source \(protocol\)", id="protocol"),
        pytest.param(TEXT, Source("n", other_subjects=True), r"from another source \(leaks\)", id="training"),
        pytest.param(TEXT, Source("n", classes=("B", "A")), "holds other predictions", id="classes"),
    ],
)
def test_another_run_of_a_name_and_seed_is_refused(
    store: RunStore, small: Path, text: str, source: Source, said: str
) -> None:
    first = import_predictions(small, Source("n"), store)
    small.write_text(text)
    with pytest.raises(ExperimentError, match=f"{said}.*Give another --seed or --name"):
        import_predictions(small, source, store)
    assert [run.card for run in store.runs()] == [first.card]


def test_rows_in_any_order_are_the_same_test_images(store: RunStore, small: Path) -> None:
    first = import_predictions(small, Source("n"), store)
    small.write_text("image,label,p_A,p_B\ny,B,0.2,0.8\nx,A,0.9,0.1\n")
    other = import_predictions(small, Source("m"), store)
    assert (first.card.test, first.card.data) == (other.card.test, other.card.data)
    assert len(compare(store.runs(), [], "n").groups[0].pairs) == 1


def test_another_order_of_the_classes_is_another_question(store: RunStore, small: Path) -> None:
    first = import_predictions(small, Source("n"), store)
    other = import_predictions(small, Source("m", classes=("B", "A")), store)
    assert first.card.test != other.card.test  # the first is the healthy one
    with pytest.raises(ExperimentError, match="in their order: A, B; got B, A"):
        import_predictions(small, Source("k", like=first, classes=("B", "A")), store)


def test_a_protocol_beside_a_run_is_refused(store: RunStore, small: Path) -> None:
    first = import_predictions(small, Source("n"), store)
    with pytest.raises(ExperimentError, match="leave out --protocol"):
        import_predictions(small, Source("m", like=first, protocol="slice"), store)


def test_names_with_backslashes_match_on_either_side(store: RunStore, small: Path) -> None:
    small.write_text("image,label,p_A,p_B\nc\\x,A,0.9,0.1\nd\\x,B,0.3,0.7\n")
    first = import_predictions(small, Source("n"), store)
    small.write_text("image,label,p_A,p_B\nc/x,A,0.9,0.1\nd\\x,B,0.3,0.7\n")
    run = import_predictions(small, Source("m", like=first), store)
    assert run.predictions()["image"].tolist() == ["c\\x", "d\\x"]


def test_a_process_that_is_killed_leaves_no_run(store: RunStore, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alzbench.atomic.shutil.rmtree", lambda *_, **__: None)  # as a killed process clears nothing
    monkeypatch.setattr("alzbench.runner.importing.evaluate", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_predictions(small, Source("n"), store)
    assert list(store.root.rglob("predictions.csv"))
    assert store.runs() == []


def test_answers_without_probabilities_say_so(store: RunStore, small: Path) -> None:
    assert import_predictions(small, Source("n"), store).metrics().labels_only == ""
    small.write_text("image,label,predicted,subject\nx,A,A,s\ny,B,A,t\n")
    run = import_predictions(small, Source("m", classes=("A", "B")), store)
    assert "without probabilities" in run.metrics().labels_only
    assert run.evaluation().images.scores["loss"] is None
    assert "No loss, calibration or curves, because the file has predicted labels without" in text_of(
        render_terminal(summary_document(run)), 200
    )
    subjects = run.evaluation().subjects
    assert subjects is not None
    assert subjects.demented.scores["auc"] is None


def test_answers_without_probabilities_have_no_area_and_no_interval_of_one(store: RunStore, tmp_path: Path) -> None:
    rows = [f"{k},{'AB'[k % 2]},{'AB'[k % 3 % 2]},s{k}" for k in range(40)]
    (tmp_path / "p.csv").write_text("\n".join(["image,label,predicted,subject", *rows]))
    import_predictions(tmp_path / "p.csv", Source("m", classes=("A", "B")), store)
    (row,) = compare(store.runs(), []).groups[0].rows
    by_subject = {name: score for name, score in row.scores.items() if METRICS[name].level == "subject"}
    assert by_subject.keys() == {
        "subject_accuracy", "subject_balanced_accuracy", "subject_macro_f1", "subject_quadratic_kappa",
        "subject_vote_accuracy", "subject_demented_accuracy",
    }  # fmt: skip
    assert all(score.interval is not None for score in by_subject.values())


def write_named(path: Path, names: list[str], labels: list[str]) -> Path:
    pd.DataFrame({"image": names, "label": labels, "predicted": labels}).to_csv(path, index=False)
    return path


KAGGLE = {"NonDemented": ("nonDem", 2), "MildDemented": ("mildDem", 1)}


def kaggle_images() -> tuple[list[str], list[str]]:
    """The names of a complete part of the Kaggle set: two subjects of one class, one of the other."""
    names, labels = [], []
    for label, (prefix, subjects) in KAGGLE.items():
        for serial in range(32 * subjects):
            names.append(f"{label}/{prefix}{serial}.jpg")
            labels.append(label)
    return names, labels


@pytest.mark.parametrize(
    ("names", "labels", "subjects"),
    [
        ([f"OAS1_{k // 2:04d}_MR1_mpr-1_{100 + k}.jpg" for k in range(12)], ["A"] * 6 + ["B"] * 6, 6),
        ([f"d/sub-{k // 3}_slice-{k}.png" for k in range(12)], ["A"] * 6 + ["B"] * 6, 4),
        (*kaggle_images(), 3),
    ],
    ids=["oasis", "bids", "kaggle"],
)
def test_the_subjects_are_read_from_the_names(
    store: RunStore, tmp_path: Path, names: list[str], labels: list[str], subjects: int
) -> None:
    said: list[str] = []
    source = Source("named", classes=sorted(set(labels)))
    run = import_predictions(write_named(tmp_path / "p.csv", names, labels), source, store, said.append)
    assert run.predictions()["subject"].nunique() == subjects
    counts = run.counts()
    assert counts is not None
    assert counts.by == "subject"
    assert said == [f"The image names give {subjects} subjects; intervals are over subjects. --like RUN checks them."]


@pytest.mark.parametrize(
    "names",
    [
        [f"OAS1_{k // 2:04d}_{k}.jpg" for k in range(11)] + ["preview.jpg"],
        [f"image{k}.jpg" for k in range(12)],
        [f"OAS1_{k % 6:04d}_{k}.jpg" for k in range(12)],
    ],
    ids=["one without", "none", "two labels"],
)
def test_names_that_do_not_give_every_subject_give_none(store: RunStore, tmp_path: Path, names: list[str]) -> None:
    said: list[str] = []
    path = write_named(tmp_path / "p.csv", names, ["A"] * 6 + ["B"] * 6)
    run = import_predictions(path, Source("named", classes=["A", "B"]), store, said.append)
    assert set(run.predictions()["subject"]) == {""}
    if names[0].startswith("image"):  # names that say nothing are nothing to speak of
        assert said == []
        return
    (sentence,) = said
    assert sentence.startswith("The image names do not give a subject for every image (")


def test_a_column_of_subjects_wins_over_the_names(store: RunStore, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    write_named(path, [f"OAS1_{k:04d}_x.jpg" for k in range(12)], ["A"] * 6 + ["B"] * 6)
    table = pd.read_csv(path).assign(subject=[f"s{k // 3}" for k in range(12)])
    table.to_csv(path, index=False)
    run = import_predictions(path, Source("named", classes=["A", "B"]), store)
    assert sorted(set(run.predictions()["subject"])) == ["s0", "s1", "s2", "s3"]
