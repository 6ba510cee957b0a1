"""Predictions from elsewhere: what is taken, and the sentence for each thing that is wrong."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alzbench.errors import DataError, ExperimentError
from alzbench.store.foreign import MOST_CLASSES, read_predictions

CLASSES = ("A", "B")
GOOD = "image,label,predicted\nx.png,A,A\ny.png,B,A\n"
LIKELY = "image,label,p_A,p_B\nx.png,A,0.9,0.1\ny.png,B,0.3,0.7\n"

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(content: str | bytes) -> Path:
        path = tmp_path / "p.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def test_labels_alone_are_taken_as_certain_and_marked(write: Write) -> None:
    found = read_predictions(write(GOOD), CLASSES)
    table = found.table
    assert found.labels_only
    assert not read_predictions(write(LIKELY), CLASSES).labels_only
    assert table.columns.tolist() == ["image", "subject", "slice", "label", "predicted", "p_A", "p_B"]
    assert table[["p_A", "p_B"]].to_numpy().tolist() == [[1, 0], [1, 0]]
    assert table["subject"].tolist() == ["", ""]


def test_probabilities_say_what_is_predicted(write: Write) -> None:
    assert read_predictions(write(LIKELY), CLASSES).table["predicted"].tolist() == ["A", "B"]


def test_probabilities_as_files_round_them_sum_to_one_afterwards(write: Write) -> None:
    table = read_predictions(write("image,label,p_A,p_B\nx,A,0.3334,0.6669\n"), CLASSES).table
    assert table[["p_A", "p_B"]].to_numpy().sum() == pytest.approx(1, abs=1e-15)


def test_columns_of_other_names_are_mapped(write: Write) -> None:
    text = "filename,y,prob_a,prob_b,who\nx.png,A,0.9,0.1,s1\n"
    columns = {"image": "filename", "label": "y", "p_A": "prob_a", "p_B": "prob_b", "subject": "who"}
    table = read_predictions(write(text), CLASSES, columns).table
    assert table.loc[0, ["image", "label", "subject", "p_A"]].tolist() == ["x.png", "A", "s1", 0.9]


def test_a_byte_order_mark_and_odd_names_are_no_trouble(write: Write) -> None:
    table = read_predictions(
        write(b"\xef\xbb\xbf" + b'image,label,predicted\n"a,b ""c"".png",A,A\nNA,A,B\n'), CLASSES
    ).table
    assert table["image"].tolist() == ['a,b "c".png', "NA"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "with a heading", id="empty"),
        pytest.param("image,label,predicted\n", "at least one row", id="no-rows"),
        pytest.param(GOOD.encode("utf-16"), "looks like UTF-16", id="utf-16"),
        pytest.param(GOOD.encode("utf-16-le"), "looks like UTF-16", id="utf-16-without-mark"),
        pytest.param(b"image,label,predicted\n\xe9.png,A,A\n", "byte 22 is invalid", id="latin-1"),
        pytest.param("file,label,predicted\nx,A,A\n", "must have a column image; its columns are file", id="no-image"),
        pytest.param("image,label\nx,A\n", "predicted, or a probability p_<class>", id="no-answer"),
        pytest.param("image,label,p_A\nx,A,1\n", "p_B is missing", id="one-probability"),
        pytest.param("image,label,predicted\nx,A,A\nx,A,A\n", "repeated: 'x'", id="twice"),
        pytest.param("image,label,predicted\nx,A,A\n,A,A\n", "name its image; missing: line 3", id="no-name"),
        pytest.param("image,label,predicted\nx,x,A\n", "label must be one of A, B; found 'x'", id="unknown-label"),
        pytest.param("image,label,predicted\nx,A,C\n", "predicted must be one of A, B; found 'C'", id="unknown-answer"),
        pytest.param("image,label,p_A,p_B\nx,A,0.5,0.6\n", "rounding; wrong: line 2 (the first: 1.1)", id="sum"),
        pytest.param("image,label,p_A,p_B\nx,A,nan,0.6\n", "from 0 to 1; wrong: line 2", id="nan"),
        pytest.param("image,label,p_A,p_B\nx,A,,1\n", "from 0 to 1; wrong: line 2", id="blank"),
        pytest.param("image,label,p_A,p_B\nx,A,-1,2\n", "from 0 to 1; wrong: line 2", id="logits"),
        pytest.param("image,label,p_A,p_B\nx,A,inf,0\n", "from 0 to 1; wrong: line 2", id="infinite"),
        pytest.param('image,label,predicted\n"x,A,A\n', "a quote is not closed, line 2", id="open-quote"),
        pytest.param(
            "image,label,predicted\nx,A,A,A,A\ny,A\n", "3 fields, one per column; wrong: lines 2, 3 (the first has 5)",
            id="ragged",
        ),
        pytest.param("image,label,predicted\nx,A,A,\n", "wrong: line 2 (the first has 4)", id="trailing-comma"),
        pytest.param("image;label;predicted\nx;A;A\n", "it has semicolons", id="semicolons"),
        pytest.param("image\tlabel\tpredicted\nx\tA\tA\n", "it has tabs", id="tabs"),
        pytest.param(b"image,label,predicted\nx\0,A,A\n", "byte 23 is not text", id="nul"),
        pytest.param("image,label,predicted,label\nx,A,A,B\n", "repeated: 'label'", id="column-twice"),
        pytest.param(
            "image,label,predicted,p_A,p_B\nx,A,A,0.9,0.1\n\ny,A,A,0.1,0.9\n", "most probable class; wrong: line 4",
            id="contradiction",
        ),
        pytest.param("image,label,p_B\nx,A,0.1\n", "p_A is missing. Add it as 1 - p_B.", id="one-sigmoid"),
        pytest.param("sep=,\nimage,label,predicted\nx,A,A\n", "remove the first line, sep=,, of Excel", id="excel"),
        pytest.param(gzip.compress(b"image,label,predicted\nx,A,A\n"), "it is compressed", id="gzip"),
        pytest.param("image,label,p_A,p_B,p_C\nx,A,1,0,0\n", "of other classes: 'p_C'", id="unknown-probability"),
        pytest.param(
            "image,label,predicted,subject\nx,A,A,s\ny,B,A,s\n", "one label; several labels: 's'", id="subject-of-two"
        ),
        pytest.param(
            "image,label,predicted,subject\nx,A,A,s\ny,B,A,\n", "all rows or none must name a subject; missing: line 3",
            id="some-subjects",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(write: Write, content: str | bytes, said: str) -> None:
    path = write(content)
    with pytest.raises(DataError) as error:
        read_predictions(path, CLASSES)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_many_wrong_rows_are_counted(write: Write) -> None:
    rows = "".join(f"x{k},A,0.5,0.6\n" for k in range(9))
    with pytest.raises(DataError, match=r"lines 2, 3, 4, 5, 6 and 4 more"):
        read_predictions(write("image,label,p_A,p_B\n" + rows), CLASSES)


def test_a_mapped_column_must_be_there(write: Write) -> None:
    with pytest.raises(DataError, match=r"no column 'lable'. Did you mean 'label'"):
        read_predictions(write(GOOD), CLASSES, {"label": "lable"})


def test_columns_can_change_their_names(write: Write) -> None:
    table = read_predictions(write(GOOD), CLASSES, {"label": "predicted", "predicted": "label"}).table
    assert table[["label", "predicted"]].to_numpy().tolist() == [["A", "A"], ["A", "B"]]


def test_one_column_is_one_thing(write: Write) -> None:
    with pytest.raises(ExperimentError, match="a different column each time"):
        read_predictions(write(GOOD), CLASSES, {"label": "predicted", "predicted": "predicted"})


def test_the_classes_are_those_of_the_probabilities_in_their_order(write: Write) -> None:
    table = read_predictions(write("image,label,p_B,prob,p_a\nx,A,0,1,0\n"), None, {"p_A": "prob"}).table
    assert [name for name in table if name.startswith("p_")] == ["p_B", "p_A", "p_a"]


def test_a_tie_is_answered_either_way(write: Write) -> None:
    table = read_predictions(write("image,label,predicted,p_A,p_B\nx,A,A,0.5,0.5\ny,A,B,0.5,0.5\n")).table
    assert table["predicted"].tolist() == ["A", "B"]


@pytest.mark.parametrize("content", [GOOD, "image,label,p_A\nx,A,1\n"], ids=["answers", "one-class"])
def test_classes_that_are_not_known_must_be_given(write: Write, content: str) -> None:
    with pytest.raises(ExperimentError, match="--classes"):
        read_predictions(write(content))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_predictions(tmp_path / "none.csv", CLASSES)


@pytest.mark.slow
def test_a_million_rows_are_read(write: Write) -> None:
    share = np.random.default_rng(0).random(1_000_000)
    table = pd.DataFrame({"image": np.arange(1_000_000), "label": "A", "p_A": share, "p_B": 1 - share})
    assert len(read_predictions(write(table.to_csv(index=False)), CLASSES).table) == 1_000_000


@pytest.mark.parametrize("digits", [2, 3, 6])
def test_rounded_probabilities_are_taken_and_sum_to_one(tmp_path: Path, digits: int) -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 500)
    names = ("A", "B", "C", "D")
    table = pd.DataFrame({f"p_{name}": np.round(shares[:, k], digits) for k, name in enumerate(names)})
    table.assign(image=range(500), label="A").to_csv(tmp_path / "p.csv", index=False)
    assert table.sum(axis=1).sub(1).abs().max() > 0.9 * 10.0**-digits
    found = read_predictions(tmp_path / "p.csv").table[[f"p_{name}" for name in names]]
    assert np.allclose(found.sum(axis=1), 1, atol=1e-12)
    assert np.allclose(found, shares, atol=2 * 10.0**-digits)


def test_what_is_a_little_off_is_not_taken_for_logits(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image,label,p_A,p_B\nx,A,0.5,0.45\n")
    with pytest.raises(DataError, match=r"the first: 0\.95\)\. Write them with more digits"):
        read_predictions(tmp_path / "p.csv")


def test_more_classes_than_a_comparison_can_hold_are_refused(tmp_path: Path) -> None:
    names = [f"c{k}" for k in range(MOST_CLASSES + 1)]
    (tmp_path / "p.csv").write_text("image,label,predicted\nx,c0,c0\n")
    with pytest.raises(DataError, match="at most 50 classes; it has 51"):
        read_predictions(tmp_path / "p.csv", names)
