"""What may be done again, and what a step does whose effect may or may not have happened."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection

from ringback.engine import retry
from ringback.engine.walk import Parked, Walk
from ringback.journal import waits
from ringback.journal.steps import Step as Row
from ringback.problems import Failure
from ringback.words import say_duration
from ringback.workflow.model import Step

T = TypeVar("T")
log = logging.getLogger(__name__)


def careful(call: Callable[[], T], timeout_ms: int | None, title: str) -> T:
    """Call something that may fail in any way; whatever it raises becomes a `Failure`.

    With a timeout the call has its own thread, and is left behind when the time is up: Python cannot stop it,
    so the failure is `timed_out`, of which nobody knows what it still does.
    """
    if timeout_ms is None:
        return _guarded(call, title)
    made: list[T] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            made.append(_guarded(call, title))
        except BaseException as error:  # noqa: BLE001  raised again on the thread that waits
            raised.append(error)

    context = copy_context()
    thread = threading.Thread(
        target=context.run, args=(work,), name=f"ringback-step {title}", daemon=True
    )
    thread.start()
    thread.join(timeout_ms / 1000)
    if raised:
        raise raised[0]
    if made:
        return made[0]
    raise Failure(
        "timed_out",
        f"The step took longer than {say_duration(timeout_ms)}.",
        "Raise `timeout` of the step, or see why the other side is slow.",
    )


def _guarded(call: Callable[[], T], title: str) -> T:
    try:
        return call()
    except Failure:
        raise
    except Exception as error:
        log.exception("The step %s broke", title)
        raise Failure(
            "internal",
            f"{title} broke: {type(error).__name__}: {error}.",
            "This is a fault of the connector; its traceback is in the log.",
        ) from error


def after_failure(
    walk: Walk,
    step: Step,
    row: Row,
    failure: Failure,
    *,
    repeatable: bool,
    settled: Callable[[Connection], Any] | None = None,
) -> Any:
    """What follows a failed attempt: it is tried again later (`Parked`), or is uncertain, or has failed (`Failure`).

    `repeatable`: doing it again does no harm. `settled` is asked, in the write that would make the step
    uncertain, for a result that shows it did happen after all; that is returned.
    """
    wait = retry.wait_ms(
        step.retry, row.attempt, failure.code, failure.retry_after, unsure_too=repeatable
    )
    if wait is not None:
        try_again(walk, row, failure, wait)
    if failure.kind.unsure and not repeatable:
        return uncertain(walk, row, failure.as_json(), settled)
    raise failure


def try_again(walk: Walk, row: Row, failure: Failure, wait_ms: int) -> NoReturn:
    """Put the run down until the next attempt."""
    until = walk.now + wait_ms
    walk.note(
        row.path,
        f"Attempt {row.attempt} failed: {failure.message} Next try in {say_duration(wait_ms)}.",
        {"code": failure.code},
    )
    waiting = row._replace(state="waiting", error=failure.as_json())
    walk.park(waiting, waits.Wait(walk.run.id, row.path, "retry", None, until))
    raise AssertionError("a parked walk went on")


def uncertain(
    walk: Walk,
    row: Row,
    error: dict[str, Any],
    settled: Callable[[Connection], Any] | None = None,
) -> Any:
    """Nobody knows whether this happened: the run waits for a report, or for a person to say so."""
    doubt = row._replace(state="uncertain", error=error)
    try:
        return walk.park(
            doubt,
            waits.Wait(walk.run.id, row.path, "decision"),
            state="uncertain",
            unless=settled,
        )
    except Parked:
        if row.state != "uncertain":
            walk.runtime.metrics.count("uncertain_steps", row.uses)
        raise


CRASHED: dict[str, Any] = {
    "code": "no_answer",
    "message": "Ringback stopped while this step was under way, so nobody knows whether it happened.",
    "where": "",
    "next": "See at the other side whether it did, then say “it went” or “send again”.",
}
