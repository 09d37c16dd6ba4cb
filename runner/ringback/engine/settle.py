"""What a person decides about a run: whether an uncertain step went, and that a run is not wanted any more."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, get_args

from sqlalchemy import Connection

from ringback.engine import ending, opening
from ringback.engine.runtime import Runtime
from ringback.journal import audit, holders, locks, messages, notes, runs, steps, waits
from ringback.journal.audit import Actor
from ringback.sms import reports

Decision = Literal["sent", "again", "give_up"]
THE_RUN = ""
"""Instead of a step's path: the run as a whole, which was put down since its workers stopped over it."""


def settle(runtime: Runtime, run_id: str, path: str, decision: Decision, *, by: Actor) -> bool:
    """Settle an uncertain step: it happened (`sent`), or is to be done again (`again`); the run goes on.

    With `THE_RUN` instead of a step it is about a run that was put down since its workers stopped over it: it is
    tried `again`, or ends as failed (`give_up`). False when there is nothing (any more) to be settled so.
    Raises ValueError for another decision.
    """
    if decision not in get_args(Decision):
        raise ValueError(f"“{decision}” is none of {', '.join(get_args(Decision))}.")
    if path == THE_RUN:
        return _settle_run(runtime, run_id, decision, by)
    if decision == "give_up":
        return False
    now = runtime.clock.now_ms()

    def write(conn: Connection) -> bool:
        known = messages.of_step(conn, run_id, path)
        locks.hold(conn, *(locks.message(message.id) for message in known))
        if not steps.is_uncertain(conn, run_id, path):
            return False
        if decision == "sent":
            steps.settle_sent(conn, run_id, path, _went(conn, run_id, path, now), now)
        else:
            steps.settle_again(conn, run_id, path)
            for message in messages.of_step(conn, run_id, path):
                if message.gateway_id is None:
                    reports.silence(conn, message.id, now)
        waits.drop_wait(conn, run_id, path)
        said = (
            "A person said that it went." if decision == "sent" else "A person had it done again."
        )
        notes.add_notes(conn, run_id, [notes.Note(now, said, path)])
        woken = runs.wake(conn, run_id, now)
        audit.add(conn, by, "run.settled", run_id, now, {"step": path, "decision": decision})
        return woken

    done = runtime.journal.write(write)
    if done:
        opening.woken(runtime, [run_id])
    return done


def _settle_run(runtime: Runtime, run_id: str, decision: Decision, by: Actor) -> bool:
    now = runtime.clock.now_ms()

    def write(conn: Connection, tell: bool) -> list[str] | None:
        """The runs to wake; None where the run is not one that was put down."""
        run = runs.get_run(conn, run_id)
        if run is None or not holders.is_put_down(run) or decision == "sent":
            return None
        if decision == "again":
            done = [run_id] if holders.try_again(conn, run_id, now) else None
        else:
            done = ending.end_free(runtime, conn, run, "failed", now, error=run.error, tell=tell)
        if done is not None:
            said = "had it tried again" if decision == "again" else "gave it up"
            notes.add_notes(conn, run_id, [notes.Note(now, f"A person {said}.")])
            audit.add(conn, by, "run.settled", run_id, now, {"decision": decision})
        return done

    woken = ending.surely(lambda tell: runtime.journal.write(partial(write, tell=tell)))
    if woken is None:
        return False
    if decision == "give_up":
        runtime.ended(run_id)
    opening.woken(runtime, woken)
    return True


def _went(conn: Connection, run_id: str, path: str, now: int) -> dict[str, Any]:
    """The output of a step that a person says happened: the message where it sent one, else nothing known."""
    known = messages.of_step(conn, run_id, path)
    if not known:
        return {"settled": "sent"}
    message = reports.fold(known[-1], reports.Heard("accepted"), now)
    messages.update_message(conn, message)
    return reports.as_output(message)


def cancel(runtime: Runtime, run_id: str, *, by: Actor) -> bool:
    """Cancel a run: at once where it waits, at its next step boundary where it runs. False when it has ended."""
    now = runtime.clock.now_ms()

    def write(conn: Connection) -> tuple[bool, bool, list[str]]:
        run = runs.get_run(conn, run_id)
        if run is None or run.finished:
            return False, False, []
        woken = ending.end_free(runtime, conn, run, "canceled", now)
        asked = woken is not None or runs.request_cancel(conn, run_id, now)
        if asked:
            audit.add(conn, by, "run.canceled", run_id, now, {"workflow": run.workflow})
        return asked, woken is not None, woken or []

    asked, ended, woken = runtime.journal.write(write)
    if ended:
        runtime.ended(run_id)
    opening.woken(runtime, woken)
    return asked
