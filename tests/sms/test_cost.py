"""What a text takes and costs, before it is sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ringback.settings import Prices
from ringback.sms.cost import cost_of

LONG = "It’s " + "x" * 100
CASES = [
    ("Hi", None, "", "1 SMS in GSM-7"),
    ("Hi", ("segment", "0.04"), "", "1 SMS in GSM-7; 0.04 GBP"),
    ("x" * 161, ("segment", "0.04"), "", "2 SMS in GSM-7; 0.08 GBP"),
    ("x" * 161, ("message", "0.04"), "segment", "2 SMS in GSM-7; 0.04 GBP"),
    ("x" * 161, ("", "0.04"), "message", "2 SMS in GSM-7; 0.04 GBP"),
    ("x" * 161, ("", "0.04"), "unknown", "2 SMS in GSM-7; 0.08 GBP"),
    (LONG, ("", "0.1"), "", "2 SMS in UCS-2 because of “’”; with plain quotes 1 in GSM-7; 0.2 GBP"),
    ("Привет", None, "", "1 SMS in UCS-2 because of “П” “р” “и” “в” “е” …"),
]


@pytest.mark.parametrize(("text", "price", "per", "said"), CASES)
def test_what_it_takes_and_costs(
    text: str, price: tuple[str, str] | None, per: str, said: str
) -> None:
    prices = Prices(price[0], Decimal(price[1]), "GBP") if price else None
    assert str(cost_of(text, prices, per)) == said
