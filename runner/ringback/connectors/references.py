"""The plain references of a manifest: `{{ settings.api_key }}`, and nothing more than that.

No filters, no expressions: what a request says can be carried to any platform by replacing names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_REFERENCE = re.compile(r"\{\{\s*([a-z_]+(?:\.[A-Za-z0-9_-]+)*)\s*\}\}")
_BRACES = re.compile(r"\{\{.*?(?:\}\}|$)|\{%", re.DOTALL)
NOTHING: Any = object()


def names(text: str) -> Iterator[tuple[str, ...]]:
    """The references of a text as name paths, in order."""
    for found in _REFERENCE.finditer(text):
        yield tuple(found[1].split("."))


def beyond(text: str) -> str | None:
    """The first piece between braces that is more than a plain reference, else None."""
    for found in _BRACES.finditer(text):
        if not _REFERENCE.fullmatch(found[0]):
            return found[0]
    return None


def look_up(name: tuple[str, ...], scope: Mapping[str, Any]) -> Any:
    """The value of a name path, or None where there is none."""
    value: Any = scope
    for part in name:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def fill(value: Any, scope: Mapping[str, Any]) -> Any:
    """A value with its references filled in, through dicts and lists.

    A text that is exactly one reference becomes the value itself; where that is missing or empty, the
    key or list entry that held it is left out. Inside a longer text a missing value reads as nothing.
    Keys may be references as well.
    """
    filled = _fill(value, scope)
    return None if filled is NOTHING else filled


def _fill(value: Any, scope: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value.strip())
        if whole:
            found = look_up(tuple(whole[1].split(".")), scope)
            return NOTHING if found is None or found == "" else found
        return _REFERENCE.sub(lambda m: _text(look_up(tuple(m[1].split(".")), scope)), value)
    if isinstance(value, Mapping):
        pairs = ((key, _fill(inner, scope)) for key, inner in named(value, scope).items())
        return {key: inner for key, inner in pairs if inner is not NOTHING}
    if isinstance(value, list):
        return [inner for inner in (_fill(one, scope) for one in value) if inner is not NOTHING]
    return value


def named(value: Mapping[Any, Any], scope: Mapping[str, Any]) -> dict[Any, Any]:
    """A dict whose keys may be references too; a key that comes to nothing is left out with its value."""
    pairs = (
        (_REFERENCE.sub(lambda m: _text(look_up(tuple(m[1].split(".")), scope)), key), inner)
        if isinstance(key, str) and "{{" in key
        else (key, inner)
        for key, inner in value.items()
    )
    return {key: inner for key, inner in pairs if key != ""}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def texts(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text inside a value, and every key with a reference in it, with its place."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if "{{" in str(key):
                yield (*path, str(key)), str(key)
            yield from texts(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from texts(inner, (*path, index))
