"""Documents as one HTML file that needs nothing else: figures inside, no network, sortable tables."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from alzbench import __version__
from alzbench.report.document import Section

_PX_A_PT = 4 / 3  # of CSS


@dataclass(frozen=True)
class Picture:
    """A figure as it stands in the page.

    Attributes:
        caption: What is below it.
        svg: Base64 of an SVG file, which has no background.
        width_px: Its width.
        beside: How the title of the table begins that it stands below; at the section's end where there is none.
    """

    caption: str
    svg: str
    width_px: int
    beside: str = ""

    @classmethod
    def of(cls, figure: Figure, caption: str, beside: str = "") -> Picture:
        """Draw a figure; the same figure always gives the same bytes."""
        content = io.BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": "alzbench"}):
            # without a background, so that the page's own is seen through it in both colour schemes
            figure.savefig(content, format="svg", metadata={"Date": None}, bbox_inches="tight", transparent=True)
        width_pt = re.search(rb'<svg[^>]* width="([0-9.]+)pt"', content.getvalue())
        width_px = round(float(width_pt.group(1)) * _PX_A_PT) if width_pt else 0
        return cls(caption, base64.b64encode(content.getvalue()).decode(), width_px, beside)


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
    placed = [_placed(section, pictures[k] if pictures else ()) for k, section in enumerate(sections)]
    template = environment.get_template("report.html.j2")
    return template.render(title=title, about=about, sections=placed, version=__version__)


def _placed(section: Section, pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return a section as the template takes it: each table with its figures, and the figures of none."""
    left = list(pictures)
    tables = []
    for table in section.tables:
        own = [picture for picture in left if picture.beside and table.title.startswith(picture.beside)]
        left = [picture for picture in left if picture not in own]
        tables.append((table, own))
    about = {"title": section.title, "warnings": section.warnings, "notes": section.notes}
    return {**about, "tables": tables, "pictures": left}
