"""Which way a message goes."""

from __future__ import annotations

from typing import Any

import pytest

from ringback.problems import CODES, Failure
from ringback.sms.send import moves_on, ways

WAYS: list[tuple[Any, tuple[str, ...], list[str], tuple[str, ...]]] = [
    (None, (), ["desk"], ("desk",)),
    (None, ("a", "b"), ["a", "b"], ("a", "b")),
    ("b", ("a",), ["a", "b"], ("b",)),
    (["b", "a"], ("a",), ["a", "b"], ("b", "a")),
    ("", ("a",), ["a", "b"], ("a",)),
]


@pytest.mark.parametrize(("wanted", "default", "gateways", "made"), WAYS)
def test_ways(
    wanted: Any, default: tuple[str, ...], gateways: list[str], made: tuple[str, ...]
) -> None:
    assert ways(wanted, default, gateways) == made


@pytest.mark.parametrize("gateways", [[], ["a", "b"]])
def test_no_way_says_what_to_do(gateways: list[str]) -> None:
    with pytest.raises(Failure) as raised:
        ways(None, (), gateways)
    assert raised.value.next


def test_failover_never_follows_a_failure_that_may_have_been_a_success() -> None:
    for code, kind in CODES.items():
        assert not (kind.unsure and moves_on(Failure(code, "No.")))
    assert moves_on(Failure("no_credit", "No."))
    assert not moves_on(Failure("invalid_number", "No."))
