"""The audit trail: whatever is changed, cut out, slipped in or cut off shows."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from tests.journal.rows import NOW

from ringback.clock import SimulatedClock
from ringback.journal import audit
from ringback.journal.audit import Actor
from ringback.journal.journal import Journal
from ringback.journal.schema import metadata

BY = Actor("account", "amina", "203.0.113.7")


def write(journal: Journal, count: int, at: int = NOW) -> None:
    def several(conn: object) -> None:
        for n in range(count):
            audit.add(conn, BY, "run.settled", f"run_{n}", at + n, {"n": n, "said": "é"})  # type: ignore[arg-type]

    journal.write(several)


def verdict(journal: Journal, known: dict[int, str] | None = None) -> audit.Verdict:
    with journal.read() as conn:
        return audit.verify(conn, known)


def test_a_trail_verifies_and_is_found_by_filters(journal: Journal) -> None:
    assert verdict(journal) == (0, 0, 0, "", [])
    write(journal, 30)
    journal.write(lambda conn: audit.add(conn, Actor("token", "ci"), "token.revoked", "x", NOW + 99))  # fmt: skip
    found = verdict(journal)
    assert (found.entries, found.first, found.last, found.problems) == (31, 1, 31, [])
    with journal.read() as conn:
        page, more = audit.page(conn, who="amina", limit=10)
        assert ([one.seq for one in page], more) == (list(range(30, 20, -1)), 21)
        assert len(audit.page(conn, who="amina", before=21, limit=200)[0]) == 20
        assert [one.who for one in audit.page(conn, actions=("token",))[0]] == ["ci"]
        assert [one.seq for one in audit.page(conn, object="run_3")[0]] == [4]
        assert len(audit.page(conn, since=NOW + 29)[0]) == 2
        assert audit.page(conn, actions=("nothing",))[0] == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE audit SET who = 'bao' WHERE seq = 5", "Entry 5 was changed"),
        ("UPDATE audit SET facts = '{}' WHERE seq = 5", "Entry 5 was changed"),
        ("UPDATE audit SET at = at + 1 WHERE seq = 10", "Entry 10 was changed"),
        ("DELETE FROM audit WHERE seq = 5", "Between 4 and 6 entries are missing"),
        ("DELETE FROM audit WHERE seq < 5", "The entries before 5 are gone"),
        ("DELETE FROM audit WHERE seq > 8", "The noted entry 10 is gone"),
        ("UPDATE audit SET previous = 'x', hash = 'y' WHERE seq = 7", "does not follow"),
        ("UPDATE audit SET previous = 'x' WHERE seq = 1", "does not begin"),
        ("UPDATE audit SET seq = 11 WHERE seq = 5", "Entry 11 was changed"),
    ],
)
def test_every_harm_shows(journal: Journal, harm: str, said: str) -> None:
    write(journal, 10)
    noted = verdict(journal)
    journal.write(lambda conn: conn.exec_driver_sql(harm))
    assert said in " ".join(verdict(journal, {noted.last: noted.head}).problems)


def test_a_trail_written_anew_is_not_the_noted_one(journal: Journal) -> None:
    write(journal, 3)
    noted = verdict(journal)
    journal.write(lambda conn: conn.exec_driver_sql("DELETE FROM audit"))
    write(journal, 3, at=NOW + 1)
    assert verdict(journal).problems == []
    assert verdict(journal, {noted.last: noted.head}).problems == ["Entry 3 is not the one that was noted."]  # fmt: skip


def test_retention_takes_from_the_beginning_and_says_so(journal: Journal) -> None:
    write(journal, 20)
    assert journal.write(lambda conn: audit.prune(conn, NOW + 12, NOW + 50, limit=5)) == 5
    assert journal.write(lambda conn: audit.prune(conn, NOW + 12, NOW + 50)) == 7
    assert journal.write(lambda conn: audit.prune(conn, NOW + 12, NOW + 50)) == 0
    found = verdict(journal)
    assert (found.first, found.last, found.problems) == (13, 22, [])
    assert journal.write(lambda conn: audit.prune(conn, NOW + 10**9, NOW + 60)) == 10
    found = verdict(journal)
    assert (found.first, found.last, found.problems) == (23, 23, [])
    journal.write(lambda conn: conn.exec_driver_sql("UPDATE audit SET facts = replace(facts, '22', '21')"))  # fmt: skip
    assert len(verdict(journal).problems) == 2


def test_several_writers_make_one_chain(journal: Journal, tmp_path: Path) -> None:
    other = Journal.open(tmp_path / "kept" / "journal.db", SimulatedClock(NOW))
    threads = [
        threading.Thread(target=write, args=(one, 1, NOW + n))
        for n in range(40)
        for one in (journal, other)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    other.close()
    found = verdict(journal)
    assert (found.entries, found.problems) == (80, [])


def test_what_is_unknown_is_refused(journal: Journal) -> None:
    for actor, action in ((BY, "run.eaten"), (Actor("ghost", "x"), "run.settled")):
        with pytest.raises(ValueError, match="nothing that the audit trail knows"):
            journal.write(lambda conn, a=actor, b=action: audit.add(conn, a, b, "", NOW))  # type: ignore[misc]


Facts = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), Facts, max_size=4), st.text(), st.text())
def test_whatever_is_written_reads_back_as_it_was_hashed(
    facts: dict[str, object], who: str, about: str
) -> None:
    about += "\0\ud800"  # no text column holds these
    engine = create_engine("sqlite://", paramstyle="named")
    with engine.begin() as conn:
        metadata.create_all(conn)
        made = audit.add(conn, Actor("cli", who), "run.started", about, NOW, facts)
        assert made.facts == facts
        assert audit.page(conn)[0] == [made]
        assert audit.verify(conn).problems == []
    engine.dispose()
