"""Notebooks: progress is one output that changes, and the notebook of the repository runs from top to bottom."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from alzbench.notebook import MOST_LINES, in_notebook
from tests.helpers.paths import EXPERIMENTS, ROOT

FILE = EXPERIMENTS / "notebook.ipynb"


class Client(NotebookClient):
    """A client that keeps what the kernel shows while it works."""

    shown: list[tuple[str, str]]  # kind of message, and text

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] in ("display_data", "update_display_data"):
            self.shown.append((msg["msg_type"], msg["content"]["data"]["text/plain"]))
        return super().process_message(msg, cell, cell_index)


Execute = Callable[[Any], Client]


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Run the cells of a notebook in an empty folder."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    folder = tmp_path / "work"
    folder.mkdir()

    def run(notebook: Any) -> Client:
        client = Client(notebook, timeout=500, resources={"metadata": {"path": str(folder)}})
        client.shown = []
        client.execute()
        return client

    return run


def notebook_of(*codes: str) -> Any:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(code)) for code in codes])


def outputs(client: Client) -> list[list[Any]]:
    """Return the outputs of each cell of code."""
    return [cell["outputs"] for cell in client.nb.cells if cell["cell_type"] == "code"]


def text(output: Any) -> str:
    return str(output["data"]["text/plain"] if "data" in output else output["text"])


# Progress


def test_a_terminal_is_not_a_notebook(execute: Execute) -> None:
    assert not in_notebook()
    ((output,),) = outputs(execute(notebook_of("from alzbench.notebook import in_notebook\nin_notebook()")))
    assert text(output) == "True"


def test_progress_is_one_output_that_is_updated_in_place(execute: Execute) -> None:
    code = """
        from alzbench import notebook

        notebook.INTERVAL_S = 0
        progress = notebook.NotebookProgress()
        with progress.track("outer", 3) as outer:
            for k in range(3):
                with progress.track(f"inner {k}", 100) as inner:
                    for step in range(100):
                        inner(1, note=f"step {step}")
                progress.say(f"<b>{k}</b> is done")
                outer(1)
        """
    client = execute(notebook_of(code))
    ((output,),) = outputs(client)
    assert text(output) == "<b>0</b> is done\n<b>1</b> is done\n<b>2</b> is done"
    assert "&lt;b&gt;2&lt;/b&gt; is done" in output["data"]["text/html"]
    kinds = [kind for kind, _ in client.shown]
    assert kinds == ["display_data", *["update_display_data"] * (len(kinds) - 1)]
    during = next(shown for _, shown in client.shown if shown.endswith("step 41") and "inner 1" in shown)
    said, outer, inner = during.splitlines()
    assert said == "<b>0</b> is done"
    assert outer.startswith("outer")
    assert "1/3" in outer
    assert inner.startswith("inner 1")
    assert "42/100" in inner


def test_quick_steps_are_not_shown_one_by_one(execute: Execute) -> None:
    code = """
        from alzbench.notebook import NotebookProgress

        with NotebookProgress().track("images", 5000) as advance:
            for _ in range(5000):
                advance(1)
        """
    client = execute(notebook_of(code))
    ((output,),) = outputs(client)
    assert text(output) == ""
    assert len(client.shown) < 30


def test_of_many_lines_the_last_ones_are_shown(execute: Execute) -> None:
    code = f"""
        from alzbench.notebook import NotebookProgress

        progress = NotebookProgress()
        for k in range({MOST_LINES + 5}):
            progress.say(f"line {{k}}")
        """
    ((output,),) = outputs(execute(notebook_of(code)))
    assert text(output).splitlines() == ["5 more lines", *(f"line {k}" for k in range(5, MOST_LINES + 5))]


# The notebook of the repository


def test_the_notebook_has_eight_cells_and_no_outputs() -> None:
    notebook = nbformat.read(FILE, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell["cell_type"] == "code"]
    assert len(cells) == 8
    assert "\nDEMO = True\n" in cells[0]["source"]
    assert [cell for cell in cells if cell["outputs"] or cell["execution_count"] is not None] == []
    headings = [cell["source"].splitlines()[0] for cell in notebook.cells if cell["cell_type"] == "markdown"][1:]
    named = ["Install", "Demo", "Real images", "Run", "Compare", "Audit", "Explain", "Predict"]
    assert headings == [f"## {number}. {name}" for number, name in enumerate(named, start=1)]


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(execute: Execute, tmp_path: Path) -> None:
    client = execute(nbformat.read(FILE, as_version=4))
    install, demo, images, run, compare, audit, explain, predict = outputs(client)
    assert install == []
    assert [text(output) for output in images] == ["'phantom'"]
    for cell in (demo, run):
        progress, result = cell
        assert "attention, seed 0: complete, test accuracy" in text(progress)
        assert "DEMO on synthetic images" in result["data"]["text/html"]
        assert 'class="warning"' in result["data"]["text/html"]
    assert "image/png" in compare[0]["data"]
    assert "baseline" in text(compare[-1])
    assert "image/png" in audit[-2]["data"]
    assert "Grad-CAM" in "".join(text(output) for output in explain if output["output_type"] == "stream")
    assert len([output for output in explain if "image/png" in output.get("data", {})]) == 4
    assert text(predict[-1]).count(".png") == 3
    assert max(map(len, outputs(client))) < 10
    assert [text(output) for cell in outputs(client) for output in cell if output.get("name") == "stderr"] == []
    assert sorted(os.listdir(tmp_path / "work")) == ["demo-runs", "explained.html", "predicted.csv"]
