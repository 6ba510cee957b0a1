"""What is written to files: a comparison or a run as a page, and in the other formats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from alzbench import __version__, atomic
from alzbench.compare import Comparison
from alzbench.compare.disagreements import disagreements
from alzbench.errors import ExperimentError
from alzbench.report.document import Section, comparison_sections
from alzbench.report.export import comparison_table
from alzbench.report.markup import render_latex, render_markdown
from alzbench.store import Run


@dataclass(frozen=True)
class Files:
    """The files that a comparison is written to; None for what is not asked for."""

    html: Path | None = None
    markdown: Path | None = None
    latex: Path | None = None
    csv: Path | None = None
    figure: Path | None = None
    disagreements: Path | None = None

    @classmethod
    def under(cls, folder: Path, name: str) -> Files:
        """Return all of them, side by side."""
        path = folder / name
        endings = (".html", ".md", ".tex", ".csv", ".png", "-disagreements.csv")
        return cls(*(path.with_name(path.name + ending) for ending in endings))


def write_comparison(comparison: Comparison, *sets: Files) -> None:
    """Write a comparison to the files that are asked for, in one set or several.

    Raises:
        ExperimentError: Two of them are one.
        DataError: The stored predictions are damaged.
    """
    _require_apart(getattr(files, of.name) for files in sets for of in fields(files))
    for files in sets:
        _write_comparison(comparison, files)


def _write_comparison(comparison: Comparison, files: Files) -> None:
    title = "Comparison"
    about = f"alzbench {__version__}; runs of one section have the same test images, seed by seed, and can be compared."
    # sections read the predictions of every run, which a table alone can do without
    sections = comparison_sections(comparison) if files.html or files.markdown or files.latex else []
    _write_text(title, about, sections, files.markdown, files.latex)
    if files.csv:
        atomic.write_text(files.csv, comparison_table(comparison).to_csv(index=False, lineterminator="\n"))
    if files.disagreements:
        atomic.write_text(files.disagreements, disagreements(comparison).to_csv(index=False, lineterminator="\n"))
    if files.figure:
        from alzbench.drawing import save
        from alzbench.report.figure import comparison_figure

        save(comparison_figure(comparison), files.figure)
    if files.html:
        from alzbench.report.html import Picture, render_html
        from alzbench.report.pictures import placed_figures

        pictures = [[Picture.of(*placed) for placed in placed_figures(group)] for group in comparison.groups]
        atomic.write_text(files.html, render_html(title, about, sections, pictures))


def write_run(
    run: Run, html: Path | None, markdown: Path | None = None, latex: Path | None = None, csv: Path | None = None
) -> None:
    """Write a complete run to the files that are asked for.

    Raises:
        DataError: It is not complete, or its predictions are not there.
        ExperimentError: Two of the files are one.
    """
    _require_apart((html, markdown, latex, csv))
    from alzbench.report.run_document import run_figures, run_sections
    from alzbench.report.run_scores import run_table

    title, about = f"{run.card.experiment}, {run.path.name}", f"alzbench {__version__}"
    sections = run_sections(run)
    _write_text(title, about, sections, markdown, latex)
    if csv:
        atomic.write_text(csv, run_table(run).to_csv(index=False, lineterminator="\n"))
    if html:
        from alzbench.report.html import Picture, render_html

        pictures = [Picture.of(*placed) for placed in run_figures(run)]
        atomic.write_text(html, render_html(title, about, sections, [pictures]))


def _require_apart(paths: Iterable[Path | None]) -> None:
    named = [path.resolve() for path in paths if path]
    twice = [path.name for path in named if named.count(path) > 1]
    if twice:
        raise ExperimentError(f"Each format must have a file of its own; {twice[0]} is asked for {len(twice)} times.")


def _write_text(title: str, about: str, sections: Sequence[Section], markdown: Path | None, latex: Path | None) -> None:
    if markdown:
        atomic.write_text(markdown, render_markdown(title, about, sections))
    if latex:
        atomic.write_text(latex, render_latex(title, sections))
