"""CSV and TSV files; the errors of CSV files are also tested through predictions, in store/test_foreign.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.delimited import lines_of, quoted, read_delimited
from alzbench.errors import DataError


def test_the_index_is_the_line_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n\n1,"x\ny"\n2,z\n')
    table = read_delimited(tmp_path / "t.csv")
    assert table.to_dict("list") == {"a": ["1", "2"], "b": ["x\ny", "z"]}
    assert table.index.tolist() == [4, 5]


def test_a_tsv_file_has_tabs(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tb\n1,5\t2\n")
    assert read_delimited(tmp_path / "t.tsv").to_dict("list") == {"a": ["1,5"], "b": ["2"]}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "a;b\n1;2\n", "must have commas between its columns; it has semicolons"),
        ("t.tsv", "a,b\n1,2\n", "must have tabs between its columns; it has commas"),
        ("t.tsv", "", "must be a TSV file with a heading; it is empty"),
        ("t.csv", "a,b\n1\n", r"every row must have 2 fields.*line 2 \(the first has 1\)"),
        ("t.csv", "a,b\n", "at least one row"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_delimited(tmp_path / name)


def test_long_lists_are_cut() -> None:
    assert lines_of([3]) == "line 3"
    assert lines_of([1, 2, 3, 4, 5, 6, 7]) == "lines 1, 2, 3, 4, 5 and 2 more"
    assert quoted(list("abcdef")) == "'a', 'b', 'c', 'd', 'e' and 1 more"
