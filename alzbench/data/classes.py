"""The classes of a set, from the names of its folders or from labels in a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alzbench.errors import DataError
from alzbench.experiment.classes import AUTO, HEALTHY, STAGES, plain


def order_classes(found: Iterable[str], where: str) -> dict[str, str]:
    """Return the class of each plain name, in label order.

    The four stages of the Kaggle set are in their order and spelling. Other classes are sorted, and those with a usual
    name for healthy people come first.

    Args:
        found: Names of the classes; several spellings of a name are one class, spelled as the first one.
        where: Folder or file that they are from, for errors.

    Raises:
        DataError: There are four stages and further classes.
    """
    spelled: dict[str, str] = {}
    for name in found:
        spelled.setdefault(plain(name), name)
    stages = {plain(stage): stage for stage in STAGES}
    others = [name for key, name in spelled.items() if key not in stages]
    if stages.keys() <= spelled.keys() and others:
        raise DataError(
            f"{where} has the classes {', '.join(STAGES)}, and others beside them: {', '.join(others)}. Leave them "
            f"out with data.exclude: [{', '.join(others)}], or name all classes in data.classes."
        )
    if not others:
        return {key: stage for key, stage in stages.items() if key in spelled}
    return {key: spelled[key] for key in sorted(spelled, key=lambda key: (key not in HEALTHY, spelled[key]))}


def healthy_class(classes: Sequence[str], healthy: str | None) -> str | None:
    """Return the class of healthy people, or None.

    Args:
        classes: Names of the classes.
        healthy: See `DataSettings.healthy`.

    Raises:
        DataError: `healthy` is none of the classes.
    """
    if healthy != AUTO:
        if healthy is not None and healthy not in classes:
            raise DataError(f"data.healthy must be one of {', '.join(classes)}, or null; it is {healthy}.")
        return healthy
    usual = [name for name in classes if plain(name) in HEALTHY]
    return usual[0] if len(usual) == 1 else None
