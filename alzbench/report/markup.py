"""Documents as Markdown (GitHub's tables) and as LaTeX (booktabs), with every name as plain text."""

from __future__ import annotations

import re

from alzbench.report.document import Document, Table, printable

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", "±": r"$\pm$", "·": r"$\cdot$", "–": "--",
    "[": "{[}", "]": "{]}", "*": "{*}",  # at the end of a row, LaTeX would read them as options
}  # fmt: skip
_AS_WIDE_AS_THE_TEXT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def render_markdown(document: Document) -> str:
    """Return a Markdown document."""
    parts = [f"# {_markdown(document.title)}", _markdown(document.about)]
    for section in document.sections:
        parts.append(f"## {_markdown(section.title)}")
        parts += [f"**{_markdown(warning)}**" for warning in section.warnings]
        parts += [_markdown(sentence) for sentence in section.answer]
        for table in section.tables:
            parts += [f"### {_markdown(table.title)}", _markdown_table(table), _markdown(table.note)]
        parts += [_markdown(note) for note in (*section.notes, *section.sources)]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_latex(document: Document) -> str:
    """Return LaTeX tables, for a document that loads the packages booktabs and graphicx."""
    parts = [
        f"% {' '.join(document.title.split())}; needs \\usepackage{{booktabs,graphicx}}, "
        "and lualatex or xelatex for names in non-Latin letters"
    ]
    for number, section in enumerate(document.sections, start=1):
        for table in section.tables:
            what = f"{section.title}: {_within_a_sentence(table.title)}"
            label = re.sub(r"[^a-z0-9]+", "-", f"{number} {table.title}".lower()).strip("-")
            parts.append(_latex_table(table, _sentences(what, *section.warnings, table.note), label))
        parts += [f"\\par\\noindent{{\\small {latex(note)}\\par}}" for note in (*section.notes, *section.sources)]
    return "\n\n".join(parts) + "\n"


def _within_a_sentence(title: str) -> str:
    """Return a title without its first capital letter, unless that is part of a name such as F1."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _sentences(*texts: str) -> str:
    """Return texts as sentences, with one full stop each."""
    return " ".join(f"{text.rstrip('.')}." for text in texts if text)


def _markdown_table(table: Table) -> str:
    lines = [
        [_markdown(column.label) for column in table.columns],
        ["---" if column.form is None else "---:" for column in table.columns],
        *([_markdown(text) for text in row] for row in table.texts),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown(text: str) -> str:
    """Return text in which nothing is markup: neither as Markdown nor as HTML inside Markdown."""
    plain = " ".join(printable(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#!~$])", r"\\\1", plain)


def _latex_table(table: Table, caption: str, label: str) -> str:
    head = " & ".join(latex(column.label) for column in table.columns)
    rows = [" & ".join(map(latex, row)) + r" \\" for row in table.texts]
    kinds = "".join("l" if column.form is None else "r" for column in table.columns)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            f"\\caption{{{latex(caption)}}}",
            f"\\label{{tab:{label}}}",
            _AS_WIDE_AS_THE_TEXT,
            f"\\begin{{tabular}}{{{kinds}}}",
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
    return "".join(_LATEX.get(character, character) for character in printable(text))
