"""Documents as one HTML file that needs nothing else: figures inside, no network, sortable tables."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from alzbench import __version__
from alzbench.report.document import Section


@dataclass(frozen=True)
class Picture:
    """A figure as it stands in the page: base64 of an SVG file."""

    caption: str
    svg: str

    @classmethod
    def of(cls, figure: Figure, caption: str) -> Picture:
        """Draw a figure; the same figure always gives the same bytes."""
        content = io.BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": "alzbench"}):
            figure.savefig(content, format="svg", metadata={"Date": None}, bbox_inches="tight")
        return cls(caption, base64.b64encode(content.getvalue()).decode())


def render_html(
    title: str, about: str, sections: Sequence[Section], pictures: Sequence[Sequence[Picture]] | None = None
) -> str:
    """Return a page. All text is escaped, whatever the names of classes, experiments and files.

    Args:
        title, about: Its heading, and the line below.
        sections: See `document.Section`.
        pictures: The figures of each section.
    """
    environment = Environment(
        loader=PackageLoader("alzbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    with_pictures = [
        {
            "title": section.title,
            "warnings": section.warnings,
            "tables": section.tables,
            "notes": section.notes,
            "pictures": pictures[k] if pictures else (),
        }
        for k, section in enumerate(sections)
    ]
    template = environment.get_template("report.html.j2")
    return template.render(title=title, about=about, sections=with_pictures, version=__version__)
