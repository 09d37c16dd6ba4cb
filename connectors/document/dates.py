"""Dates as people write them, made into ISO dates."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

# Month names by language, January first; compared without accents and by their first letters where unique.
_NAMES: dict[str, str] = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar marz april mai juni juli august september oktober november dezember",
    "fr": "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia wrzesnia pazdziernika listopada grudnia",
}
_SHORT = "jan feb mar apr may jun jul aug sep oct nov dec sept dez okt mai mrt avr"
_SHORT_MONTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 9, 12, 10, 5, 3, 4)
MONTHS: dict[str, int] = {
    **{
        name: number
        for names in _NAMES.values()
        for number, name in enumerate(names.split(), start=1)
    },
    **dict(zip(_SHORT.split(), _SHORT_MONTHS, strict=True)),
}

_ISO = re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b")
_CJK = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]?")
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d{2})(\d{2})(\d{2})(?!\d)")
_NUMBERS = re.compile(
    r"(?<![\d/.-])(\d{1,2})\s*[-/.\s]\s*(\d{1,2})\s*[-/.\s]\s*(\d{4}|'?\d{2})(?![\d/]|[.-]\d)"
)
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|º|ª|\.)?[\s\-/]*(?:of|de|di)?[\s\-/]*([^\W\d_]{3,})\.?,?[\s\-/]*(?:de|del)?[\s\-/]*(\d{4}|'?\d{2})(?!\d)"
)
_MONTH_DAY = re.compile(r"([^\W\d_]{3,})\.?\s*(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4}|'\d{2})(?!\d)")  # fmt: skip


def read_date(text: str, day_first: bool, this_year: int) -> tuple[str, str]:
    """A date as `2026-09-07`, and a note where it could have been read otherwise ("" if not).

    Raises:
        ValueError: with what is wrong, ready to follow "which".
    """
    plain = "".join(
        mark
        for mark in unicodedata.normalize("NFKD", text).casefold()
        if not unicodedata.combining(mark) and unicodedata.category(mark) != "Cf"
    )
    plain = "".join(str(unicodedata.digit(mark)) if mark.isdigit() else mark for mark in plain)
    for expression in (_ISO, _CJK, _COMPACT):
        found = expression.search(plain)
        if found is not None:
            return _iso(int(found[1]), int(found[2]), int(found[3])), ""
    named = _named(plain, this_year)
    if named is not None:
        return named, ""
    found = _NUMBERS.search(plain)
    if found is None:
        raise ValueError("is not a date" + (" with a year" if re.search(r"\d", plain) else ""))
    return _numeric(int(found[1]), int(found[2]), _year(found[3], this_year), day_first)


def _named(plain: str, this_year: int) -> str | None:
    for expression, day, month in ((_DAY_MONTH, 1, 2), (_MONTH_DAY, 2, 1)):
        for found in expression.finditer(plain):
            number = MONTHS.get(found[month])
            if number is not None:
                return _iso(_year(found[3], this_year), number, int(found[day]))
    return None


def _numeric(first: int, second: int, year: int, day_first: bool) -> tuple[str, str]:
    """Two numbers and a year: the order of the locale, unless only the other one is a date."""
    orders = [(second, first), (first, second)]
    month, day = orders[0] if day_first else orders[1]
    if month > 12 >= day:
        month, day = day, month
    iso = _iso(year, month, day)
    if first <= 12 and second <= 12 and first != second:
        other = _iso(year, day, month)
        return iso, f"read as {iso}; with day and month the other way round it would be {other}"
    return iso, ""


def _year(text: str, this_year: int) -> int:
    """Two digits are the year nearest to now that is not over 20 years ahead."""
    digits = text.lstrip("'")
    if len(digits) > 2:
        return int(digits)
    year = this_year // 100 * 100 + int(digits)
    return year if year <= this_year + 20 else year - 100


def _iso(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError as error:
        raise ValueError("is not a day of the calendar") from error
