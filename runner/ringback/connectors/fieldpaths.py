"""Where a value lies in a request or an answer: `body.to[0].status`, `headers.x-id`, `query["price[amount]"]`.

A path is a source and then names and list indexes. It is data, not an expression, so that a manifest can
be carried to a platform that has no Python. A name that holds a dot, a bracket or a quote is written
quoted in brackets: `body["a.b"]`. `[*]` is every entry of a list, `MediaUrl#` every one of `MediaUrl0`,
`MediaUrl1`, …; a path that goes on inside a text reads the text as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from ringback.journal import jsontext

SOURCES = (
    "body", "form", "query", "params", "headers", "text", "status", "item", "outer",
)  # fmt: skip
"""What a path may start with: the parsed body, its form fields only, the query, the fields of query and body
together, the headers, the body as text, the HTTP status (of answers), one entry of a list named by `each`, and
the entry around that one where lists stand inside lists."""

_SOURCE = re.compile(r"[a-z]+")
_PART = re.compile(r"""\.([^.\[\]"'\s]+)|\[(\d+|\*)\]|\[("[^"]*"|'[^']*')\]""")
_OPEN = ("{", "[")


class Every:
    """The part `[*]` of a path."""


class Counted(str):
    """The part `name#` of a path, without its sign."""

    __slots__ = ()


EVERY = Every()
Part = str | int | Every


@dataclass(frozen=True, slots=True)
class FieldPath:
    """One parsed path; `text` is what the manifest says."""

    text: str
    source: str
    parts: tuple[Part, ...]


@lru_cache(maxsize=4096)
def parse(text: str) -> FieldPath:
    """The path that a text says. Raises ValueError with a sentence when it is not one."""
    start = _SOURCE.match(text)
    if start is None or start[0] not in SOURCES:
        raise ValueError(f"“{text}” does not start with one of {', '.join(SOURCES)}.")
    parts: list[Part] = []
    at = start.end()
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ValueError(f"“{text}” is not a path from “{text[at:]}” on.")
        parts.append(_part(*part.groups(), in_headers=start[0] == "headers"))
        at = part.end()
    return FieldPath(text, start[0], tuple(parts))


def _part(name: str | None, index: str | None, quoted: str | None, *, in_headers: bool) -> Part:
    if index is not None:
        return EVERY if index == "*" else int(index)
    if quoted is not None:
        name = quoted[1:-1]
    elif name is not None and name.endswith("#"):
        return Counted(name[:-1])
    assert name is not None
    return name.lower() if in_headers else name


def read(path: FieldPath, sources: Mapping[str, Any]) -> Any:
    """The value at a path, or None when there is none; header names do not mind case.

    A path with `[*]` or `#` gives a list of all that is there, None where nothing is.
    """
    return _walk(sources.get(path.source), path.parts)


def _walk(value: Any, parts: tuple[Part, ...]) -> Any:
    for at, part in enumerate(parts):
        if isinstance(value, str):
            value = _unpacked(value)
        if isinstance(part, Every | Counted):
            found = [_walk(one, parts[at + 1 :]) for one in _several(value, part)]
            kept = [one for one in found if one is not None]
            if any(isinstance(later, Every | Counted) for later in parts[at + 1 :]):
                kept = [inner for one in kept for inner in one]
            return kept or None
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return None
            value = value[part]
        else:
            if not isinstance(value, Mapping):
                return None
            value = value.get(part)
    return value


def _several(value: Any, part: Part) -> Iterator[Any]:
    if isinstance(part, Counted):
        if isinstance(value, Mapping):
            first = 0 if f"{part}0" in value else 1
            for number in count(first):
                if f"{part}{number}" not in value:
                    return
                yield value[f"{part}{number}"]
    elif value is not None:
        yield from as_list(value)


def as_list(value: Any) -> list[Any]:
    """A list as it is; of anything else a list of one, since XML does not tell a list of one from one."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


@lru_cache(maxsize=16)
def _unpacked(text: str) -> Any:
    if not text.lstrip().startswith(_OPEN):
        return None
    try:
        return jsontext.read(text)
    except (ValueError, RecursionError):
        return None


def put(path: FieldPath, sources: dict[str, Any], value: Any) -> None:
    """Write a value where `read` finds it, making the dicts and lists on the way (the rehearsal does this).

    Of several places the first is written; JSON in a text is written anew.
    """
    sources[path.source] = _put(sources.get(path.source), path.parts, value)


def _put(held: Any, parts: tuple[Part, ...], value: Any) -> Any:
    if not parts:
        return value
    if isinstance(held, str) and _unpacked(held) is not None:
        return json.dumps(_put(json.loads(held), parts, value), ensure_ascii=False)
    part, rest = parts[0], parts[1:]
    if part is EVERY and isinstance(held, dict):
        return _put(held, rest, value)
    if isinstance(part, int | Every):
        index = part if isinstance(part, int) else 0
        listed: list[Any] = held if isinstance(held, list) else []
        listed += [None] * (index + 1 - len(listed))
        listed[index] = _put(listed[index], rest, value)
        return listed
    name = f"{part}0" if isinstance(part, Counted) else part
    named: dict[str, Any] = held if isinstance(held, dict) else {}
    named[name] = _put(named.get(name), rest, value)
    return named


@dataclass(frozen=True, slots=True)
class Pick:
    """Alternatives of which the first present counts.

    `format` and `zone` say how a time or a number is written; of a value only what `pattern` finds counts;
    `charset` is where the character set is named in which a field of the query stands, `currency` where that of
    an amount is, or the currency itself.
    """

    paths: tuple[FieldPath, ...]
    format: str | None = None
    zone: str | None = None
    pattern: re.Pattern[str] | None = None
    charset: FieldPath | None = None
    currency: FieldPath | str | None = None

    def read(self, sources: Mapping[str, Any]) -> Any:
        """The first value that is there and not empty (None, "" and empty lists are empty), else None."""
        for path in self.paths:
            value = read(path, sources)
            if self.charset is not None and isinstance(value, str):
                value = _recoded(value, path, str(read(self.charset, sources)), sources)
            if self.pattern is not None and value is not None:
                found = self.pattern.search(str(value))
                value = found and (found[1] if found.re.groups else found[0])
            if value is not None and value != "" and value != []:
                return value
        return None


def _recoded(value: str, path: FieldPath, charset: str, sources: Mapping[str, Any]) -> str:
    """A field of the query read once more from its bytes; as it is where nobody knows the character set."""
    fields = parse_qsl(str(sources.get("octets", "")), encoding="latin-1")
    octets = next((octets for name, octets in fields if path.parts == (name,)), None)
    if octets is None:
        return value
    try:
        return octets.encode("latin-1").decode(charset, "replace")
    except LookupError:
        return value


def parse_pick(written: Any) -> Pick:
    """A pick from a path, a list of paths, or `{path, format, zone, pattern, charset, currency}`. Raises ValueError with a sentence."""
    options: dict[str, Any] = {}
    if isinstance(written, Mapping):
        options = {key: written.get(key) for key in ("format", "zone")}
        if written.get("pattern"):
            options["pattern"] = _pattern(written["pattern"])
        if written.get("charset"):
            options["charset"] = parse(written["charset"])
        if written.get("currency"):
            options["currency"] = _currency(written["currency"])
        written = written.get("path")
    texts = written if isinstance(written, list) else [written]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError("A path is a text such as body.id, or a list of such texts.")
    return Pick(tuple(parse(text) for text in texts), **options)


def _currency(written: str) -> FieldPath | str:
    return written if re.fullmatch(r"[A-Z]{3}", written) else parse(written)


def _pattern(written: str) -> re.Pattern[str]:
    try:
        return re.compile(written)
    except re.error as wrong:
        raise ValueError(f"“{written}” is not a pattern: {wrong}.") from None


@dataclass(frozen=True, slots=True)
class Condition:
    """`path: value`, `path: [one, of]`, `path: {matches: pattern}`, `path: present` or `path: absent`.

    Words compare without case. Of a list one entry must fit.
    """

    path: FieldPath
    wanted: tuple[str, ...]
    presence: bool | None = None
    pattern: re.Pattern[str] | None = None

    def holds(self, sources: Mapping[str, Any]) -> bool:
        value = read(self.path, sources)
        if self.presence is not None:
            return (value is not None) is self.presence
        return any(self._fits(one) for one in (value if isinstance(value, list) else [value]))

    def _fits(self, value: Any) -> bool:
        if value is None:
            return False
        if self.pattern is not None:
            return self.pattern.search(str(value)) is not None
        return _word(value) in self.wanted


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
    if isinstance(wanted, str) and wanted in ("present", "absent"):
        return Condition(parse(path), (), presence=wanted == "present")
    if isinstance(wanted, Mapping):
        if set(wanted) != {"matches"}:
            raise ValueError(f"The condition on {path} is none; write {{ matches: pattern }}.")
        return Condition(parse(path), (), pattern=_pattern(str(wanted["matches"])))
    values = wanted if isinstance(wanted, list) else [wanted]
    return Condition(parse(path), tuple(_word(value) for value in values))


def _word(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return str(value).strip().casefold()


ALWAYS = When()
