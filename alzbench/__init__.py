"""alzbench: does this change help to classify brain MRI, by how much, and would it hold for a new patient?

From Python, `run`, `compare`, `audit`, `load_runs` and `import_predictions` do what the
commands do: see `alzbench.api`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from alzbench.keras_layers import register_with_keras

if TYPE_CHECKING:
    from alzbench.api import audit, compare, import_predictions, load_runs, run

__all__ = ["__version__", "audit", "compare", "import_predictions", "load_runs", "run"]

__version__ = "0.1.0"

register_with_keras()


def __getattr__(name: str) -> Any:
    """Return a function of `alzbench.api`, which is imported when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("alzbench.api"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
