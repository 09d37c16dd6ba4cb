"""Values against fields: defaults, coercion by type, and every mistake named at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any

from jsonschema import Draft202012Validator

from ringback import words
from ringback.connectors import timestamps
from ringback.connectors.fieldschema import field_schema, json_schema
from ringback.connectors.manifest import FREE, Field
from ringback.problems import Failure

__all__ = [
    "Mistake", "field_schema", "json_schema", "mistakes", "prepare", "secret_values", "with_defaults",
]  # fmt: skip

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_TEMPLATED = re.compile(r"\{\{|\{%")
MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with a set of values; `path` leads to it, `code` is a stable word for tools."""

    path: tuple[str | int, ...]
    message: str
    next: str = ""
    code: str = "wrong_type"

    def __str__(self) -> str:
        return f"{self.message} {self.next}".strip()


def prepare(
    fields: Mapping[str, Field],
    values: Mapping[str, Any],
    where: str = "",
    *,
    country: str | None = None,
) -> dict[str, Any]:
    """The values with defaults applied, each as its type has it; None counts as not given.

    An optional value that was not given and has no default is left out of the result. With `country`
    (ISO 3166), phone numbers become E.164. Raises `Failure("invalid_input")` naming every mistake;
    `detail["mistakes"]` lists them one by one.
    """
    found: list[Mistake] = []
    result = _Reader(found, country, lenient=False).all(fields, values, ())
    if found:
        raise Failure(
            "invalid_input",
            " ".join(mistake.message for mistake in found),
            next=" ".join(dict.fromkeys(m.next for m in found if m.next)),
            where=where,
            detail={"mistakes": [str(mistake) for mistake in found]},
        )
    return result


def mistakes(fields: Mapping[str, Field], values: Mapping[str, Any]) -> list[Mistake]:
    """What can be told wrong before anything runs: a text that holds a template is taken to fit."""
    found: list[Mistake] = []
    _Reader(found, None, lenient=True).all(fields, values, ())
    return found


