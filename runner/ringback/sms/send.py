"""Which way a message goes, and the row that is kept of it before it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ringback.ids import new_id
from ringback.journal.messages import Message
from ringback.problems import Failure
from ringback.sms.cost import Cost
from ringback.sms.gate import Gate
from ringback.sms.segments import segments

STAYS = frozenset({"invalid_number", "invalid_input", "opted_out", "template"})
"""Failures that are the message's own: another connection would not do better."""


def ways(wanted: Any, default: Sequence[str], gateways: Sequence[str]) -> tuple[str, ...]:
    """The connections to try in turn: what the step says, else the project, else its only gateway.

    Raises `Failure("invalid_input")` when that leaves none, or more than one without an order.
    """
    named = (
        (wanted,) if isinstance(wanted, str) and wanted else tuple(wanted or ()) or tuple(default)
    )
    if named:
        return tuple(str(name) for name in named)
    if len(gateways) == 1:
        return tuple(gateways)
    if not gateways:
        raise Failure(
            "invalid_input",
            "There is no connection to send through.",
            "Add one that uses an SMS gateway under connections in ringback.yaml.",
        )
    raise Failure(
        "invalid_input",
        f"There are {len(gateways)} connections to send through: {', '.join(gateways)}.",
        "Say which with send_through, in ringback.yaml or in the step.",
    )


def draft(
    gate: Gate,
    text: str,
    connection: str,
    inputs: Mapping[str, Any],
    run_id: str,
    path: str,
    now: int,
) -> Message:
    """A message about to be sent, with the gate's verdicts at the head of its timeline."""
    size = segments(text)
    made = Message(
        id=new_id("msg"),
        direction="out",
        connection=connection,
        text=text,
        status="sending",
        created_at=now,
        updated_at=now,
        run_id=run_id,
        step_path=path,
        number_from=inputs.get("sender"),
        number_to=gate.number,
        segments=size.count,
        encoding=size.encoding,
    )
    return judged(made, gate)


def judged(message: Message, gate: Gate, cost: Cost | None = None) -> Message:
    """The message with what the gate said of it, and what it takes and costs."""
    now = message.created_at
    verdicts = [verdict.as_json() for verdict in gate.verdicts]
    head: dict[str, Any] = {"at": now, "heard_at": now, "status": "sending", "gate": verdicts}
    if cost is not None:
        head["size"] = {**cost.as_json(), "says": str(cost)}
        if cost.price is not None:
            message = message._replace(
                cost=format(cost.price, "f"), currency=cost.currency or None, cost_source="prices"
            )
    return message._replace(timeline=(head, *message.timeline[1:]))


def payload(message: Message, reference: str | None) -> dict[str, Any]:
    """What a gateway's manifest may use of a message. Its `reference` is our id unless the step gave one."""
    made = {"id": message.id, "to": message.number_to, "text": message.text}
    made["encoding"] = message.encoding
    made["reference"] = reference or message.id
    if message.number_from:
        made["sender"] = message.number_from
    return made


def moves_on(failure: Failure) -> bool:
    """Whether the next connection may be tried: the message is known not to have gone, and another may take it."""
    return not failure.kind.unsure and failure.code not in STAYS
