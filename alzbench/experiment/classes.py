"""Class names: how they are compared, and which ones `data.classes`, `data.exclude` and `data.healthy` accept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator

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
# plain names of classes of people with dementia or on the way to it
_DEMENTED = frozenset({"ad", "alzheimer", "alzheimers", "dat", "emci", "ftd", "lmci", "mci", "pmci", "smci", "vad"})
# plain names that mean the same as others
_SPELLINGS = {"nodemented": "nondemented", "notdemented": "nondemented"}


def plain(name: str) -> str:
    """Return a class or folder name in a form that ignores case, spaces and punctuation, in any script.

    `dementia` and `impairment` are read as `demented`. A name without letters and digits, such as `+`, stays as it is.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    # marks are the vowels of several scripts
    kept = "".join(character for character in folded if unicodedata.category(character)[0] in "LMN") or folded
    kept = unicodedata.normalize("NFKC", kept)  # a mark may now follow another letter
    kept = kept.replace("dementia", "demented").replace("impairment", "demented")
    return _SPELLINGS.get(kept, kept)


def are_of_dementia(classes: Iterable[str]) -> bool:
    """Return True if a class is of people with dementia, or on the way to it."""
    names = [plain(name) for name in classes]
    return any(name in _DEMENTED or "dement" in name or "alzheimer" in name for name in names)


def _only_texts(names: Iterable[Any]) -> None:
    """Refuse booleans and numbers, which YAML makes of names without quotes."""
    for name in names:
        if isinstance(name, bool):
            raise ValueError(
                "names must be texts, and YAML reads true and false as booleans; write them in quotes, as in "
                '["true", "false"]'
            )
        if isinstance(name, int | float):
            raise ValueError(f'names must be texts, and YAML reads {name} as a number; write it in quotes: "{name}"')
        if not isinstance(name, str) or not name:
            raise ValueError("names must be texts that are not empty")


def _check_names(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of names")
    _only_texts(value)
    return tuple(value)


def _check_classes(value: Any) -> Any:
    """Refuse anything but two or more classes with different names and folders."""
    if value is None:
        return None
    if not isinstance(value, list | tuple | Mapping) or isinstance(value, str) or len(value) < 2:
        raise ValueError("must be a list of two or more classes, a section of `class: [folders]` lines, or null")
    _only_texts(value)
    every = [(name, name) for name in value]
    if isinstance(value, Mapping):
        several = {name: folders if isinstance(folders, list | tuple) else [folders] for name, folders in value.items()}
        every = [(name, folder) for name, folders in several.items() for folder in folders]
        _only_texts(folder for _, folder in every)
        if empty := [name for name, folders in several.items() if not folders]:
            raise ValueError(f"each class must have a folder; {empty[0]} has none")
    if len({plain(name) for name in value}) < len(value):
        raise ValueError("class names must differ in more than case, spaces and punctuation")
    if len({plain(folder) for _, folder in every}) < len(every):
        raise ValueError("each folder must belong to one class only")
    return value if isinstance(value, Mapping) else tuple(value)


def _check_healthy(value: Any) -> Any:
    if value is not None:
        _only_texts([value])
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_check_names)]
Merged = dict[str, str | list[str]]
Classes = Annotated[tuple[str, ...] | Merged | None, BeforeValidator(_check_classes)]
Healthy = Annotated[str | None, BeforeValidator(_check_healthy)]


def folders_of(classes: Sequence[str] | Merged) -> dict[str, tuple[str, ...]]:
    """Return the folder names of each class, in label order."""
    if not isinstance(classes, dict):
        return {name: (name,) for name in classes}
    return {name: (folders,) if isinstance(folders, str) else tuple(folders) for name, folders in classes.items()}
