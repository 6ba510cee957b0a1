"""Class names: how they are compared, and which ones `data.classes`, `data.exclude` and `data.healthy` accept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

STAGES = ("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented")  # of the four-class Kaggle set
AUTO = "auto"  # `data.healthy`: the one class with a name of HEALTHY, or none

# plain names of classes of healthy people
HEALTHY = frozenset(
    {
        "cn", "cognitivelynormal", "control", "controls", "hc", "healthy", "healthybrain", "healthycontrol",
        "healthycontrols", "nc", "negative", "no", "nodisease", "nondemented", "nondisease", "none", "normal",
        "normalbrain", "normalcognition", "normalcontrol", "normalcontrols", "normals", "notumor", "notumors",
        "notumour",
    }
)  # fmt: skip
# plain names that mean the same as others
_SPELLINGS = {"nodemented": "nondemented", "notdemented": "nondemented"}


def plain(name: str) -> str:
    """Return a class or folder name in a form that ignores case, spaces and punctuation, in any script.

    `dementia` and `impairment` are read as `demented`. A name without letters and digits, such as `+`, stays as it is.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    # marks are the vowels of several scripts
    kept = "".join(character for character in folded if unicodedata.category(character)[0] in "LMN") or folded
    kept = kept.replace("dementia", "demented").replace("impairment", "demented")
    return _SPELLINGS.get(kept, kept)


def _only_texts(value: Any) -> Any:
    """Refuse booleans and numbers, which YAML makes of names without quotes."""
    for name in _names(value):
        if isinstance(name, bool):
            raise ValueError(
                "names must be texts, and YAML reads yes, no, on, off, true and false as booleans; write them "
                'in quotes, as in ["yes", "no"]'
            )
        if isinstance(name, int | float):
            raise ValueError(f'names must be texts, and YAML reads {name} as a number; write it in quotes: "{name}"')
    return value


def _names(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)
    else:
        yield value


_Name = Annotated[str, Field(min_length=1)]
# YAML has lists only
Names = Annotated[tuple[_Name, ...], Field(strict=False), BeforeValidator(_only_texts)]
Merged = dict[_Name, _Name | Annotated[list[_Name], Field(min_length=1)]]
Classes = Annotated[
    Annotated[tuple[_Name, ...], Field(strict=False, min_length=2)] | Annotated[Merged, Field(min_length=2)] | None,
    BeforeValidator(_only_texts),
]
Healthy = Annotated[str | None, BeforeValidator(_only_texts)]


def folders_of(classes: Sequence[str] | Merged) -> dict[str, tuple[str, ...]]:
    """Return the folder names of each class, in label order."""
    if not isinstance(classes, dict):
        return {name: (name,) for name in classes}
    return {name: (folders,) if isinstance(folders, str) else tuple(folders) for name, folders in classes.items()}


def check_classes(classes: tuple[str, ...] | Merged | None) -> None:
    """Raise ValueError if two classes share a name or a folder."""
    if classes is None:
        return
    every = folders_of(classes)
    if len({plain(name) for name in every}) < len(every):
        raise ValueError("class names must differ in more than case, spaces and punctuation")
    folders = [plain(folder) for names in every.values() for folder in names]
    if len(set(folders)) < len(folders):
        raise ValueError("each folder must belong to one class only")
