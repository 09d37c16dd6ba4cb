"""Where a value lies in a request or an answer: `body.to[0].status`, `headers.x-id`, `query["price[amount]"]`.

A path is a source and then names and list indexes. It is data, not an expression, so that a manifest can
be carried to a platform that has no Python. A name that holds a dot, a bracket or a quote is written
quoted in brackets: `body["a.b"]`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

SOURCES = ("body", "form", "query", "headers", "text", "status", "item")
"""What a path may start with: the parsed body, its form fields only, the query, the headers, the body as
text, the HTTP status (of answers), and one entry of a list named by `each`."""

_SOURCE = re.compile(r"[a-z]+")
_PART = re.compile(r"""\.([^.\[\]"'\s]+)|\[(\d+)\]|\[("[^"]*"|'[^']*')\]""")


@dataclass(frozen=True, slots=True)
class FieldPath:
    """One parsed path; `text` is what the manifest says."""

    text: str
    source: str
    parts: tuple[str | int, ...]


@lru_cache(maxsize=4096)
def parse(text: str) -> FieldPath:
    """The path that a text says. Raises ValueError with a sentence when it is not one."""
    start = _SOURCE.match(text)
    if start is None or start[0] not in SOURCES:
        raise ValueError(f"“{text}” does not start with one of {', '.join(SOURCES)}.")
    parts: list[str | int] = []
    at = start.end()
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ValueError(f"“{text}” is not a path from “{text[at:]}” on.")
        name, index, quoted = part.groups()
        parts.append(int(index) if index is not None else name or quoted[1:-1])
        at = part.end()
    return FieldPath(text, start[0], tuple(parts))


def read(path: FieldPath, sources: Mapping[str, Any]) -> Any:
    """The value at a path, or None when there is none; header names do not mind case."""
    value = sources.get(path.source)
    for part in path.parts:
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return None
            value = value[part]
        else:
            if not isinstance(value, Mapping):
                return None
            value = value.get(part.lower() if path.source == "headers" else part)
    return value


def put(path: FieldPath, sources: dict[str, Any], value: Any) -> None:
    """Write a value where `read` finds it, making the dicts and lists on the way (the rehearsal does this)."""
    holder: Any = sources
    names = [
        part.lower() if path.source == "headers" and isinstance(part, str) else part
        for part in path.parts
    ]
    parts: list[str | int] = [path.source, *names]
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        if isinstance(part, int):
            while len(holder) <= part:
                holder.append(None)
        if following is None:
            holder[part] = value
            return
        fresh: Any = [] if isinstance(following, int) else {}
        held = holder[part] if isinstance(part, int) else holder.get(part)
        if not isinstance(held, type(fresh)):
            holder[part] = fresh
        holder = holder[part]


@dataclass(frozen=True, slots=True)
class Pick:
    """Alternatives of which the first present counts. `format` and `zone` say how a time is written."""

    paths: tuple[FieldPath, ...]
    format: str | None = None
    zone: str | None = None

    def read(self, sources: Mapping[str, Any]) -> Any:
        """The first value that is there and not empty (None, "" and empty lists are empty), else None."""
        for path in self.paths:
            value = read(path, sources)
            if value is not None and value != "" and value != []:
                return value
        return None


def parse_pick(written: Any) -> Pick:
    """A pick from a path, a list of paths, or `{path, format, zone}`. Raises ValueError with a sentence."""
    options: dict[str, Any] = {}
    if isinstance(written, Mapping):
        options = {key: written.get(key) for key in ("format", "zone")}
        written = written.get("path")
    texts = written if isinstance(written, list) else [written]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError("A path is a text such as body.id, or a list of such texts.")
    return Pick(tuple(parse(text) for text in texts), **options)


@dataclass(frozen=True, slots=True)
class Condition:
    """`path: value`, `path: present`, `path: absent`, or `path: [one, of]`; words compare without case."""

    path: FieldPath
    wanted: tuple[str, ...]
    presence: bool | None = None

    def holds(self, sources: Mapping[str, Any]) -> bool:
        value = read(self.path, sources)
        if self.presence is not None:
            return (value is not None) is self.presence
        return value is not None and _word(value) in self.wanted


@dataclass(frozen=True, slots=True)
class When:
    """Any of several groups of conditions, each of which must hold whole; no group at all always holds."""

    groups: tuple[tuple[Condition, ...], ...] = ()

    def holds(self, sources: Mapping[str, Any]) -> bool:
        if not self.groups:
            return True
        return any(all(one.holds(sources) for one in group) for group in self.groups)


def parse_when(written: Any) -> When:
    """Conditions from a mapping (all must hold) or a list of mappings (any one). Raises ValueError."""
    if written is None:
        return When()
    groups = written if isinstance(written, list) else [written]
    return When(tuple(tuple(_condition(p, w) for p, w in group.items()) for group in groups))


def _condition(path: str, wanted: Any) -> Condition:
    if wanted in ("present", "absent"):
        return Condition(parse(path), (), presence=wanted == "present")
    values = wanted if isinstance(wanted, list) else [wanted]
    return Condition(parse(path), tuple(_word(value) for value in values))


def _word(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return str(value).strip().casefold()


ALWAYS = When()
