"""Documents written to files: a comparison or a run as a page, and in the other formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from alzbench import atomic
from alzbench.compare import Comparison
from alzbench.compare.disagreements import disagreements
from alzbench.compare.literature import PublishedResult
from alzbench.compare.predictions import read_group
from alzbench.errors import ExperimentError
from alzbench.report.comparison import comparison_document
from alzbench.report.document import Document
from alzbench.report.explanation import explanation_document
from alzbench.report.export import render_csv
from alzbench.report.literature import with_published
from alzbench.report.markup import render_latex, render_markdown
from alzbench.report.run import run_document, score_run
from alzbench.report.shown_maps import maps_section, read_group_maps, read_run_maps
from alzbench.store import Run
from alzbench.store.explanation import Explanation

if TYPE_CHECKING:
    from alzbench.report.pictures import Placed


@dataclass(frozen=True)
class Files:
    """The files that a document is written to; None: not written."""

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


def write_comparison(
    comparison: Comparison,
    *sets: Files,
    predictions: bool = False,
    published: Sequence[PublishedResult] = (),
) -> Document:
    """Write a comparison to the given files, in one or several sets, and return its document.

    Args:
        comparison: The comparison.
        sets: The files.
        predictions: Read the stored predictions even if no file needs them.
        published: Published results, in a section of their own.

    Raises:
        ExperimentError: Two of the files are the same.
        DataError: The stored predictions are damaged.
    """
    _require_apart(sets)
    # a table on the terminal does not need the predictions
    needed = predictions or any((files.html, files.markdown, files.latex, files.csv) != (None,) * 4 for files in sets)
    read = [read_group(group) for group in comparison.groups] if needed else []
    shows_maps = any((files.html, files.markdown, files.latex) != (None,) * 3 for files in sets)
    maps = [read_group_maps(group) if shows_maps else None for group in comparison.groups]
    document = with_published(comparison_document(comparison, read, maps), comparison, published)
    for files in sets:
        if files.disagreements:
            atomic.write_text(files.disagreements, disagreements(comparison).to_csv(index=False, lineterminator="\n"))
        if files.figure:
            from alzbench.drawing import save
            from alzbench.report.figure import comparison_figure

            save(comparison_figure(comparison), files.figure)

    def figures() -> list[list[Placed]]:
        from alzbench.report.map_pictures import maps_figures
        from alzbench.report.pictures import group_figures

        groups = zip(comparison.groups, read, maps, strict=True)
        return [[*group_figures(group, predictions), *maps_figures(shown)] for group, predictions, shown in groups]

    write_document(document, sets, figures)
    return document


def write_run(run: Run, files: Files) -> Document:
    """Write a complete run to the given files, and return its document.

    Raises:
        DataError: It is not complete, or its predictions are not stored.
        ExperimentError: Two of the files are the same.
    """
    _require_apart([files])
    scored = score_run(run)
    document, maps = run_document(scored), read_run_maps(run)
    if maps is not None:
        document = replace(document, sections=(*document.sections, maps_section(maps)))

    def figures() -> list[list[Placed]]:
        from alzbench.report.map_pictures import maps_figures
        from alzbench.report.pictures import run_figures

        return [run_figures(scored), maps_figures(maps)]

    write_document(document, [files], figures)
    return document


def write_explanation(runs: Sequence[tuple[Run, Explanation]], files: Files) -> Document:
    """Write one or several explained runs to the given files, and return their document.

    The figure is that of the same images: a column for each run, or for each method of a single run.

    Raises:
        DataError: A file of an explanation is damaged.
        ExperimentError: Two of the files are the same.
    """
    _require_apart([files])
    document = explanation_document(runs)

    def figures() -> list[list[Placed]]:
        from alzbench.report.map_pictures import explanation_figures

        return explanation_figures(runs)

    if files.figure:
        from alzbench.drawing import save
        from alzbench.report.map_pictures import same_images

        if placed := same_images(runs):
            save(placed[0].figure, files.figure)
    write_document(document, [files], figures)
    return document


def write_document(
    document: Document, sets: Iterable[Files], figures: Callable[[], Sequence[Sequence[Placed]]]
) -> None:
    """Write a document to the given files; `figures` draws the figures of each section, for pages."""
    for files in sets:
        if files.markdown:
            atomic.write_text(files.markdown, render_markdown(document))
        if files.latex:
            atomic.write_text(files.latex, render_latex(document))
        if files.csv:
            atomic.write_text(files.csv, render_csv(document))
        if files.html:
            from alzbench.report.html import Picture, render_html

            pictures = [[Picture.of(*placed) for placed in section] for section in figures()]
            atomic.write_text(files.html, render_html(document, pictures))


def _require_apart(sets: Iterable[Files]) -> None:
    named = [path.resolve() for files in sets for field in fields(files) if (path := getattr(files, field.name))]
    twice = [path.name for path in named if named.count(path) > 1]
    if twice:
        raise ExperimentError(f"Each format must have a file of its own; {twice[0]} is given {len(twice)} times.")
