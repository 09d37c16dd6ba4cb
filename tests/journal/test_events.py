"""One key, one event, one run."""

from __future__ import annotations

import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.journal.rows import NOW, add_event, add_run

from ringback.clock import SimulatedClock
from ringback.ids import new_id
from ringback.journal import events, runs
from ringback.journal.journal import Journal


def test_an_event_comes_back_as_it_came(journal: Journal) -> None:
    data = {"body": {"name": "Žofie", "n": 1.5, "none": None}, "files": []}
    added = journal.write(
        lambda conn: events.add_event(
            conn,
            id="evt_1",
            source="hook:enrolments",
            key="42",
            workflow="enrolment",
            kind="webhook",
            data=data,
            received_at=NOW,
        )
    )
    assert added == events.Added("evt_1", None, False)
    with journal.read() as conn:
        assert events.get_event(conn, "evt_1") == events.Event(
            "evt_1", "hook:enrolments", "42", "enrolment", "webhook", data, NOW
        )
        assert events.get_event(conn, "evt_2") is None


def test_a_duplicate_gets_the_first_ones_run(journal: Journal) -> None:
    first = journal.write(lambda conn: add_event(conn, key="42"))
    before = journal.write(lambda conn: add_event(conn, key="42"))
    assert before == events.Added(first.id, None, True)
    run = journal.write(lambda conn: add_run(conn, event=first.id))
    journal.write(lambda conn: add_run(conn, event=first.id))
    assert journal.write(lambda conn: add_event(conn, key="42")) == (first.id, run, True)


def test_no_key_and_other_sources_are_never_duplicates(journal: Journal) -> None:
    added = [
        journal.write(lambda conn, of=of: add_event(conn, source=of[0], key=of[1]))  # type: ignore[misc]
        for of in [("a", None), ("a", None), ("a", "1"), ("b", "1"), ("a", "2")]
    ]
    assert not any(each.duplicate for each in added)
    assert len({each.id for each in added}) == 5


def test_an_id_twice_is_our_own_mistake(journal: Journal) -> None:
    def twice(conn: Connection) -> None:
        for _ in range(2):
            events.add_event(
                conn,
                id="evt_1",
                source="a",
                key=None,
                workflow=None,
                kind="manual",
                data={},
                received_at=NOW,
            )

    with pytest.raises(ValueError, match="already taken"):
        journal.write(twice)


def _accept(conn: Connection, key: str, *, fail: bool) -> str:
    """What every door does: the event and its run in one write, or the first one's run."""
    added = add_event(conn, key=key)
    run = added.run or add_run(conn, event=added.id, id=new_id("run"), holder="anna")
    if fail:
        raise KeyError(key)
    return run


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 1)), min_size=1, max_size=40
    )
)
def test_any_interleaving_of_one_key_makes_one_run(arrivals: list[tuple[str, bool, int]]) -> None:
    """Arrivals (key, whether its write fails after all, through which of two open journals) from many threads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        journals = [Journal.open(path, SimulatedClock(NOW)) for _ in range(2)]

        def arrive(key: str, fail: bool, through: int) -> str:
            return journals[through].write(lambda conn: _accept(conn, key, fail=fail))

        with ThreadPoolExecutor(8) as pool:
            futures: list[tuple[str, bool, Future[str]]] = [
                (key, fail, pool.submit(arrive, key, fail, through))
                for key, fail, through in arrivals
            ]
        with journals[0].read() as conn:
            kept = {run.event_id: run.id for run in runs.list_runs(conn, limit=100).runs}
        for journal in journals:
            journal.close()

    receipts: dict[str, set[str]] = {}
    for key, fail, future in futures:
        if fail:
            assert isinstance(future.exception(), KeyError)
        else:
            receipts.setdefault(key, set()).add(future.result())
    assert all(len(named) == 1 for named in receipts.values())
    assert sorted(kept.values()) == sorted(run for named in receipts.values() for run in named)
