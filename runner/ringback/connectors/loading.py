"""Loads a connector's Python: its folder becomes the package `ringback_connectors.<id>`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ringback.connectors.manifest import Action, Manifest
from ringback.problems import Failure

PACKAGE = "ringback_connectors"
_lock = threading.RLock()


def function(action: Action) -> Callable[..., dict[str, Any]]:
    """The function of a Python action: `<action>.py`'s function of the same name.

    Loaded at its first use. Raises `Failure("internal")` where the file cannot be loaded or lacks it.
    """
    if action.python is None:
        raise Failure("internal", f"{action.full} is not an action in Python.")
    return named(action.connector, action.python)


def named(connector: Manifest, name: str) -> Callable[..., dict[str, Any]]:
    """The function `<name>` of a connector's file `<name>.py`. Raises `Failure("internal")` as `function` does."""
    file = f"{connector.id}/{name}.py"
    with _lock:
        package = _package(connector)
        try:
            module = importlib.import_module(f"{package}.{name}")
        except Exception as error:
            raise Failure(
                "internal", f"{file} cannot be loaded: {type(error).__name__}: {error}."
            ) from error
    found = getattr(module, name, None)
    if not callable(found):
        raise Failure("internal", f"{file} has no function {name} for this.")
    known: Callable[..., dict[str, Any]] = found
    return known


def _package(connector: Manifest) -> str:
    name = f"{PACKAGE}.{connector.id}"
    if PACKAGE not in sys.modules:
        sys.modules[PACKAGE] = _folder_package(PACKAGE, None)
    held = sys.modules.get(name)
    if held is None or list(held.__path__) != [str(connector.folder)]:
        # Another project's connector of this id may have been loaded before.
        for loaded in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
            del sys.modules[loaded]
        sys.modules[name] = _folder_package(name, connector.folder)
    return name


def _folder_package(name: str, folder: Path | None) -> ModuleType:
    init = folder / "__init__.py" if folder is not None else None
    places = [str(folder)] if folder is not None else []
    if init is not None and init.is_file():
        spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=places)
    else:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = places
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if spec.loader is not None:
        spec.loader.exec_module(module)
    return module
