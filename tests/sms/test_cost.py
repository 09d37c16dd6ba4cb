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


ABROAD = Prices(
    "segment",
    Decimal("0.04"),
    "GBP",
    {"FR": Decimal("0.07"), "US": Decimal("0.01"), "+4479": Decimal("0.03"), "+4477": Decimal("0.02"), "+447700": Decimal("0.05")},
)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("+33612345678", "0.07 GBP (FR)"),
        ("+12025550123", "0.01 GBP (US)"),
        ("+16132345678", "0.04 GBP"),  # Canada, under +1 like the United States
        ("+447700900077", "0.05 GBP (+447700)"),
        ("+447911123456", "0.03 GBP (+4479)"),
        ("+447400123456", "0.04 GBP"),
        ("+80012345678", "0.04 GBP"),
        ("", "0.04 GBP"),
    ],
)
def test_what_it_costs_where_the_phone_is(number: str, said: str) -> None:
    assert cost_of("Hi", ABROAD, "", number).money == said
    one, two = (cost_of(text, ABROAD, "", number).price for text in ("Hi", "x" * 161))
    assert one is not None
    assert two == 2 * one
