"""Messages and the reports about them."""

from __future__ import annotations

from sqlalchemy import Connection
from tests.journal.rows import NOW, a_message

from ringback.journal import messages, reports
from ringback.journal.journal import Journal


def test_a_message_and_what_changes_about_it(journal: Journal) -> None:
    message = a_message(run_id="run_1", step_path="confirmation", segments=1, encoding="GSM-7")
    journal.write(lambda conn: messages.add_message(conn, message))
    changed = message._replace(
        connection="backup",
        gateway_id="g1",
        status="delivered",
        status_at=NOW + 5,
        terminal=True,
        cost="0.04 GBP",
        refunded=True,
        error_code="7",
        detail="late",
        timeline=({"status": "sent", "at": NOW}, {"status": "delivered", "at": NOW + 5}),
        updated_at=NOW + 5,
    )
    journal.write(lambda conn: messages.update_message(conn, changed._replace(text="not this")))
    journal.write(lambda conn: messages.add_id(conn, "backup", "g1", message.id))
    with journal.read() as conn:
        assert messages.get_message(conn, message.id) == changed
        assert messages.by_gateway_id(conn, "backup", "g1") == changed
        assert messages.by_gateway_id(conn, "front-desk", "g1") is None
        assert messages.of_run(conn, "run_1") == [changed]
        assert messages.of_step(conn, "run_1", "confirmation") == [changed]
        assert messages.of_step(conn, "run_1", "other") == []
        assert messages.get_message(conn, "msg_none") is None


def test_a_message_has_an_id_for_each_part(journal: Journal) -> None:
    old, new = a_message(), a_message(status="sending")

    def write(conn: Connection) -> None:
        for message in (old, new):
            messages.add_message(conn, message)
        messages.add_id(conn, "front-desk", "g1", old.id)
        messages.add_id(conn, "front-desk", "g2", new.id)
        messages.add_id(conn, "front-desk", "g1", new.id, 1)
        messages.add_id(conn, "front-desk", "g2", new.id, 2)
        messages.add_id(conn, "front-desk", "g2", new.id)

    journal.write(write)
    with journal.read() as conn:
        assert messages.ids_of(conn, new.id) == {"g1": 1, "g2": 2}
        assert messages.by_gateway_id(conn, "front-desk", "g2") == new
        assert messages.by_gateway_id(conn, "front-desk", "g1") == new  # used again: the newest
        assert messages.sending(conn, "front-desk") == [new]
        assert messages.sending(conn, "backup") == []


def test_what_was_sent_to_a_number(journal: Journal) -> None:
    several = [
        a_message(created_at=NOW - 100),
        a_message(created_at=NOW),
        a_message(created_at=NOW + 1),
        a_message(number_to="+15550100", created_at=NOW),
        a_message(direction="in", created_at=NOW),
    ]

    def write(conn: Connection) -> None:
        for message in several:
            messages.add_message(conn, message)

    journal.write(write)
    with journal.read() as conn:
        assert messages.sent_to(conn, "+447700900077", NOW) == [several[2], several[1]]
        assert messages.sent_to(conn, "+447700900077", 0, limit=1) == [several[2]]


def test_reports_and_orphans(journal: Journal) -> None:
    early = reports.Report(
        id="rep_1",
        event_id="evt_1",
        connection="front-desk",
        status="sent",
        received_at=NOW,
        gateway_id="g1",
        raw_status="SENT",
        raw={"id": "g1"},
        code="opted_out",
        sequence=3,
        part="k1",
    )
    known = early._replace(id="rep_2", message_id="msg_1", refunded=True, raw={"id": "g1", "n": 2})
    unnamed = early._replace(id="rep_3", gateway_id=None)

    def write(conn: Connection) -> None:
        for report in (early, known, unnamed):
            reports.add_report(conn, report)

    journal.write(write)
    with journal.read() as conn:
        assert reports.orphans(conn, "front-desk", "g1") == [early]
        assert reports.orphans(conn, "backup", "g1") == []
        assert reports.of_message(conn, "msg_1") == [known]
    for message in ("msg_1", "msg_2"):
        journal.write(lambda conn, to=message: reports.attach(conn, "rep_1", to))  # type: ignore[misc]
    with journal.read() as conn:
        attached = early._replace(message_id="msg_1")
        assert reports.of_message(conn, "msg_1") == [attached, known]
        assert reports.orphans(conn, "front-desk", "g1") == []
