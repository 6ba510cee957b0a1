"""`alzbench import`."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.store import RunStore
from tests.helpers.command import Command, assert_sentence


def test_import_stores_a_run(alzbench: Command, tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("filename,label,predicted\nx.png,A,A\ny.png,B,A\n")
    arguments = ("import", file, "--name", "notebook", "--classes", "A,B")
    assert_sentence(alzbench(*arguments), 3, "must have a column image", "--column image=NAME")
    assert_sentence(alzbench(*arguments, "--column", "filename"), 2, "--column takes COLUMN=NAME")
    assert_sentence(alzbench("import", file, "--name", "a/b", "--classes", "A,B"), 2, "--name: name:")
    for classes, part in (("A,A", "A is repeated"), ("A,,B", "one is empty"), ("A", "At least two class names")):
        assert_sentence(
            alzbench("import", file, "--name", "n", "--column", "image=filename", "--classes", classes), 2, part
        )
    assert not Path("runs").exists()
    result = alzbench(*arguments, "--column", "image=filename")
    assert (result.code, result.err) == (0, "")
    again = alzbench(*arguments, "--column", "image=filename")
    assert (again.code, again.out) == (0, result.out)
    assert "nothing was changed" in again.err
    (run,) = RunStore(Path("runs")).runs()
    assert (str(run.path), run.evaluation().images.scores["accuracy"]) == (result.out.strip(), 0.5)
    assert "notebook" in alzbench("compare").out


@pytest.mark.parametrize("given", [["--classes", '"a,b",c'], ["--classes", "a,b", "--classes", "c"]], ids=str)
def test_names_of_classes_may_have_commas(alzbench: Command, tmp_path: Path, given: list[str]) -> None:
    (tmp_path / "p.csv").write_text('image,label,predicted\nx,"a,b",c\n')
    assert alzbench("import", tmp_path / "p.csv", "--name", "n", *given).code == 0
    assert RunStore(Path("runs")).runs()[0].evaluation().images.classes == ["a,b", "c"]
