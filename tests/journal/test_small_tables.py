"""Notes, waits, definitions, schedules, refused callbacks."""

from __future__ import annotations

from sqlalchemy import Connection
from tests.journal.rows import NOW

from ringback.journal import definitions, notes, refused, schedules, waits
from ringback.journal.definitions import Definition
from ringback.journal.journal import Journal
from ringback.journal.notes import Note
from ringback.journal.refused import Refused
from ringback.journal.schedules import Schedule
from ringback.journal.waits import Wait


def test_notes_keep_their_order(journal: Journal) -> None:
    said = [Note(NOW, "first", "1", {"labels": ["Name"]}), Note(NOW - 5, "second"), Note(NOW, "☎")]
    journal.write(lambda conn: notes.add_notes(conn, "run_1", said))
    journal.write(lambda conn: notes.add_notes(conn, "run_2", [Note(NOW, "other")]))
    with journal.read() as conn:
        assert notes.of_run(conn, "run_1") == said


def test_waits_are_found_by_what_they_wait_for(journal: Journal) -> None:
    def write(conn: Connection) -> None:
        waits.put_wait(conn, Wait("run_2", "a", "delivery", "msg_1", NOW))
        waits.put_wait(conn, Wait("run_1", "a", "delivery", "msg_1"))
        waits.put_wait(conn, Wait("run_1", "b", "reply", "msg_1"))
        waits.put_wait(conn, Wait("run_1", "c", "time"))

    journal.write(write)
    with journal.read() as conn:
        found = waits.find_waits(conn, "delivery", "msg_1")
        assert found == [
            Wait("run_1", "a", "delivery", "msg_1"),
            Wait("run_2", "a", "delivery", "msg_1", NOW),
        ]
    journal.write(lambda conn: waits.put_wait(conn, Wait("run_1", "a", "retry", None, NOW)))
    journal.write(lambda conn: waits.drop_wait(conn, "run_1", "c"))
    with journal.read() as conn:
        assert [wait.kind for wait in waits.of_run(conn, "run_1")] == ["retry", "reply"]


def test_a_definition_is_kept_once(journal: Journal) -> None:
    first = Definition("h1", "enrolment", "Enrolment", "name: Enrolment", NOW)
    journal.write(lambda conn: definitions.add_definition(conn, first))
    journal.write(lambda conn: definitions.add_definition(conn, first._replace(first_seen_at=0)))
    with journal.read() as conn:
        assert definitions.get_definition(conn, "h1") == first
        assert definitions.get_definition(conn, "h2") is None


def test_schedules_are_written_over_and_forgotten(journal: Journal) -> None:
    def write(conn: Connection) -> None:
        for name in ("a/0", "b/0"):
            schedules.put_schedule(conn, Schedule(name, NOW, None, "spec"))
        schedules.put_schedule(conn, Schedule("a/0", NOW + 60, NOW, "spec"))

    journal.write(write)
    journal.write(lambda conn: schedules.keep_schedules(conn, {"a/0"}))
    with journal.read() as conn:
        assert schedules.all_schedules(conn) == {"a/0": Schedule("a/0", NOW + 60, NOW, "spec")}


def test_refused_callbacks_are_kept_within_bounds(journal: Journal) -> None:
    def callback(number: int, connection: str = "front-desk") -> Refused:
        body = b"\xff" * (refused.BODY_KEPT + 10) if number == 1 else b"{}"
        url = "https://shop.example/callbacks/front-desk"
        headers = {"x-signature": "•••"}
        name = f"ref_{connection}_{number:04}"
        return Refused(name, connection, NOW, "wrong signature", "POST", url, headers, body)

    journal.write(lambda conn: refused.add_refused(conn, callback(1)))
    with journal.read() as conn:
        cut = callback(1)._replace(body=b"\xff" * refused.BODY_KEPT)
        assert refused.get_refused(conn, "ref_front-desk_0001") == cut
        assert refused.get_refused(conn, "ref_none") is None

    def many(conn: Connection) -> None:
        refused.add_refused(conn, callback(1, "backup"))
        for number in range(2, refused.KEPT_EACH + 4):
            refused.add_refused(conn, callback(number))

    journal.write(many)
    with journal.read() as conn:
        kept = refused.list_refused(conn, "front-desk", limit=1000)
        assert len(kept) == refused.KEPT_EACH
        assert kept[0] == callback(refused.KEPT_EACH + 3)
        assert len(refused.list_refused(conn, "backup")) == 1
