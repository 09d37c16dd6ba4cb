"""Sends of which nobody knows whether they went: asked about by the id that we gave, where the gateway can be asked by it.

A send that broke off before its answer has no id of the gateway's. Some gateways take ours, and know the
message by it. Their answer settles the step as a report would. That a gateway knows no such message settles nothing:
it may not know it yet. A person decides then, as everywhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from ringback.connectors import invoke
from ringback.engine import reported
from ringback.engine.runtime import Runtime
from ringback.journal import messages, notes, runs
from ringback.journal.messages import Message
from ringback.problems import Failure

log = logging.getLogger(__name__)

FIRST_MS = 60_000
"""How long after the first question the second comes; each pause after it is twice as long."""
LONGEST_MS = 3_600_000
"""The longest pause."""
GIVEN_UP_MS = 86_400_000
"""How old a send may be that is still asked about."""
_MOST = 200


class Doubts:
    """Asks about uncertain sends, each at growing intervals; the intervals begin anew with the process.

    Of several processes one asks: `may` says before each question whether it is this one.
    """

    def __init__(self, runtime: Runtime, may: Callable[[], bool] = lambda: True) -> None:
        self._runtime = runtime
        self._may = may
        self._pauses: dict[str, tuple[int, int]] = {}

    def ask(self) -> int:
        """Ask about those whose time has come; how many could be settled. Raises `Failure` where nothing can be kept."""
        runtime, now = self._runtime, self._runtime.clock.now_ms()
        asked, settled = {}, 0
        for message in _doubtful(runtime):
            due, pause = self._pauses.get(message.id, (now, FIRST_MS))
            too_old = now - message.created_at > GIVEN_UP_MS
            if due > now or too_old or runtime.stopping or not self._may():
                asked[message.id] = (due, pause)
                continue
            asked[message.id] = (now + pause, min(2 * pause, LONGEST_MS))
            settled += _settled(runtime, message, first=message.id not in self._pauses)
        self._pauses = asked
        return settled


def _doubtful(runtime: Runtime) -> list[Message]:
    """The sends of uncertain runs that no gateway has answered, and whose gateway can be asked by our id."""
    with runtime.journal.read() as conn:
        waiting = runs.list_runs(conn, states=("uncertain",), limit=_MOST).runs
        sent = [one for run in waiting for one in messages.of_run(conn, run.id)]
    return [
        one
        for one in sent
        if one.direction == "out"
        and one.status == "sending"
        and one.gateway_id is None
        and _can_be_asked(runtime, one.connection)
    ]


def _can_be_asked(runtime: Runtime, connection: str) -> bool:
    try:
        return invoke.asks_by_own_id(runtime.connection(connection)[1])
    except Failure:  # it is no longer configured
        return False


def _settled(runtime: Runtime, message: Message, *, first: bool) -> bool:
    try:
        answer = reported.asked(runtime, message, None)
    except Failure as failure:
        log.info("%s was asked about %s: %s", message.connection, message.id, failure)
        if first:
            _note(runtime, message, f"It did not say. {failure.message}")
        return False
    if answer is None or not answer.raw_status:  # an empty list: it knows no such message
        if first:
            _note(runtime, message, "It knows of none by that id.")
        return False
    _note(runtime, message, f"It has it, and said: {answer.raw_status}.")
    told = replace(answer, reference=message.id)
    reported.accept_report(
        runtime, message.connection, told, runtime.masks.value(told.raw), asked=True
    )
    return True


def _note(runtime: Runtime, message: Message, said: str) -> None:
    whole = f"{message.connection} was asked, by our own id, whether it took the message. {said}"
    note = notes.Note(runtime.clock.now_ms(), runtime.masks.text(whole), message.step_path)
    run_id = message.run_id
    if run_id is not None:
        runtime.journal.write(lambda conn: notes.add_notes(conn, run_id, [note]))
