"""Reports fold into one status, whatever the order they come in."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringback.journal.messages import Message
from ringback.sms.reports import Heard, delivery_output, fold
from ringback.sms.statuses import RANK, TERMINAL, reached

ON_THE_WAY = ["accepted", "queued", "sent", "unknown"]
HEARD = st.builds(
    Heard,
    status=st.sampled_from([*ON_THE_WAY, *sorted(TERMINAL)]),
    at=st.integers(1, 50),
    refunded=st.booleans(),
)


def message(**changes: Any) -> Message:
    return Message("msg_1", "out", "desk", "Hi", "sending", 1, 1)._replace(**changes)


def after(several: list[Heard]) -> Message:
    made = message()
    for now, heard in enumerate(several):
        made = fold(made, heard, now)
    return made


@given(st.data(), st.lists(HEARD, max_size=8), st.sampled_from(sorted(TERMINAL)))
def test_the_end_does_not_depend_on_the_order(
    data: st.DataObject, heard: list[Heard], end: str
) -> None:
    agreeing = [one._replace(status=end) if one.status in TERMINAL else one for one in heard]
    shuffled = data.draw(st.permutations(agreeing))

    def outcome(several: list[Heard]) -> tuple[Any, ...]:
        made = after(several)
        return made.status, made.status_at, made.terminal, made.refunded, len(made.timeline)

    assert outcome(agreeing) == outcome(list(shuffled))


@given(st.lists(HEARD, max_size=10))
def test_a_status_only_moves_forward_and_a_terminal_one_stays(heard: list[Heard]) -> None:
    made, before = message(), message()
    for now, one in enumerate(heard):
        made = fold(made, one, now)
        assert RANK[made.status] >= RANK[before.status]
        if before.terminal:
            assert (made.status, made.terminal) == (before.status, True)
        before = made
    assert len(made.timeline) == len(heard)


def test_a_contradiction_is_kept_and_marked() -> None:
    made = after([Heard("delivered", 1), Heard("failed", 2, error_code="30005")])
    assert made.status == "delivered"
    assert made.error_code is None
    assert made.timeline[1]["contradicts"] == "delivered"


def test_a_word_nobody_knows_moves_nothing() -> None:
    made = after([Heard("sent", 1), Heard("unknown", 2, raw_status="BORKED")])
    assert made.status == "sent"
    assert made.timeline[1]["raw_status"] == "BORKED"


def test_reached() -> None:
    assert reached("sent", "sent")
    assert reached("failed", "sent")
    assert not reached("sent", "delivered")
    assert not reached("unknown", "sent")


def test_silence_is_unknown() -> None:
    output = delivery_output(message(status="sent"), timed_out=True)
    assert (output["status"], output["timed_out"], output["delivered"]) == ("unknown", True, False)
