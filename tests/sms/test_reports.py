"""What waits and workflows are given of a message; and reports that come in any order, through the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from ringback.clock import SimulatedClock
from ringback.connectors.callbacks import Report
from ringback.ids import new_id
from ringback.journal import messages
from ringback.journal import reports as kept
from ringback.journal.journal import Journal
from ringback.journal.messages import Message
from ringback.sms import reports
from ringback.sms.folding import Heard
from ringback.sms.reports import delivery_output
from ringback.sms.statuses import RANK, reached

NUMBER = "+447700900077"


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    path: Path = tmp_path_factory.mktemp("reports") / "journal.db"
    opened = Journal.open(path, SimulatedClock(1))
    yield opened
    opened.close()


def heard(gateway_id: str | None, status: str, **said: Any) -> Report:
    values: dict[str, Any] = {
        "reference": None, "raw_status": status, "number": None, "at_ms": None, "error_code": None, "detail": None,
        "refunded": None, "raw": {}, "key": f"{gateway_id}:{status}:{said}",
    }  # fmt: skip
    return Report(gateway_id=gateway_id, status=status, **(values | said))


class Rolled(Exception):
    """Takes back what a test wrote."""


def tell(conn: Connection, ids: list[str], said: list[Report | None], segments: int) -> list[Any]:
    """A send whose answer (None) names `ids`, with reports before and after it; what was seen, in turn."""
    message = Message(
        new_id("msg"), "out", "desk", "Hi", "sending", 1, 1, number_to=NUMBER, segments=segments
    )
    messages.add_message(conn, message)
    seen: list[Message] = []
    for now, one in enumerate(said, 10):
        if one is None:
            reports.took(conn, message.id, Heard("accepted", 3), now, gateway_ids=ids)
        else:
            if one.reference:
                one = replace(one, reference=message.id)
            reports.apply_report(conn, "desk", one, new_id("evt"), "GB", now)
        now_known = messages.get_message(conn, message.id)
        assert now_known is not None
        seen.append(now_known)
    assert len(kept.of_message(conn, message.id)) == len(said) - 1
    return seen


STATUSES = ["queued", "sent", "delivered", "undelivered", "failed", "expired", "unknown"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whenever_reports_come_the_message_ends_alike(
    journal: Journal, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, 3), "parts")
    ids = [f"g{number}" for number in range(count)]
    said = data.draw(
        st.lists(
            st.builds(
                heard,
                st.sampled_from(ids),
                st.sampled_from(STATUSES),
                at_ms=st.integers(1, 5),
                sequence=st.none() | st.integers(0, 3),
                error_code=st.none() | st.sampled_from(["1", "2"]),
                per_part=st.just(count > 1),
            ),
            max_size=7,
        ),
        "reports",
    )

    def end(order: list[Report | None]) -> tuple[Any, ...]:
        made: list[Any] = []

        def write(conn: Connection) -> None:
            made.extend(tell(conn, ids, order, count))
            raise Rolled

        with pytest.raises(Rolled):
            journal.write(write)
        ranks = [RANK[message.status] for message in made]
        assert ranks == sorted(ranks)
        last = made[-1]
        return last.status, last.status_at, last.terminal, last.error_code, len(last.timeline)

    orders = [data.draw(st.permutations([None, *said])) for _ in range(2)]
    assert end([None, *said]) == end(orders[0]) == end(orders[1])


def test_parts_known_by_our_reference_alone(journal: Journal) -> None:
    """The send was never answered; each part has an id of its own, and tells ours."""
    said = [heard(f"g{one}", "delivered", reference="msg", per_part=True) for one in (1, 2)]

    def write(conn: Connection) -> list[Any]:
        message = Message(
            new_id("msg"), "out", "desk", "Hi", "sending", 1, 1, number_to=NUMBER, segments=2
        )
        messages.add_message(conn, message)
        made = [
            reports.apply_report(
                conn, "desk", replace(one, reference=message.id), new_id("evt"), "GB", 5
            )
            for one in said
        ]
        assert messages.ids_of(conn, message.id) == {"g1": None, "g2": None}
        return [one.message.status for one in made if one.message]

    assert journal.write(write) == ["sent", "delivered"]


@pytest.mark.parametrize(("told", "status"), [(2, "delivered"), (3, "sent")])
def test_a_part_that_the_answer_refused_is_waited_for(
    journal: Journal, told: int, status: str
) -> None:
    """A gateway may refuse one part of a text and take the others, whose ids are all that there is."""

    def write(conn: Connection) -> str:
        message = Message(new_id("msg"), "out", "desk", "Hi", "sending", 1, 1, number_to=NUMBER)
        messages.add_message(conn, message)
        reports.took(conn, message.id, Heard("accepted"), 2, gateway_ids=["g1", "g2"], segments=told)  # fmt: skip
        for one in ("g1", "g2"):
            reports.apply_report(conn, "desk", heard(one, "delivered", per_part=True), new_id("evt"), "GB", 3)  # fmt: skip
        known = messages.get_message(conn, message.id)
        assert known is not None
        return known.status

    assert journal.write(write) == status


def test_what_changes_nothing_is_no_change(journal: Journal) -> None:
    def write(conn: Connection) -> list[list[str]]:
        message = Message(new_id("msg"), "out", "desk", "Hi", "sending", 1, 1, number_to=NUMBER)
        messages.add_message(conn, message)
        early = reports.apply_report(conn, "desk", heard("c1", "queued"), "evt_0", "GB", 1)
        assert early.early
        first = reports.took(conn, message.id, Heard("accepted"), 2, gateway_ids=["c1"])
        assert not reports.apply_report(conn, "desk", heard("c9", "sent"), "evt_9", "GB", 2).early
        said: list[tuple[str, dict[str, Any]]] = [
            ("sent", {}), ("queued", {}), ("unknown", {}), ("delivered", {}), ("failed", {}),
            ("delivered", {"at_ms": 9}), ("delivered", {"refunded": True}),
        ]  # fmt: skip
        later = [
            reports.apply_report(conn, "desk", heard("c1", status, **more), "evt_1", "GB", 3)
            for status, more in said
        ]
        changes = [first, *(one.changes for one in later)]
        return [[change.message.status for change in several] for several in changes]

    assert journal.write(write) == [
        ["queued"],
        ["sent"],
        [],
        [],
        ["delivered"],
        [],
        [],
        ["delivered"],
    ]


def test_reached() -> None:
    assert reached("sent", "sent")
    assert reached("failed", "sent")
    assert not reached("sent", "delivered")
    assert not reached("unknown", "sent")


def test_silence_is_unknown() -> None:
    sent = Message("msg_1", "out", "desk", "Hi", "sent", 1, 1)
    output = delivery_output(sent, timed_out=True)
    assert (output["status"], output["timed_out"], output["delivered"]) == ("unknown", True, False)
