"""One status out of all that was heard, whatever the order it was heard in."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.journal.messages import Message
from ringback.sms.folding import Heard, fold
from ringback.sms.statuses import BAD, RANK, TERMINAL

WORDS = ["accepted", "queued", "sent", "unknown", *sorted(TERMINAL)]


def message(**changes: Any) -> Message:
    return Message("msg_1", "out", "desk", "Hi", "sending", 1, 1)._replace(**changes)


def seen(several: list[Heard], **changes: Any) -> list[Message]:
    """The message after each."""
    made = [message(**changes)]
    for now, heard in enumerate(several, 100):
        made.append(fold(made[-1], heard, now))
    return made


def after(several: list[Heard], **changes: Any) -> Message:
    return seen(several, **changes)[-1]


@st.composite
def reports(draw: st.DrawFn, *, told: bool = False) -> tuple[list[Heard], list[Heard], int]:
    """What stands first (the answer, where it names parts), what is heard in any order, and our count of parts.

    Reports are of the whole message, of parts that have ids of their own, or of parts that share one.
    """
    kind = draw(st.sampled_from(["whole", "ids", "shared"]))
    parts = 1 if kind == "whole" else draw(st.integers(1, 4))
    several = kind == "ids" and parts > 1
    first = [Heard("accepted", ids=parts if several else None)] if several else []

    def one(number: int, key: int, **said: Any) -> Heard:
        own = {"gateway_id": f"g{number}", "part": f"g{number}:{key}"} if several else {}
        shared = {"gateway_id": "g", "part": f"{key}"} if kind == "shared" else {}
        return Heard(**(said | own | shared))

    times = st.integers(1, 9)
    report = st.builds(
        one,
        st.integers(1, parts),
        st.integers(1, 12),
        status=st.sampled_from(WORDS),
        at=times if told else st.none() | times,
        sequence=st.none() | st.integers(0, 3),
        error_code=st.none() | st.sampled_from(["1", "2"]),
        detail=st.none() | st.sampled_from(["a", "b"]),
        refunded=st.booleans(),
        segments=st.none() | st.integers(1, 4),
        cost=st.none() | st.sampled_from(["0.01", "0.020", "much"]),
        currency=st.none() | st.sampled_from(["EUR", "USD"]),
    )
    silence = st.just(Heard("unknown", at=5, silence=True))
    heard = draw(st.lists(report | silence, max_size=9))
    copies = draw(st.lists(st.sampled_from(heard), max_size=3)) if heard else []
    return first, [*heard, *copies], parts


@given(st.data(), reports())
def test_the_end_does_not_depend_on_the_order(
    data: st.DataObject, case: tuple[list[Heard], list[Heard], int]
) -> None:
    first, heard, parts = case
    shuffled = data.draw(st.permutations(heard))

    def outcome(several: list[Heard]) -> tuple[Any, ...]:
        made = after([*first, *several], segments=parts)
        told = made.cost, made.currency, made.cost_source
        return made.status, made.terminal, made.error_code, made.detail, made.refunded, *told

    assert outcome(heard) == outcome(list(shuffled)) == outcome(list(dict.fromkeys(heard)))


@given(st.data(), reports(told=True))
def test_nor_does_its_time_where_times_were_told(
    data: st.DataObject, case: tuple[list[Heard], list[Heard], int]
) -> None:
    first, heard, parts = case
    told = [*first, Heard("accepted", 1), *heard]
    shuffled = [*first, *data.draw(st.permutations(told[len(first) :]))]
    assert after(told, segments=parts).status_at == after(shuffled, segments=parts).status_at


@given(reports())
def test_a_status_only_rises_and_a_terminal_one_stays_terminal(
    case: tuple[list[Heard], list[Heard], int],
) -> None:
    first, heard, parts = case
    several = [*first, *heard]
    made = seen(several, segments=parts)
    for before, now in itertools.pairwise(made):
        assert RANK[now.status] >= RANK[before.status]
        assert now.terminal >= before.terminal
        assert now.terminal == (now.status in TERMINAL)
        if before.status == "delivered":
            assert now.status == "delivered"
    assert len(made[-1].timeline) == len(several)


@given(reports(), st.integers(1, 4), st.integers(0, 9))
def test_it_rises_whatever_the_answer_says_and_when(
    case: tuple[list[Heard], list[Heard], int], ids: int, place: int
) -> None:
    _first, heard, parts = case
    several = [*heard[:place], Heard("accepted", ids=ids), *heard[place:]]
    ranks = [RANK[one.status] for one in seen(several, segments=parts)]
    assert ranks == sorted(ranks)


def part(number: int, status: str, **said: Any) -> Heard:
    return Heard(status, gateway_id=f"g{number}", part=f"g{number}:{status}", **said)


TWO = Heard("accepted", ids=2)
ENDS: list[tuple[str, list[Heard], str]] = [
    ("nothing", [], "sending"),
    ("a phone's receipt is the best evidence", [Heard("failed", 9), Heard("delivered", 1)], "delivered"),
    ("the last word of the gateway's count", [Heard("failed", sequence=2), Heard("expired", 9, sequence=1)], "failed"),
    ("the last word by its time", [Heard("failed", 1), Heard("canceled", 2)], "canceled"),
    ("neither told", [Heard("undelivered"), Heard("expired")], "expired"),
    ("silence", [Heard("sent"), Heard("unknown", silence=True)], "unknown"),
    ("an end after silence", [Heard("unknown", silence=True), Heard("undelivered")], "undelivered"),
    ("an unknown word", [Heard("sent"), Heard("unknown", raw_status="BORKED")], "sent"),
    ("a part", [TWO, part(1, "delivered")], "sent"),
    ("a part twice", [TWO, part(1, "delivered", at=1), part(1, "delivered", at=2)], "sent"),
    ("every part", [TWO, part(1, "delivered"), part(2, "delivered")], "delivered"),
    ("a part that failed", [TWO, part(1, "failed"), part(2, "sent")], "failed"),
    ("a part that failed, by itself", [TWO, part(1, "delivered"), part(2, "failed")], "failed"),
    ("a part that failed and came", [TWO, part(1, "failed"), part(1, "delivered"), part(2, "delivered")], "delivered"),
    ("a part that failed and came, without the other", [TWO, part(1, "failed"), part(1, "delivered")], "failed"),
    ("the gateway, asked about the whole", [TWO, Heard("delivered")], "delivered"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "heard", "end"), ENDS, ids=[row[0] for row in ENDS])
def test_ends(name: str, heard: list[Heard], end: str) -> None:
    assert after(heard).status == end


def test_parts_that_share_an_id_are_counted() -> None:
    def delivered(key: str) -> Heard:
        return Heard("delivered", part=key, gateway_id="g")

    heard = [
        Heard("sent", part="k0", segments=2),
        delivered("k1"),
        delivered("k1"),
        delivered("k2"),
    ]
    assert [one.status for one in seen(heard, segments=3)] == [
        "sending", "sent", "sent", "sent", "delivered",
    ]  # fmt: skip
    assert after([delivered("k1")], segments=1).status == "delivered"


def test_the_time_of_a_message_in_parts_is_that_of_its_last() -> None:
    heard = [
        TWO,
        part(2, "delivered", at=7),
        part(1, "delivered", at=4),
        part(2, "delivered", at=6),
    ]
    assert after(heard).status_at == 6


@pytest.mark.parametrize("bad", sorted(BAD))
def test_a_contradiction_is_kept_and_marked(bad: str) -> None:
    made = after([Heard("delivered", 1), Heard(bad, 2, error_code="30005")])
    assert (made.status, made.error_code) == ("delivered", None)
    assert made.timeline[1]["contradicts"] == "delivered"
    late = after([Heard(bad, 2, error_code="30005"), Heard("delivered", 1)])
    assert (late.status, late.error_code) == ("delivered", None)
    assert late.timeline[1]["contradicts"] == bad


def test_ends_of_different_parts_do_not_contradict_each_other() -> None:
    made = after([TWO, part(1, "delivered"), part(2, "failed"), part(1, "failed")])
    assert [entry.get("contradicts") for entry in made.timeline] == [None, None, None, "delivered"]


def test_a_word_nobody_knows_is_kept() -> None:
    made = after([Heard("sent", 1), Heard("unknown", 2, raw_status="BORKED")])
    assert made.timeline[1]["raw_status"] == "BORKED"


def test_a_message_of_an_older_journal_goes_on_from_where_it_was() -> None:
    """Its entries do not say which times were told, nor that a silence was one."""
    entries = (
        {"at": 1, "heard_at": 1, "status": "accepted"},
        {"at": 9, "heard_at": 9, "status": "unknown", "detail": "no report in time"},
    )
    old = message(status="unknown", timeline=entries)
    assert fold(old, Heard("sent"), 10).status == "unknown"
    assert fold(old, Heard("delivered"), 10).status == "delivered"


PRICED = [
    ([Heard("accepted", cost="0.03", currency="EUR")], ("0.03", "EUR")),
    ([Heard("sent", cost="0.03"), Heard("delivered", 5, cost="0.04", currency="EUR")], ("0.04", "EUR")),
    ([Heard("delivered", cost="0.04", sequence=2), Heard("sent", cost="0.03", sequence=1)], ("0.04", None)),
    ([Heard("accepted", cost="0.06", ids=2), Heard("sent", gateway_id="a", cost="0.03"), Heard("sent", gateway_id="b", cost="0.04")], ("0.07", None)),
    ([Heard("sent", gateway_id="a", cost="0.03"), Heard("delivered", gateway_id="a", cost="0.03")], ("0.03", None)),
]  # fmt: skip


@pytest.mark.parametrize(("several", "told"), PRICED)
def test_what_the_gateway_says_it_costs(several: list[Heard], told: tuple[str, str | None]) -> None:
    for order in itertools.permutations(several):
        made = after(list(order), cost="0.05", currency="GBP", cost_source="prices")
        assert (made.cost, made.currency, made.cost_source) == (*told, "gateway")


def test_an_estimate_stays_until_the_gateway_says_otherwise() -> None:
    made = after([Heard("sent"), Heard("delivered", cost="n/a")], cost="0.05", cost_source="prices")
    assert (made.cost, made.cost_source) == ("0.05", "prices")


@pytest.mark.parametrize(("told", "status"), [(None, "delivered"), (2, "delivered"), (3, "sent")])
def test_a_part_that_the_answer_refused_keeps_the_message_from_being_delivered(
    told: int | None, status: str
) -> None:
    answer = Heard("accepted", ids=2, segments=told)
    parts = [Heard("delivered", gateway_id=f"g{one}", part=f"g{one}:1") for one in (1, 2)]
    for several in itertools.permutations(parts):
        assert after([answer, *several]).status == status
