"""The LaTeX tables are read by LaTeX itself."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from alzbench.compare import Reference, compare
from alzbench.compare.predictions import read_group
from alzbench.report.comparison import comparison_document
from alzbench.report.markup import render_latex
from alzbench.store import RunStore
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run

EVERY_SPECIAL = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum()).replace("/", "")
DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs,graphicx}
\begin{document}
\input{tables}
\end{document}
"""


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="pdflatex is not installed (Debian: texlive-latex-recommended)"
)
def test_every_special_character_is_set_in_a_table(tmp_path: Path) -> None:
    classes = (EVERY_SPECIAL, "x" + EVERY_SPECIAL[::-1])
    for name in ("baseline", f"e{EVERY_SPECIAL}"):
        path = write_run(
            tmp_path / "runs", 0.5, (0.5, 0.5), classes, 96, experiment=name, settings_hash=name, leaks=EVERY_SPECIAL
        )
        draw_predictions(path, len(name), 0.6, classes)
    published = Reference(name=EVERY_SPECIAL, accuracy=0.5, test_images=96, protocol="reference", source=EVERY_SPECIAL)
    comparison = compare(RunStore(tmp_path / "runs").runs(), [published])
    document = comparison_document(comparison, [read_group(group) for group in comparison.groups])
    assert len(document.sections[0].tables) >= 5
    (tmp_path / "tables.tex").write_text(render_latex(replace(document, title=EVERY_SPECIAL)), encoding="utf-8")
    (tmp_path / "document.tex").write_text(DOCUMENT)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "document.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert (tmp_path / "document.pdf").stat().st_size > 10_000
