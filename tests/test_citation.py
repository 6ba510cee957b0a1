"""CITATION.cff: it fits the Citation File Format 1.2.0, and says of the package what the package says of itself."""

from __future__ import annotations

import tomllib
from typing import Any

import yaml

import alzbench
from tests.helpers.paths import ROOT

REQUIRED = {"cff-version", "message", "title", "authors"}
OTHERS = {"abstract", "date-released", "doi", "keywords", "license", "references", "repository-code", "type", "version"}


def read() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return content


def test_it_has_the_keys_of_the_format() -> None:
    content = read()
    assert content["cff-version"] == "1.2.0"
    assert set(content) >= REQUIRED
    assert set(content) <= REQUIRED | OTHERS
    assert content["type"] == "software"
    assert all(set(author) in ({"name"}, {"family-names", "given-names"}) for author in content["authors"])
    assert all(isinstance(word, str) for word in content["keywords"])


def test_it_names_this_version_and_its_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert str(read()["version"]) == alzbench.__version__
    assert read()["license"] == project["license"]
    assert read()["title"].startswith(f"{project['name']}: ")
