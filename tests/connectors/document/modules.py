"""The connector's modules, loaded as the program loads them: the folder is `ringback_connectors.document`."""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, datetime
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

from ringback.paths import shelf

FOLDER = shelf("connectors") / "document"
SAMPLES = shelf("workflows") / "samples"


def module(name: str) -> Any:
    """One module of the connector's folder, by its name."""
    for package, places in (
        ("ringback_connectors", []),
        ("ringback_connectors.document", [str(FOLDER)]),
    ):
        if package not in sys.modules:
            spec = ModuleSpec(package, None, is_package=True)
            spec.submodule_search_locations = places
            sys.modules[package] = module_from_spec(spec)
    return importlib.import_module(f"ringback_connectors.document.{name}")


class Given:
    """A context for one action: files are paths, and what is saved lands in `saved`."""

    settings: dict[str, Any] = {}  # noqa: RUF012
    idempotency_key = "test"

    def __init__(self, folder: Path, country: str = "GB", locale: str = "en-GB") -> None:
        self.folder = folder
        self.project = {"country": country, "locale": locale}
        self.saved: dict[str, bytes] = {}

    def now(self) -> datetime:
        return datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

    def path(self, file: Any) -> Path:
        return self.folder / str(file["name"])

    def save(self, name: str, content: bytes, media_type: str) -> dict[str, Any]:
        self.saved[name] = content
        return {"name": name, "size": len(content), "media_type": media_type, "sha256": ""}

    def log(self, message: str, **facts: Any) -> None:
        return None


def extract(
    folder: Path,
    content: bytes,
    fields: Any,
    country: str = "GB",
    locale: str = "en-GB",
    **inputs: Any,
) -> dict[str, Any]:
    """`document.extract` on some bytes."""
    (folder / "document").write_bytes(content)
    given = {"file": {"name": "document"}, "fields": fields, **inputs}
    result: dict[str, Any] = module("extract").extract(given, Given(folder, country, locale))
    return result