def with_defaults(fields: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, and the defaults of those not given, uncoerced: settings as a connection wrote them."""
    defaults = {name: one.default for name, one in fields.items() if one.default is not None}
    return {
        **defaults,
        **{name: value for name, value in values.items() if value not in (None, "")},
    }


def secret_values(fields: Mapping[str, Field], values: Mapping[str, Any]) -> set[str]:
    """The texts that stand in fields of type `secret`, in lists and objects too."""
    found: set[str] = set()
    for name, field in fields.items():
        found |= _secrets(field, values.get(name))
    return found


def _secrets(field: Field, value: Any) -> set[str]:
    if field.type == "secret":
        return {value} if isinstance(value, str) and value else set()
    if field.items is not None and not isinstance(value, Mapping):
        inner = value if isinstance(value, list | tuple) else [value]
        return set().union(*(_secrets(field.items, one) for one in inner))
    if isinstance(value, Mapping):
        return secret_values(field.properties, value)
    return set()


class _Reader:
    """One reading of values; the mistakes gather in `found`."""

    def __init__(self, found: list[Mistake], country: str | None, *, lenient: bool) -> None:
        self.found = found
        self.country = country
        self.lenient = lenient

    def say(self, path: tuple[str | int, ...], message: str, advice: str = "", code: str = "wrong_type") -> None:  # fmt: skip
        self.found.append(Mistake(path, message, advice, code))

    def all(
        self, fields: Mapping[str, Field], values: Mapping[str, Any], path: tuple[str | int, ...]
    ) -> dict[str, Any]:
        free = fields.get(FREE)
        result: dict[str, Any] = {}
        for name, value in values.items():
            field = fields.get(name, free)
            if field is None:
                known = [one for one in fields if one != FREE]
                near = get_close_matches(str(name), known, 1)
                advice = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(known)}."
                self.say((*path, name), f"`{name}` is not known here.", advice, "unknown_key")
            elif value is not None:
                read = self.one(field, value, (*path, name))
                if read is not MISSING:
                    result[name] = read
        for name, field in fields.items():
            if name == FREE or values.get(name) is not None:
                continue
            if field.default is not None:
                read = self.one(field, field.default, (*path, name))
                if read is not MISSING:
                    result[name] = read
            elif field.required:
                self.say(
                    (*path, name), f"`{name}` is missing.", "Give it a value.", "missing_input"
                )
        return result

    def one(self, field: Field, value: Any, path: tuple[str | int, ...]) -> Any:
        if self.lenient and isinstance(value, str) and _TEMPLATED.search(value):
            return value
        if field.schema is not None:
            return self.by_schema(field.schema, value, path)
        if field.type == "list":
            return self.list(field, value, path)
        if field.type == "object":
            return self.object(field, value, path)
        try:
            read = _READERS[field.type](self, field, value)
        except ValueError as wrong:
            self.say(path, f"`{_dotted(path)}`: {wrong}")
            return MISSING
        if field.choices and read not in field.choices:
            return self.choice(field, value, read, path)
        return read

    def choice(self, field: Field, value: Any, read: Any, path: tuple[str | int, ...]) -> Any:
        known = [str(one) for one in field.choices]
        for one in field.choices:
            if str(one).casefold() == str(read).strip().casefold():
                return one
        near = get_close_matches(str(value), known, 1)
        advice = f"Did you mean {near[0]}?" if near else ""
        self.say(path, f"`{_dotted(path)}`: “{value}” is not one of {', '.join(known)}.", advice, "not_a_choice")  # fmt: skip
        return MISSING

    def list(self, field: Field, value: Any, path: tuple[str | int, ...]) -> Any:
        entries = list(value) if isinstance(value, list | tuple | set) else [value]
        if field.items is None:
            return entries
        read = (self.one(field.items, one, (*path, index)) for index, one in enumerate(entries))
        return [one for one in read if one is not MISSING]

    def object(self, field: Field, value: Any, path: tuple[str | int, ...]) -> Any:
        if not isinstance(value, Mapping):
            self.say(path, f"`{_dotted(path)}` should hold names and values, not {_said(value)}.")
            return MISSING
        if not field.properties and field.additional is None:
            return dict(value)
        fields = dict(field.properties)
        if field.additional is not None:
            fields[FREE] = field.additional
        return self.all(fields, value, path)

    def by_schema(self, schema: Mapping[str, Any], value: Any, path: tuple[str | int, ...]) -> Any:
        if self.lenient:
            return value
        for error in Draft202012Validator(schema).iter_errors(value):
            self.say((*path, *error.absolute_path), f"`{_dotted(path)}`: {error.message}.")
        return value


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in path)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text “{value[:60]}”"
    return "names and values" if isinstance(value, Mapping) else "a list"


def _text(_reader: _Reader, _field: Field, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | date | time):
        raise ValueError(f"should be a text, not {_said(value)}.")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _number(_reader: _Reader, _field: Field, value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        text = _text(_reader, _field, value).strip()
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else float(text)
    except ValueError:
        raise ValueError(f"should be a number, not {_said(value)}.") from None


def _integer(reader: _Reader, field: Field, value: Any) -> int:
    number = _number(reader, field, value)
    if number != number or number in (float("inf"), float("-inf")) or number != int(number):
        raise ValueError(f"should be a whole number, not {_said(value)}.")
    return int(number)


def _boolean(_reader: _Reader, _field: Field, value: Any) -> bool:
    word = str(value).strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"should be yes or no, not {_said(value)}.")


def _duration(_reader: _Reader, _field: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"should be a duration such as 15 minutes, not {_said(value)}.")
    return words.duration_ms(str(value))


def _size(_reader: _Reader, _field: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"should be a size such as 5 MB, not {_said(value)}.")
    return value if isinstance(value, int) else words.size_bytes(str(value))


def _phone(reader: _Reader, _field: Field, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        advice = " Put it in quotes." if isinstance(value, int) else ""
        raise ValueError(f"should be a phone number in a text, not {_said(value)}.{advice}")
    text = value.strip()
    if reader.country is None:
        return text
    import phonenumbers  # its tables take a quarter of the start; a check without phones needs none

    try:
        number = phonenumbers.parse(text, reader.country)
    except phonenumbers.NumberParseException:
        raise ValueError(f"“{text}” is not a phone number.") from None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _email(reader: _Reader, field: Field, value: Any) -> str:
    text = _text(reader, field, value).strip()
    if not _EMAIL.fullmatch(text):
        raise ValueError(f"“{text[:80]}” is not an e-mail address.")
    return text


def _url(reader: _Reader, field: Field, value: Any) -> str:
    text = _text(reader, field, value).strip()
    if not _URL.fullmatch(text):
        raise ValueError(f"“{text[:80]}” is not an address that starts with https:// or http://.")
    return text


def _date(reader: _Reader, field: Field, value: Any) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    text = _text(reader, field, value).strip()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"“{text[:40]}” is not a date such as 2026-06-28.") from None


def _time(reader: _Reader, field: Field, value: Any) -> str:
    text = _text(reader, field, value).strip()
    try:
        return time.fromisoformat(text.zfill(5)).isoformat("minutes")
    except ValueError:
        if timestamps.parse(text) is not None:
            return text
        raise ValueError(
            f"“{text[:40]}” is not a time such as 14:30 or 2026-06-28 14:30."
        ) from None


def _file(_reader: _Reader, _field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or "sha256" not in value:
        raise ValueError(f"should be a file, such as one of trigger.files, not {_said(value)}.")
    return dict(value)


def _message(_reader: _Reader, _field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or "id" not in value:
        raise ValueError(f"should be the message that a step sent, not {_said(value)}.")
    return dict(value)


def _any(_reader: _Reader, _field: Field, value: Any) -> Any:
    return value


_READERS = {
    "text": _text, "secret": _text, "choice": _any, "workflow": _text, "connection": _text,
    "number": _number, "integer": _integer, "boolean": _boolean, "duration": _duration,
    "size": _size, "phone": _phone, "email": _email, "url": _url, "date": _date, "time": _time,
    "file": _file, "message": _message, "any": _any,
}  # fmt: skip
