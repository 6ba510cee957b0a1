"""Registration of alzbench's layers when Keras is imported, so that Keras can open the stored models.

Keras finds a layer of another package only if it is registered, which imports Keras. alzbench must stay quick to
import, so it registers its layers when something else imports Keras, or at once if that has happened.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# the modules whose import registers them
LAYERS = ("alzbench.models.attention", "alzbench.models.depthwise", "alzbench.models.scaling")


def register_with_keras() -> None:
    """Register the layers now if Keras is imported, else as soon as it is."""
    if "keras" in sys.modules:
        _import_layers()
    elif not any(isinstance(finder, _KerasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _KerasFinder())


class _KerasFinder(MetaPathFinder):
    """Finder that finds Keras where it is, and registers the layers after its import."""

    _searching = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != "keras" or self._searching:
            return None
        self._searching = True  # the search below comes back here
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searching = False
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader, self)
        return spec


class _RegisteringLoader(Loader):
    """Loader that runs Keras's own loader and then registers the layers."""

    def __init__(self, loader: Loader, finder: MetaPathFinder) -> None:
        self._loader, self._finder = loader, finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if self._finder in sys.meta_path:  # only now, because TensorFlow searches for Keras before it imports it
            sys.meta_path.remove(self._finder)
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader  # others may ask it for the source
        self._loader.exec_module(module)
        _import_layers()


def _import_layers() -> None:
    for module in LAYERS:
        importlib.import_module(module)
