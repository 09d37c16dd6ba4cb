"""What a person decides about a run: whether an uncertain step went, and that a run is not wanted any more."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection

from ringback.engine import ending, opening
from ringback.engine.runtime import Runtime
from ringback.journal import messages, notes, runs, steps, waits
from ringback.sms import reports

Decision = Literal["sent", "again"]


def settle(runtime: Runtime, run_id: str, path: str, decision: Decision) -> bool:
    """Settle an uncertain step: it happened (`sent`), or is to be done again (`again`); the run goes on.

    False when the step is not uncertain (any more). Raises ValueError for another decision.
    """
    if decision not in ("sent", "again"):
        raise ValueError(f"“{decision}” is neither sent nor again.")
    now = runtime.clock.now_ms()

    def write(conn: Connection) -> bool:
        if decision == "sent":
            done = steps.settle_sent(conn, run_id, path, _went(conn, run_id, path, now), now)
        else:
            done = steps.settle_again(conn, run_id, path)
            if done:
                for message in messages.of_step(conn, run_id, path):
                    if message.gateway_id is None:
                        reports.silence(conn, message.id, now)
        if not done:
            return False
        waits.drop_wait(conn, run_id, path)
        said = (
            "A person said that it went." if decision == "sent" else "A person had it done again."
        )
        notes.add_notes(conn, run_id, [notes.Note(now, said, path)])
        return runs.wake(conn, run_id, now)

    done = runtime.journal.write(write)
    if done:
        opening.woken(runtime, [run_id])
    return done


def _went(conn: Connection, run_id: str, path: str, now: int) -> dict[str, Any]:
    """The output of a step that a person says happened: the message where it sent one, else nothing known."""
    known = messages.of_step(conn, run_id, path)
    if not known:
        return {"settled": "sent"}
    message = reports.fold(known[-1], reports.Heard("accepted"), now)
    messages.update_message(conn, message)
    return reports.as_output(message)


def cancel(runtime: Runtime, run_id: str) -> bool:
    """Cancel a run: at once where it waits, at its next step boundary where it runs. False when it has ended."""
    now = runtime.clock.now_ms()

    def write(conn: Connection) -> tuple[bool, bool, list[str]]:
        run = runs.get_run(conn, run_id)
        if run is None or run.finished:
            return False, False, []
        woken = ending.end_free(runtime, conn, run, "canceled", now)
        if woken is not None:
            return True, True, woken
        return runs.request_cancel(conn, run_id, now), False, []

    asked, ended, woken = runtime.journal.write(write)
    if ended:
        runtime.ended(run_id)
    opening.woken(runtime, woken)
    return asked
