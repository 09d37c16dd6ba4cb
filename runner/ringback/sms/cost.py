"""What a text will take and cost, known before it is sent."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import phonenumbers

from ringback.settings import Prices
from ringback.sms.segments import Segments, plain_quotes, segments


class Cost(NamedTuple):
    """What a text takes; `plain` is the same with plain quotes; `price` is None where nobody said one."""

    size: Segments
    plain: Segments
    price: Decimal | None = None
    currency: str = ""
    where: str = ""
    """The country or prefix whose price it is, where that is not the price of everywhere else."""

    def as_json(self) -> dict[str, Any]:
        return {
            "encoding": self.size.encoding,
            "segments": self.size.count,
            "units": self.size.units,
            "offenders": list(self.size.offenders),
            "segments_with_plain_quotes": self.plain.count,
            "price": None if self.price is None else format(self.price, "f"),
            "currency": self.currency,
            "where": self.where,
        }

    def __str__(self) -> str:
        said = f"{self.size.count} SMS in {self.size.encoding}"
        if self.size.offenders:
            some = " ".join(f"“{one}”" for one in self.size.offenders[:5])
            said += f" because of {some}{' …' if self.size.offenders[5:] else ''}"
            if self.plain.count < self.size.count or not self.plain.offenders:
                said += f"; with plain quotes {self.plain.count} in {self.plain.encoding}"
        return f"{said}; {self.money}" if self.money else said

    @property
    def money(self) -> str:
        """The price with its currency; an empty text where it is not known."""
        if self.price is None:
            return ""
        said = f"{self.price:f} {self.currency}".strip()
        return f"{said} ({self.where})" if self.where else said


def cost_of(text: str, prices: Prices | None, per: str = "", number: str = "") -> Cost:
    """What a text takes, and costs by the operator's prices for where `number` (E.164) is.

    `per` is how the gateway charges where they do not say.
    """
    size, plain = segments(text), segments(plain_quotes(text))
    if prices is None:
        return Cost(size, plain)
    where = _where(number, prices)
    amount = prices.countries[where] if where else prices.amount
    whole = (prices.per or per) == "message"
    return Cost(size, plain, amount * (1 if whole else size.count), prices.currency, where)


def _where(number: str, prices: Prices) -> str:
    """The entry of the prices that a number falls under: its longest prefix, else its country; empty for none."""
    if not prices.countries:
        return ""
    prefixes = [one for one in prices.countries if one.startswith("+") and number.startswith(one)]
    if prefixes:
        return max(prefixes, key=len)
    country = country_of(number)
    return country if country in prices.countries else ""


@lru_cache(maxsize=8192)
def country_of(number: str) -> str:
    """The country of a number (ISO 3166), as libphonenumber has it; empty where it has none (`+800…`, short codes).

    A number that its tables do not have yet is of the country, or the largest of those, that has the calling code.
    """
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    by_code = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    return phonenumbers.region_code_for_number(parsed) or by_code
