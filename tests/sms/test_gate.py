"""The checks before every send."""

from __future__ import annotations

import pytest

from ringback.problems import Failure
from ringback.sms.gate import Sending, judge, pass_or_fail

NUMBERS = [
    ("07700 900077", "GB", "+447700900077"),
    ("+44 7700 900077", "GB", "+447700900077"),
    ("+1 (415) 555-0132", "GB", "+14155550132"),
    ("00447700900077", "GB", "+447700900077"),
    ("0170 1234567", "DE", "+491701234567"),
    ("+447700900077", "", "+447700900077"),
]


@pytest.mark.parametrize(("number", "country", "made"), NUMBERS)
def test_numbers_become_international(number: str, country: str, made: str) -> None:
    gate = judge(Sending(number, "Hi", {"country": country}))
    assert gate.number == made
    assert all(verdict.passed for verdict in gate.verdicts)
    pass_or_fail(gate)


REFUSED = [
    ("12", "Hi", "invalid_number"),
    ("hello", "Hi", "invalid_number"),
    ("", "Hi", "invalid_number"),
    ("+447700900077", "  ", "invalid_input"),
]


@pytest.mark.parametrize(("number", "text", "code"), REFUSED)
def test_what_does_not_pass_says_why(number: str, text: str, code: str) -> None:
    with pytest.raises(Failure) as raised:
        pass_or_fail(judge(Sending(number, text, {"country": "GB"})))
    assert raised.value.code == code
    assert raised.value.next
    assert not raised.value.detail["gate"][-1]["passed"]
