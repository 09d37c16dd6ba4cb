"""The plain references of a manifest: `{{ settings.api_key }}`, and nothing more than that.

No filters, no expressions: what a request says can be carried to any platform by replacing names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

_REFERENCE = re.compile(r"\{\{\s*([a-z_]+(?:\.[A-Za-z0-9_-]+)*)\s*\}\}")
_BRACES = re.compile(r"\{\{.*?(?:\}\}|$)|\{%", re.DOTALL)
NOTHING: Any = object()
Name = tuple[str, ...]
_MAPPINGS = (dict, Mapping)  # nearly all are dicts, and asking whether one is costs nothing


def names(text: str) -> Iterator[Name]:
    """The references of a text as name paths, in order."""
    for found in _REFERENCE.finditer(text):
        yield tuple(found[1].split("."))


def beyond(text: str) -> str | None:
    """The first piece between braces that is more than a plain reference, else None."""
    for found in _BRACES.finditer(text):
        if not _REFERENCE.fullmatch(found[0]):
            return found[0]
    return None


def look_up(name: Name, scope: Mapping[str, Any]) -> Any:
    """The value of a name path, or None where there is none."""
    value: Any = scope
    for part in name:
        value = value.get(part) if isinstance(value, _MAPPINGS) else None
    return value


class _Plan(NamedTuple):
    """A text as it is written between its references, and the name where it is one reference and nothing else."""

    pieces: tuple[str | Name, ...]
    whole: Name | None


@lru_cache(maxsize=4096)
def _plan(text: str) -> _Plan:
    written = _REFERENCE.split(text)  # every second one is a name
    pieces = [tuple(one.split(".")) if at % 2 else one for at, one in enumerate(written)]
    whole = _REFERENCE.fullmatch(text.strip())
    return _Plan(tuple(filter(None, pieces)), tuple(whole[1].split(".")) if whole else None)


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
        whole = _plan(value).whole
        if whole is None:
            return text(value, scope)
        found = look_up(whole, scope)
        return NOTHING if found is None or found == "" else found
    if isinstance(value, _MAPPINGS):
        pairs = [(key, _fill(inner, scope)) for key, inner in named(value, scope).items()]
        return {key: inner for key, inner in pairs if inner is not NOTHING}
    if isinstance(value, list):
        return [inner for inner in [_fill(one, scope) for one in value] if inner is not NOTHING]
    return value


def named(value: Mapping[Any, Any], scope: Mapping[str, Any]) -> dict[Any, Any]:
    """A dict whose keys may be references too; a key that comes to nothing is left out with its value."""
    pairs = [
        (text(key, scope) if isinstance(key, str) and "{{" in key else key, inner)
        for key, inner in value.items()
    ]
    return {key: inner for key, inner in pairs if key != ""}


def text(
    written: str, scope: Mapping[str, Any], said: Callable[[Name, Any], str] | None = None
) -> str:
    """A text with its references filled in; `said` writes the value of a name, where it is not simply to be told."""
    made = []
    for piece in _plan(written).pieces:
        if isinstance(piece, str):
            made.append(piece)
        else:
            value = look_up(piece, scope)
            made.append(_text(value) if said is None else said(piece, value))
    return "".join(made)


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
