"""Documents as one HTML file, with embedded figures and sortable tables, that needs no network."""

from __future__ import annotations

import base64
import io
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from alzbench import __version__
from alzbench.report.document import Document, Section, number

_PX_A_PT = 4 / 3  # of CSS
_EMBEDDED = re.compile(rb'data:image/png;base64,([^"]+)"([^>]*?)( style="[^"]*")?/>')
_QUALITY = 70  # of images
_SMALL = 2000  # bytes of a picture with few pixels, whose edges stay sharp


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes:
        caption: The text below it.
        svg: Base64 of an SVG file; it has no background, unless it shows images.
        width_px: Its width.
        beside: Key of the table above it; without such a table, it is at the end of the section.
        images: True if it shows images, whose colours are never inverted.
    """

    caption: str
    svg: str
    width_px: int
    beside: str = ""
    images: bool = False

    @classmethod
    def of(cls, figure: Figure, caption: str, beside: str = "", images: bool = False) -> Picture:
        """Draw a figure; the same figure always gives the same bytes."""
        content = io.BytesIO()
        # beside images, texts as text: as outlines they would be larger than the images
        fonts = "none" if images else "path"
        with matplotlib.rc_context({"svg.hashsalt": "alzbench", "svg.fonttype": fonts}):
            # transparent, so that it fits both colour schemes of the page
            figure.savefig(content, format="svg", metadata={"Date": None}, bbox_inches="tight", transparent=not images)
        svg = _EMBEDDED.sub(_smaller, content.getvalue()) if images else content.getvalue()
        width_pt = re.search(rb'<svg[^>]* width="([0-9.]+)pt"', svg)
        width_px = round(float(width_pt.group(1)) * _PX_A_PT) if width_pt else 0
        return cls(caption, base64.b64encode(svg).decode(), width_px, beside, images)


def _smaller(embedded: re.Match[bytes]) -> bytes:
    """Return an embedded PNG as WebP, if that is smaller, which is then smooth at every size."""
    png, webp = base64.b64decode(embedded.group(1)), io.BytesIO()
    if len(png) < _SMALL:
        return embedded.group()
    with Image.open(io.BytesIO(png)) as image:
        image.save(webp, "WEBP", quality=_QUALITY, method=6)
    if len(webp.getvalue()) >= len(png):
        return embedded.group()
    return b'data:image/webp;base64,%s"%s/>' % (base64.b64encode(webp.getvalue()), embedded.group(2))


def render_html(document: Document, pictures: Sequence[Sequence[Picture]] = ()) -> str:
    """Return a page. All text is escaped, including the names of classes, experiments and files.

    Args:
        document: The document.
        pictures: The figures of each section, if there are any.
    """
    environment = Environment(
        loader=PackageLoader("alzbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    placed = [_placed(section, pictures[k] if k < len(pictures) else ()) for k, section in enumerate(document.sections)]
    template = environment.get_template("report.html.j2")
    return template.render(
        title=document.title, about=document.about, sections=document.sections, pictures=placed, number=number,
        version=__version__,
    )  # fmt: skip


def _placed(section: Section, pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    """Return the figures by the table above them; the key is empty for figures at the end."""
    keys = {table.key for table in section.tables}
    placed = defaultdict[str, list[Picture]](list)
    for picture in pictures:
        placed[picture.beside if picture.beside in keys else ""].append(picture)
    return placed
