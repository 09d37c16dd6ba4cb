"""The filters that a template may use: Jinja's harmless ones, and ours for texts to people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

import phonenumbers
from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJA
from jinja2.runtime import Context, Undefined

from ringback.expressions.bounds import spend_text
from ringback.problems import Failure

# Left out of Jinja's list: those that make large texts from small numbers (center, indent, wordwrap,
# format, batch, slice), those that reach attributes by name (attr), those for HTML, and random.
_HARMLESS = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int",
    "items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse",
    "round", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim", "truncate",
    "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚", "'"),
        **dict.fromkeys("“”„", '"'),
        **dict.fromkeys("–—", "-"),
        **dict.fromkeys("\u00a0\u202f\u2009", " "),
        "…": "...",
    }
)


def join(values: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    """Jinja's `join`, with the result's size bounded."""
    parts = [
        str(value.get(attribute, "") if attribute and isinstance(value, Mapping) else value)
        for value in values
    ]
    spend_text(sum(map(len, parts)) + len(separator) * len(parts))
    return str(separator).join(parts)


def replace(text: Any, old: str, new: str, count: int = -1) -> str:
    """`{{ name | replace('-', ' ') }}`."""
    plain = str(text)
    spend_text(len(plain) + (len(plain) + 1) * len(str(new)) // max(len(str(old)), 1))
    return plain.replace(str(old), str(new), count)


def digits(text: Any) -> str:
    """Only the digits: `{{ '07700 900-077' | digits }}` gives 07700900077."""
    return "".join(letter for letter in str(text) if letter.isdigit())


def plain(text: Any) -> str:
    """Typographic quotes, dashes and spaces as plain ones, which keeps a text in the cheaper alphabet (GSM-7)."""
    return str(text).translate(_PLAIN)


@pass_context
def phone(context: Context, number: Any, country: str | None = None) -> str:
    """A phone number in E.164 (`+447700900077`), read as one of the project's country unless told otherwise."""
    project = context.get("project")
    region = country or (project.get("country") if isinstance(project, Mapping) else None)
    try:
        parsed = phonenumbers.parse(str(number), region)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise Failure(
            "template",
            f"“{number}” is not a phone number{f' of {region}' if region else ''}.",
            "Check the number, or write it with its country code, such as +44 7700 900077.",
        )
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def say_date(value: Any, pattern: str = "%d %B %Y") -> str:
    """A date in words: `{{ agreement.starts | date('%A %d %B') }}`; takes dates and ISO texts."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Failure(
                "template", f"“{value}” is not a date.", "Give a date such as 2026-09-01."
            ) from None
    if not isinstance(value, date):
        raise Failure("template", f"“{value}” is not a date.", "Give a date such as 2026-09-01.")
    if len(pattern) > 100:
        raise Failure("template", "A date pattern is longer than 100 letters.", "Shorten it.")
    return value.strftime(pattern)


def money(value: Any, currency: str = "") -> str:
    """An amount with thousands and two decimals: `{{ 1234.5 | money('£') }}` gives £1,234.50."""
    if isinstance(value, Mapping) and "amount" in value:
        currency = currency or f"{value.get('currency') or ''} ".lstrip()
        value = value["amount"]
    try:
        return f"{currency}{float(value):,.2f}"
    except (TypeError, ValueError):
        raise Failure("template", f"“{value}” is not an amount.", "Give a number.") from None


def default(value: Any, otherwise: Any = "", empty_too: bool = True) -> Any:
    """What stands in for a missing value. Unlike Jinja's, an empty value counts as missing, since a form's blank is one."""
    if isinstance(value, Undefined) or value is None or (empty_too and value == ""):
        return otherwise
    return value


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: JINJA[name] for name in _HARMLESS},
    "date": say_date,
    "d": default,
    "default": default,
    "digits": digits,
    "join": join,
    "money": money,
    "phone": phone,
    "plain": plain,
    "replace": replace,
}
