"""Documents as a part of a page, for the output of a cell of a notebook."""

from __future__ import annotations

from dataclasses import replace

from jinja2 import Environment, PackageLoader, StrictUndefined

from alzbench.report.document import Document, number


def render_fragment(document: Document) -> str:
    """Return a part of an HTML page with what a terminal shows of a document; all text is escaped."""
    environment = Environment(
        loader=PackageLoader("alzbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    sections = [replace(s, tables=tuple(t for t in s.tables if t.terminal)) for s in document.sections]
    return environment.get_template("notebook.html.j2").render(sections=sections, number=number)
