"""Short class names for figures and columns."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence


def short_names(classes: Sequence[str]) -> list[str]:
    """Return class names without the last words they share: `NonDemented`, `MildDemented` -> `Non`, `Mild`."""
    ending = os.path.commonprefix([name[::-1] for name in classes])[::-1]  # noqa: RUF071 - letters, not paths
    words = re.search(r"([A-Z][a-z]|[ _-]).*", ending)
    stripped = [name.removesuffix(words.group()) for name in classes] if words else []
    return stripped if all(stripped) and stripped else list(classes)
