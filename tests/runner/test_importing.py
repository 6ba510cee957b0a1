"""Predictions from elsewhere as runs, compared like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alzbench.compare import compare
from alzbench.errors import DataError
from alzbench.report.pages import write_run as write_page
from alzbench.report.terminal import render_run
from alzbench.runner.importing import import_predictions
from alzbench.runner.plan import short_hash
from alzbench.store import Run, RunStore, read_run
from tests.report.test_document import write_answers
from tests.report.test_terminal import text_of
from tests.test_store import write_run


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def own(store: RunStore) -> Run:
    """A run of ours with images below folders, as its card names them."""
    path = write_run(store.root, 0.6, n=96, experiment="own", test="")
    write_answers(path, 0, 0.6)
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
    run = import_predictions(tmp_path / "p.csv", "notebook", store, like=own)
    assert (run.card.state, run.card.test, run.card.protocol) == ("complete", own.card.test, own.card.protocol)
    (group,) = compare(store.runs(), [], "own").groups
    rows = {row.label: row for row in group.rows}
    right = (written["label"] == written["predicted"]).mean()
    assert rows["notebook"].accuracy is not None
    assert rows["notebook"].accuracy.mean == pytest.approx(right)
    assert rows["notebook"].leaks == own.card.leaks
    (pair,) = group.pairs
    assert (pair.baseline, pair.other, pair.by, pair.seeds) == ("own", "notebook", "subject", (0,))
    difference = pair.differences["accuracy"]
    assert difference is not None
    table = own.table("predictions.csv")
    assert difference.interval.value == pytest.approx(right - (table["label"] == table["predicted"]).mean())


def test_runs_from_elsewhere_alone_can_be_compared_and_shown(store: RunStore, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("a", 1), ("b", 0)):
        rows = [(k, "AB"[k % 2], "AB"[(k + (k * 7 + seed) % 3 // 2) % 2], f"s{k // 2 % 9}{k % 2}") for k in range(90)]
        table = pd.DataFrame(rows, columns=["image", "label", "predicted", "subject"])
        table.to_csv(tmp_path / "p.csv", index=False)
        run = import_predictions(tmp_path / "p.csv", name, store, seed=seed, classes=("A", "B"))
    (group,) = compare(store.runs(), []).groups
    assert [(row.label, row.seeds) for row in group.rows] == [("a", (0, 1)), ("b", (0,))]
    assert group.rows[0].intervals["accuracy"].clusters == 18
    assert "not known" in group.leaks
    assert "accuracy" in text_of(render_run(run))
    write_page(run, tmp_path / "page.html")
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda t: t[1:], "all test images of .* must be there; .* are missing", id="missing"),
        pytest.param(lambda t: t.assign(image=["x.png", *t["image"][1:]]), "x.png are not", id="unknown"),
        pytest.param(lambda t: t.assign(label=t["predicted"]), "those of .* differ", id="labels"),
        pytest.param(lambda t: t.assign(image=[t["image"].iloc[1], *t["image"][1:]]), "must come once", id="twice"),
        pytest.param(lambda t: t.assign(predicted="C"), "must be one of A, B; found 'C'", id="class"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_run_is_refused_and_nothing_is_stored(
    own: Run, store: RunStore, tmp_path: Path, change: object, said: str
) -> None:
    table = from_a_notebook(own, tmp_path / "p.csv")
    assert callable(change)
    change(table).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(DataError, match=said):
        import_predictions(tmp_path / "p.csv", "notebook", store, like=own)
    assert [run.card.experiment for run in store.runs()] == ["own"]


def test_the_end_of_a_name_that_could_be_several_is_refused(own: Run, store: RunStore, tmp_path: Path) -> None:
    table = own.table("predictions.csv")
    table["image"] = ["a/x.png", "b/x.png", *table["image"][2:]]
    table.to_csv(own.path / "predictions.csv", index=False)
    table.assign(image=["x.png", "b/x.png", *table["image"][2:]]).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(DataError, match=r"x\.png are not, or could be several"):
        import_predictions(tmp_path / "p.csv", "notebook", store, like=own)


def test_without_a_run_the_classes_must_be_named(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image,label,predicted\nx,A,A\n")
    with pytest.raises(DataError, match="--classes"):
        import_predictions(tmp_path / "p.csv", "n", store)
