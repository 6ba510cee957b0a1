"""Documents written to files: one page of HTML, Markdown, LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alzbench import __version__, atomic
from alzbench.compare import Comparison
from alzbench.report.document import Section, comparison_sections
from alzbench.report.markup import render_latex, render_markdown
from alzbench.report.run_document import run_figures, run_sections
from alzbench.store import Run


def write_comparison(
    comparison: Comparison, html: Path | None = None, markdown: Path | None = None, latex: Path | None = None
) -> None:
    """Write a comparison to the files that are asked for."""
    from alzbench.report.html import Picture, render_html
    from alzbench.report.pictures import comparison_figures

    title, sections = "Comparison", comparison_sections(comparison)
    about = f"alzbench {__version__}; runs in one section have the same test images, those of different ones have not."
    _write_text(title, about, sections, markdown, latex)
    if html:
        pictures = [
            [Picture.of(figure, caption) for figure, caption in comparison_figures(group)]
            for group in comparison.groups
        ]
        atomic.write_text(html, render_html(title, about, sections, pictures))


def write_run(run: Run, html: Path, markdown: Path | None = None, latex: Path | None = None) -> None:
    """Write a complete run to a page, and to the other files that are asked for.

    Raises:
        DataError: It is not complete, or its predictions are not there.
    """
    from alzbench.report.html import Picture, render_html

    title, about = f"{run.card.experiment}, {run.path.name}", f"alzbench {__version__}"
    sections = run_sections(run)
    _write_text(title, about, sections, markdown, latex)
    pictures = [Picture.of(figure, caption) for figure, caption in run_figures(run)]
    atomic.write_text(html, render_html(title, about, sections, [pictures]))


def _write_text(title: str, about: str, sections: Sequence[Section], markdown: Path | None, latex: Path | None) -> None:
    if markdown:
        atomic.write_text(markdown, render_markdown(title, about, sections))
    if latex:
        atomic.write_text(latex, render_latex(title, sections))
