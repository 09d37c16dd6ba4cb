"""What a text will take and cost, known before it is sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from ringback.settings import Prices
from ringback.sms.segments import Segments, plain_quotes, segments


class Cost(NamedTuple):
    """What a text takes; `plain` is the same with plain quotes; `price` is None where nobody said one."""

    size: Segments
    plain: Segments
    price: Decimal | None = None
    currency: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "encoding": self.size.encoding,
            "segments": self.size.count,
            "units": self.size.units,
            "offenders": list(self.size.offenders),
            "segments_with_plain_quotes": self.plain.count,
            "price": None if self.price is None else format(self.price, "f"),
            "currency": self.currency,
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
        return "" if self.price is None else f"{self.price:f} {self.currency}".strip()


def cost_of(text: str, prices: Prices | None, per: str = "") -> Cost:
    """What a text takes, and costs by the operator's prices; `per` is how the gateway charges where they do not say."""
    size = segments(text)
    price = None
    if prices is not None:
        whole = (prices.per or per) == "message"
        price = prices.amount * (1 if whole else size.count)
    currency = prices.currency if prices is not None else ""
    return Cost(size, segments(plain_quotes(text)), price, currency)
