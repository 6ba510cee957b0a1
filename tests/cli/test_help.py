"""Help: whole lines in a terminal of 80 columns, and nothing heavy imported for it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.helpers.command import Command
from tests.helpers.imports import HEAVY

VERBS = [
    "run", "compare", "sweep", "report", "explain", "predict", "export", "ensemble", "import", "audit", "list", "show",
    "schema", "sync", "dashboard",
]  # fmt: skip


def test_the_line_of_each_verb_is_whole(alzbench: Command) -> None:
    _, commands = alzbench("--help").out.split("Commands:\n")
    lines = [re.fullmatch(r"  (\S+) +(\S.*)", line) for line in commands.splitlines()]
    assert [line and line[1] for line in lines] == VERBS
    for line in lines:
        assert line
        assert len(line[0]) <= 80
        assert re.fullmatch(r"[A-Z].*[^.]\.", line[2])  # the sentence to its end, and not cut to "..."
        assert alzbench(line[1], "--help").out.splitlines()[2].strip() == line[2]


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_explains_each_option(alzbench: Command, verb: str) -> None:
    text = alzbench(verb, "--help").out
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in re.sub(r"\{?\[?[A-Z]+[}\]]*\.\.\.|,\.\.\.|://\.\.\.", "", text)
    options = re.split(r"\n  (?=--)", text.partition("\nOptions:")[2])[1:]
    assert options
    for option in options:
        assert re.search(r"  +[A-Z][^.]+", option), option


def test_help_imports_nothing_heavy() -> None:
    heavy = (*HEAVY, "pandas", "numpy", "sklearn", "yaml")
    code = f"""
import sys
from alzbench.cli import main
for command in (["--help"], *([verb, "--help"] for verb in {VERBS!r})):
    sys.argv = ["alzbench", *command]
    try:
        main()
    except SystemExit as end:
        print(end.code, *[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.split("\n") == [*["0"] * (1 + len(VERBS)), ""]
