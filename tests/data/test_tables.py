"""Tables of images and of participants: standard names, missing values, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.data.tables import covariate_names, read_table
from alzbench.errors import DataError


def write(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_headings_get_standard_names_and_values_are_cleaned(tmp_path: Path) -> None:
    heading = "File Name,Patient-ID,Slice,Class,Subset,Age,Gender,MMSE score"
    rows = " a.png ,p1,007,CN,VAL,89+,F,n/a\nb.png,p2,0,AD,holdout,,M,29"
    text = f"{heading}\n{rows}\n"
    table = read_table(write(tmp_path, text))
    assert table.to_dict("list") == {
        "image": ["a.png", "b.png"], "subject": ["p1", "p2"], "slice": ["7", "0"], "label": ["CN", "AD"],
        "split": ["validation", "holdout"], "age": ["89", ""], "sex": ["F", "M"], "mmse_score": ["", "29"],
    }  # fmt: skip
    assert covariate_names(table) == ["age", "sex", "mmse_score"]


def test_participants_need_no_image(tmp_path: Path) -> None:
    path = write(tmp_path, "participant_id\tdiagnosis\nsub-1\tCN\n", "participants.tsv")
    assert read_table(path, "subject").to_dict("list") == {"subject": ["sub-1"], "label": ["CN"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject,label\na,b\n", r"must have a column image \(or file, .*its columns are subject, label"),
        ("imge,subject\na,b\n", "Did you mean 'imge'"),
        ("image,age\na,60\n", "must have a column subject or label; its columns are image, age"),
        ("image,subject\na,b\na,c\n", "each image must have one row only; repeated: 'a'"),
        ("image,subject\na,b\nn/a,c\n", "every row must name its image; missing: line 3"),
        ("image,subject,age\na,b,old\n", "an age must be a number of years.*found 'old', line 2"),
        ("image,subject,age\na,b,-1\n", "an age must be a number of years.*found '-1'"),
        ("image,subject,age\na,b,inf\n", "an age must be a number of years.*found 'inf'"),
        ("image,subject,patient\na,b,c\n", "only one column may give the subject; 'subject' and 'patient' do"),
        ("image,subject,--\na,b,c\n", "every column must have a name"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(tmp_path, text))
