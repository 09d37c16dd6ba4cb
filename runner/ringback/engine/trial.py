"""What would become of a message, without sending it."""

from __future__ import annotations

from typing import NamedTuple

from ringback.engine import sending
from ringback.engine.runtime import Runtime
from ringback.sms import gate, room, send
from ringback.sms.cost import Cost


class Trial(NamedTuple):
    """The gate's verdicts, the connection that would be tried first, the text as it would go and what it costs."""

    gate: gate.Gate
    connection: str
    text: str
    cost: Cost


def trial(runtime: Runtime, to: str, text: str, through: str | None = None) -> Trial:
    """Ask the gate, and keep nothing. Raises `Failure` where there is no connection to send through.

    Of the connection's limits only the caps are asked: a rate never stops a message, it only puts it off.
    """
    settings = runtime.settings
    name = send.ways(through, settings.send_through, sending.gateways(runtime))[0]
    limits = runtime.connection(name)[0].limits
    text = sending.worded(runtime, text)
    now = runtime.clock.now_ms()
    asked = gate.Sending(to, runtime.masks.text(text), settings.project, settings.messages, now)
    said = gate.judge(asked)
    if said.verdicts[-1].passed:
        with runtime.journal.read() as conn:
            said = gate.judge_recipient(asked, said, conn)
            if said.verdicts[-1].passed and limits != sending.NO_LIMITS:
                full = room.cap(conn, name, limits, runtime.timezone, now)
                said = said._replace(verdicts=(*said.verdicts, full))
    return Trial(said, name, text, sending.costs(runtime, name, text, asked.number))
