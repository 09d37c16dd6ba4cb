"""A connector's recorded examples, as the rehearsal needs them: an answer to a send, and callbacks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ringback import yamltext
from ringback.connectors.manifest import Manifest

Case = Mapping[str, Any]


@lru_cache(maxsize=64)
def cases(folder: Path) -> tuple[Case, ...]:
    """Every recorded case of a connector's folder, in the order of its files."""
    return tuple(_read(folder / "examples"))


def _read(examples: Path) -> Iterator[Case]:
    for path in sorted(examples.glob("*")):
        if path.suffix == ".json":
            data = json.loads(path.read_text("utf-8"))
        elif path.suffix in (".yaml", ".yml"):
            data = yamltext.read(path.read_text("utf-8"), path.name).data
        else:
            continue
        listed = data.get("cases", [data]) if isinstance(data, Mapping) else data
        yield from (case for case in listed or [] if isinstance(case, Mapping))


def accepted(manifest: Manifest) -> tuple[Mapping[str, Any], Any] | None:
    """An answer by which the gateway took a message (`status headers body`), and the id that is in it."""
    for case in cases(manifest.folder):
        expected = case.get("expect")
        if "send" in case and isinstance(expected, Mapping) and expected.get("gateway_id"):
            answers = case.get("answers") or []
            if answers and "status" in answers[-1]:
                return answers[-1], expected["gateway_id"]
    return None


def callbacks(manifest: Manifest, kind: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Recorded callbacks of a kind (`report`, `inbound`), each with what it was read as."""
    found = []
    for case in cases(manifest.folder):
        expected = case.get("expect")
        if "callback" in case and isinstance(expected, list) and expected:
            meaning = expected[0].get(kind)
            if isinstance(meaning, Mapping):
                found.append((case["callback"], meaning))
    return found
