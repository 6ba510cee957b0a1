"""The documents: they are short enough, and the links, files, commands, settings and examples in them exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml
from pydantic import BaseModel, TypeAdapter

from alzbench.cli import app
from alzbench.experiment.parameter import Parameter
from alzbench.experiment.schema import BackboneSettings, Experiment
from alzbench.experiment.study import Study
from alzbench.experiment.sweep import Sweep
from alzbench.models import user_file
from alzbench.models.backbones import BACKBONES
from alzbench.models.user_file import find_backbone, find_variant
from alzbench.models.variants import VARIANTS
from tests.helpers.paths import ROOT

README, GUIDE = ROOT / "README.md", ROOT / "experiments" / "README.md"
DOCUMENTS = [README, GUIDE, ROOT / "reports" / "README.md", ROOT / "CONTRIBUTING.md"]
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def blocks(document: Path) -> list[str]:
    """Return the indented blocks of code."""
    matches = re.findall(r"(?:^    .*\n|^\n(?=    ))+", document.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip() for block in matches]


def passages(document: Path) -> list[list[str]]:
    """Return the code between backticks, of each paragraph or row of a table."""
    prose = re.sub(r"^    .*$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    parts = re.split(r"\n\s*\n|\n(?=[|-] ?)", prose)
    return [[" ".join(code.split()) for code in re.findall(r"`([^`]+)`", part)] for part in parts]


def commands(document: Path) -> Iterator[list[str]]:
    """Yield the words of each `alzbench` command, and of each option that is named without its command."""
    for code in [line for block in blocks(document) for line in block.split("\n")]:
        for command in re.split(r"&&|#", code):
            if command.strip().startswith("alzbench "):
                yield command.split()[1:]
    for passage in passages(document):
        verb = next((code.split()[1] for code in passage if re.match(r"alzbench [a-z]", code)), "")
        for code in passage:
            if code.startswith("alzbench "):
                yield code.split()[1:]
            elif code.startswith("--"):
                yield [verb, *code.split()]


@cache
def options() -> dict[str, set[str]]:
    """Return the options of each verb; those of `alzbench` itself under an empty name."""
    group: Any = typer.main.get_command(app)
    named = {**group.commands, "": group}
    return {name: {"--help", *(option for p in verb.params for option in p.opts)} for name, verb in named.items()}


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@every_document
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8"))
    assert links
    for link in links:
        if not link.startswith("http"):
            path, _, heading = link.partition("#")
            target = document.parent / path if path else document
            assert target.exists(), link
            assert not heading or heading in anchors(target), link


def anchors(document: Path) -> list[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\s-]", "", heading.lower()).replace(" ", "-") for heading in headings]


@every_document
def test_every_named_file_exists_and_holds_the_name(document: Path) -> None:
    """`experiments/x.yaml`, and `NAME` in `alzbench/x.py`."""
    text = " ".join(document.read_text(encoding="utf-8").split())
    for path in re.findall(r"\b(?:alzbench|experiments|tests)/[\w/.-]+\.(?:py|yaml|md)\b", text):
        assert (ROOT / path).is_file(), path
    for name, path in re.findall(r"`(\w+)` in `(alzbench/[\w/]+\.py)`", text):
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8")), (name, path)


@every_document
def test_every_command_and_option_exists(document: Path) -> None:
    for verb, *words in commands(document):
        if verb.startswith("--"):
            verb, words = "", [verb, *words]
        assert verb in options(), f"alzbench {verb}"
        known = options()[verb] if verb else set().union(*options().values())
        for option in [word.rstrip(".,") for word in words if word.startswith("--")]:
            assert option in known, f"alzbench {verb} {option}"


def test_the_command_table_names_every_verb() -> None:
    named = re.findall(r"^\| `alzbench ([a-z]+)", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(set(options()) - {""})


def settings(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields of a schema with their defaults; `...` for a field that has none."""
    for name, field in model.model_fields.items():
        sections = list(members(field.annotation))
        default = ... if field.is_required() else TypeAdapter(Any).dump_python(field.get_default(), mode="json")
        if not sections or default is None:
            yield before + name, default
        for section in sections:
            yield from settings(section, f"{before}{name}.")


def members(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models of an annotation, which may be a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif getattr(annotation, "__origin__", None) is not dict:
        for argument in get_args(annotation):
            yield from members(argument)


def test_the_guide_has_every_setting_with_its_default() -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \| (?:`([^|`]+)`)? ?\| [^|]+\|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE
    )
    documented = [(name, yaml.safe_load(default) if default else ...) for name, default in rows]
    expected = [pair for model in (Experiment, Study, Sweep, Parameter) for pair in settings(model)]
    assert {name for name, _ in documented} == {name for name, _ in expected}
    assert [pair for pair in documented if pair not in expected] == []


def texts(annotation: Any) -> Iterator[str]:
    """Yield the texts that a field may have, of each field below a schema."""
    if isinstance(annotation, str):
        yield annotation
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            yield from texts(field.annotation)
    for argument in get_args(annotation):
        yield from texts(argument)


def test_the_guide_has_every_choice_and_every_option_of_a_variant() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    choices = {text for model in (Experiment, Study, Sweep) for text in texts(model)}
    assert {"smote", "nsga2", "grid", "mixed_bfloat16"} <= choices
    assert [text for text in sorted({*choices, *VARIANTS, *BACKBONES}) if f"`{text}`" not in guide] == []
    rows = re.findall(r"^\| `(\w+)` \| `[^|`]+` \| [^|]+ \| [^|]+\|$", guide, re.MULTILINE)
    assert set(rows) == {option for name in VARIANTS for option in VARIANTS[name].settings.model_fields}


def test_the_yaml_of_the_guide_is_that_of_the_files() -> None:
    """Or a part of it: an example may be shortened."""
    examples = [block for block in blocks(GUIDE) if block.startswith("# experiments/")]
    assert len(examples) == 4
    for example in examples:
        file = ROOT / re.split(r"[ ,\n]", example)[1]
        assert is_part(yaml.safe_load(example), yaml.safe_load(file.read_text(encoding="utf-8"))), file


def is_part(part: Any, whole: Any) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and is_part(value, whole[key]) for key, value in part.items())
    return bool(part == whole)


def test_the_variant_of_the_guide_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VARIANTS, "_items", dict(VARIANTS._items))
    monkeypatch.setattr(user_file, "_loaded", {})
    example = next(block for block in blocks(GUIDE) if "@register_variant" in block)
    experiment, code = example.split("# my_heads.py")
    (tmp_path / "my_heads.py").write_text(f"# {code}")
    model = yaml.safe_load(experiment)["model"]
    settings = Experiment(name="mine").model.model_copy(update={**model, "file": str(tmp_path / model["file"])})
    assert find_variant(settings).description == "Only the upper left corner of the feature map."


def test_the_backbone_of_the_guide_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BACKBONES, "_items", dict(BACKBONES._items))
    monkeypatch.setattr(user_file, "_loaded", {})
    example = next(block for block in blocks(GUIDE) if "@register_backbone" in block)
    experiment, code = example.split("# my_backbone.py")
    (tmp_path / "my_backbone.py").write_text(f"# {code}")
    values = yaml.safe_load(experiment)["model"]["backbone"]
    settings = BackboneSettings.model_validate({**values, "file": str(tmp_path / values["file"])})
    assert find_backbone(settings).description == "Two convolutions."
