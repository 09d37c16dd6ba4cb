from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journal.rows import NOW

from ringback.journal.heard import _safe, last_heard, put_heard
from ringback.journal.journal import Journal


def put(journal: Journal, kind: str, at: int, word: str = "", connection: str = "a") -> None:
    journal.write(partial(put_heard, connection=connection, kind=kind, now=NOW + at, word=word))


def test_the_last_of_each_kind_is_known_and_what_is_counted_is_counted(journal: Journal) -> None:
    put(journal, "report", 1)
    put(journal, "report", 5)
    put(journal, "refused", 9)
    put(journal, "unknown_status", 6, "BUFFERED")
    put(journal, "unknown_status", 7, "BUFFERED")
    put(journal, "unknown_status", 8, "odd one")
    put(journal, "inbound", 3, connection="b")
    known = journal.look(last_heard)
    assert known["a"].at == {"report": NOW + 5, "refused": NOW + 9, "unknown_status": NOW + 8}
    assert known["a"].unknown_statuses == (("odd one", 1, NOW + 8), ("BUFFERED", 2, NOW + 7))
    assert known["a"].verified_at == NOW + 8
    assert (known["b"].at, known["b"].unknown_statuses) == ({"inbound": NOW + 3}, ())


def test_twenty_unknown_statuses_are_kept_of_each_connection(journal: Journal) -> None:
    put(journal, "unknown_status", 0, "elsewhere", connection="b")
    for number in range(25):
        put(journal, "unknown_status", number, f"word {number}")
    put(journal, "ping", 30)
    known = journal.look(last_heard)
    assert [one.status for one in known["a"].unknown_statuses] == [f"word {n}" for n in range(24, 4, -1)]  # fmt: skip
    assert "ping" in known["a"].at
    assert [one.status for one in known["b"].unknown_statuses] == ["elsewhere"]


def test_what_may_hold_a_number_or_a_text_is_not_kept_as_a_status() -> None:
    assert _safe(" DELIVRD  err:000 ") == "DELIVRD err:000"
    for word in ("+447700900077", "sent to 0770 0900 077", "x" * 61, "٠٧٧٠٠٩٠٠٠٧٧"):
        assert _safe(word) == "(not a word)"


@given(st.text(max_size=80))
@settings(max_examples=50)
def test_any_status_is_made_safe(word: str) -> None:
    assert sum(one.isdigit() for one in _safe(word)) <= 6
    assert len(_safe(word)) <= 60
