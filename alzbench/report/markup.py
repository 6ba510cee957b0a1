"""Documents as Markdown (GitHub's tables) and as LaTeX (booktabs), with every name as plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alzbench.report.document import Section, Table

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", "±": r"$\pm$", "–": "--", "\n": " ", "\r": " ",
    "[": "{[}", "]": "{]}", "*": "{*}",  # after the end of a row they would be taken for its options
}  # fmt: skip
_AS_WIDE_AS_THE_TEXT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def render_markdown(title: str, about: str, sections: Sequence[Section]) -> str:
    """Return a Markdown document."""
    parts = [f"# {_markdown(title)}", _markdown(about)]
    for section in sections:
        parts.append(f"## {_markdown(section.title)}")
        parts += [f"**{_markdown(warning)}**" for warning in section.warnings]
        for table in section.tables:
            parts += [f"### {_markdown(table.title)}", _markdown_table(table)]
            parts += [_markdown(table.note)] if table.note else []
        parts += [_markdown(note) for note in section.notes]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_latex(title: str, sections: Sequence[Section]) -> str:
    """Return LaTeX tables, to be read into a document that loads the packages booktabs and graphicx."""
    parts = [
        f"% {' '.join(title.split())}; needs \\usepackage{{booktabs,graphicx}}, "
        "and for names in other than Latin letters lualatex or xelatex"
    ]
    for number, section in enumerate(sections, start=1):
        for table in section.tables:
            what = f"{section.title}: {table.title[:1].lower()}{table.title[1:]}"
            label = re.sub(r"[^a-z0-9]+", "-", f"{number} {table.title}".lower()).strip("-")
            parts.append(_latex_table(table, _sentences(what, *section.warnings, table.note), label))
        parts += [f"\\par\\noindent{{\\small {latex(note)}\\par}}" for note in section.notes]
    return "\n\n".join(parts) + "\n"


def _sentences(*texts: str) -> str:
    """Return texts as sentences, with one full stop each."""
    return " ".join(f"{text.rstrip('.')}." for text in texts if text)


def _markdown_table(table: Table) -> str:
    lines = [
        [_markdown(column) for column in table.columns],
        ["---", *["---:"] * (len(table.columns) - 1)],
        *([_markdown(cell.text) for cell in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown(text: str) -> str:
    """Return text in which nothing is markup: neither Markdown's nor the HTML that it lets through."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#!~$])", r"\\\1", plain)


def _latex_table(table: Table, caption: str, label: str) -> str:
    head = " & ".join(latex(column) for column in table.columns)
    rows = [" & ".join(latex(cell.text) for cell in row) + r" \\" for row in table.rows]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            f"\\caption{{{latex(caption)}}}",
            f"\\label{{tab:{label}}}",
            _AS_WIDE_AS_THE_TEXT,
            f"\\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
            r"\toprule",
            head + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
        ]
    )


def latex(text: str) -> str:
    """Return text with LaTeX's special characters escaped."""
    return "".join(_LATEX.get(character, character) for character in text)
