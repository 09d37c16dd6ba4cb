"""Numbers and money as people write them."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

SIGNS: dict[str, str] = {
    "£": "GBP", "€": "EUR", "¥": "JPY", "￥": "CNY", "₹": "INR", "₩": "KRW", "₺": "TRY", "₽": "RUB", "₴": "UAH",
    "₪": "ILS", "₦": "NGN", "₱": "PHP", "฿": "THB", "₫": "VND", "R$": "BRL", "A$": "AUD", "C$": "CAD", "NZ$": "NZD",
    "HK$": "HKD", "S$": "SGD", "US$": "USD", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "元": "CNY", "円": "JPY",
}  # fmt: skip
_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN", "TWD", "ARS", "CLP", "COP"})
_CROWNS = frozenset({"SEK", "NOK", "DKK", "ISK"})
CODES = frozenset(
    {*SIGNS.values(), *_DOLLARS, *_CROWNS, "CHF", "ZAR", "AED", "SAR", "EGP", "KES", "GHS", "PKR", "BDT", "LKR",
     "MYR", "IDR", "RON", "BGN", "RSD", "MAD", "PEN", "UGX", "TZS"}
)  # fmt: skip
_SPACE = "\u0020\u00a0\u202f\u2009"
_NUMBER = re.compile(rf"[-−+]?\d(?:[\d.,'’]|[{_SPACE}](?=\d{{3}}(?!\d)))*")


def read_number(text: str, decimal_comma: bool) -> int | float:
    """The one number in a text: `1,250.50`, `1.250,50`, `1 250`, `(12)`.

    Raises:
        ValueError: with what is wrong, ready to follow "which".
    """
    plain = _digits(text)
    found = [match[0].rstrip(".,'’") for match in _NUMBER.finditer(plain)]
    if not found:
        raise ValueError("holds no number")
    if len(found) > 1:
        raise ValueError("holds more than one number")
    value = _value(found[0], decimal_comma)
    if re.fullmatch(r"\s*\D*\(\D*[\d.,' ]+\)\s*", plain) and plain.strip()[:1] in "(£$€":
        value = -value
    return int(value) if value == value.to_integral_value() else float(value)


def _digits(text: str) -> str:
    return "".join(
        str(unicodedata.digit(mark)) if mark.isdigit() and not mark.isascii() else mark
        for mark in text
    )


def _value(text: str, decimal_comma: bool) -> Decimal:
    """Which mark is the decimal one: the last of two kinds; one kind alone, by the locale and what follows it."""
    text = re.sub(rf"[{_SPACE}'’]", "", text.replace("−", "-"))
    last = {mark: text.rfind(mark) for mark in ".,"}
    if min(last.values()) >= 0:
        decimal = max(last, key=last.__getitem__)
    elif max(last.values()) < 0:
        return Decimal(text)
    else:
        mark = max(last, key=last.__getitem__)
        groups = text.count(mark) > 1 or (
            len(text) - last[mark] - 1 == 3 and mark != ("," if decimal_comma else ".")
        )
        decimal = "" if groups else mark
    for mark in ".,":
        text = text.replace(mark, "." if mark == decimal else "")
    if len(text) > 30 or text.count(".") > 1:
        raise ValueError("is not a number")
    return Decimal(text)


def read_money(text: str, decimal_comma: bool, local: str) -> dict[str, int | float | str]:
    """`{"amount": 1200.5, "currency": "GBP"}`; the currency is the one written, else the country's own."""
    amount = read_number(text, decimal_comma)
    return {"amount": amount, "currency": _currency(text, local)}


def _currency(text: str, local: str) -> str:
    for word in re.findall(r"[A-Za-z]{3}", text):
        if word.upper() in CODES:
            return str(word.upper())
    for sign in sorted(SIGNS, key=len, reverse=True):
        if sign in text:
            return local if sign == "¥" and local == "CNY" else SIGNS[sign]
    if "$" in text:
        return local if local in _DOLLARS else "USD"
    if re.search(r"\bkr\b", text, re.IGNORECASE):
        return local if local in _CROWNS else "SEK"
    return local
