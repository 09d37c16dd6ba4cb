"""Steps: written over, in order, and what a person may settle."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from tests.journal.rows import NOW, a_step, held_run

from ringback.journal import runs, steps
from ringback.journal.journal import Journal


def test_a_step_is_written_over(journal: Journal) -> None:
    lease = journal.write(held_run)
    intended = a_step(input={"to": "+44", "text": "Hi"})
    done = intended._replace(state="succeeded", finished_at=NOW + 4, output={"id": "msg_1"})
    journal.write(lambda conn: steps.put(conn, lease, intended))
    with journal.read() as conn:
        assert steps.of_run(conn, lease.run_id) == [intended]
    journal.write(lambda conn: steps.put(conn, lease, done))
    with journal.read() as conn:
        assert steps.of_run(conn, lease.run_id) == [done]
        assert steps.get_step(conn, lease.run_id, "confirmation") == done
        assert steps.get_step(conn, lease.run_id, "other") is None


def test_steps_come_in_the_order_in_which_they_began(journal: Journal) -> None:
    lease = journal.write(held_run)
    several = [a_step("z"), a_step("b", started_at=NOW + 2), a_step("a", started_at=NOW + 9)]
    journal.write(lambda conn: steps.put_all(conn, lease, several))
    with journal.read() as conn:
        assert [step.path for step in steps.of_run(conn, lease.run_id)] == ["z", "b", "a"]


def test_a_forgotten_step_is_as_if_never_begun(journal: Journal) -> None:
    lease = journal.write(held_run)

    def write(conn: Connection) -> None:
        steps.put(conn, lease, a_step("a"))
        steps.put(conn, lease, a_step("b"))
        steps.forget(conn, lease, "a")

    journal.write(write)
    with journal.read() as conn:
        assert [step.path for step in steps.of_run(conn, lease.run_id)] == ["b"]


@pytest.mark.parametrize("state", ["uncertain", "intended", "succeeded"])
def test_only_an_uncertain_step_can_be_settled(journal: Journal, state: str) -> None:
    lease = journal.write(held_run)

    def write(conn: Connection) -> None:
        steps.put(conn, lease, a_step("a", state=state))
        steps.put(conn, lease, a_step("b", state=state))
        runs.park(conn, lease, "uncertain", None)

    journal.write(write)
    run, able = lease.run_id, state == "uncertain"
    sent = journal.write(lambda conn: steps.settle_sent(conn, run, "a", {"id": "m"}, NOW + 1))
    again = journal.write(lambda conn: steps.settle_again(conn, run, "b"))
    assert (sent, again) == (able, able)
    with journal.read() as conn:
        kept = {step.path: (step.state, step.output) for step in steps.of_run(conn, run)}
    unsettled = {"a": (state, None), "b": (state, None)}
    assert kept == ({"a": ("succeeded", {"id": "m"})} if able else unsettled)
