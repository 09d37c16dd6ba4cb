"""What the stand-in gateway does with a message, by the last digits of its number: the documented table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ringback.connectors.manifest import STATUSES

Behaviour = Literal[
    "accept", "refuse", "refuse_once", "hang", "reset", "lose_answer", "answer_late"
]
"""What the gateway does with a send. It takes the message in `accept`, `lose_answer` (and breaks the connection off)
and `answer_late` (when nobody waits any more); in `hang` and `reset` it does neither take nor answer it."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One report that follows. `step` counts the delay between reports; 0 is before the send's own answer."""

    status: str
    step: int
    refunded: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """How one number behaves. `says` is for people; the table of the docs is made of it.

    A refusal is the manifest's own for the failure `code`, under `http` where the manifest names no HTTP status;
    `retry_after_s` is what it asks to wait. `copies` is how often what the number texts in is called back.
    """

    ending: str
    says: str
    reports: tuple[Reported, ...] = ()
    behaviour: Behaviour = "accept"
    code: str = ""
    http: int = 400
    reason: str = ""
    retry_after_s: int | None = None
    copies: int = 1


DEFAULT = Script(
    "",
    "accepted, then sent, then delivered",
    (Reported("sent", 1), Reported("delivered", 2)),
)

SCRIPTS: tuple[Script, ...] = (
    Script("0001", "accepted and sent, but it fails", (Reported("sent", 1), Reported("failed", 2))),
    Script("0002", "accepted, and then silence"),
    Script(
        "0003",
        "every report comes twice, and so does what the number texts in",
        (
            Reported("sent", 1),
            Reported("sent", 1),
            Reported("delivered", 2),
            Reported("delivered", 3),
        ),
        copies=2,
    ),
    Script(
        "0004",
        "the reports come out of order: delivered, then sent",
        (Reported("delivered", 1), Reported("sent", 2)),
    ),
    Script(
        "0005",
        "the report that it is delivered comes before the send's own answer",
        (Reported("delivered", 0),),
    ),
    Script(
        "0006",
        "the gateway answers 503, and takes the message when it is sent again",
        DEFAULT.reports,
        "refuse_once",
        http=503,
        reason="The gateway has a fault.",
    ),
    Script(
        "0007",
        "the gateway does not take the number",
        behaviour="refuse",
        code="invalid_number",
        reason="This number cannot be texted.",
    ),
    Script("0008", "the gateway never answers", behaviour="hang"),
    Script(
        "0009",
        "sent, not delivered, and the cost given back",
        (
            Reported("sent", 1),
            Reported("undelivered", 2),
            Reported("undelivered", 3, refunded=True),
        ),
    ),
    Script(
        "0010",
        "the gateway says that the recipient has opted out",
        behaviour="refuse",
        code="opted_out",
        reason="The recipient has opted out.",
    ),
    Script(
        "0011",
        "the account has no credit left",
        behaviour="refuse",
        code="no_credit",
        http=402,
        reason="There is no credit left.",
    ),
    Script(
        "0012",
        "too fast: asked to wait 2 seconds, and taken when it is sent again",
        DEFAULT.reports,
        "refuse_once",
        code="throttled",
        http=429,
        reason="Too many requests.",
        retry_after_s=2,
    ),
    Script(
        "0013",
        "the gateway does not accept the credentials",
        behaviour="refuse",
        code="unauthorized",
        http=401,
        reason="The credentials are not valid.",
    ),
    Script(
        "0014",
        "the gateway answers 500 every time, and nobody knows whether it took the message",
        behaviour="refuse",
        code="server_error",
        http=500,
        reason="The gateway has a fault.",
    ),
    Script("0015", "the connection breaks off, and the message is not taken", behaviour="reset"),
    Script(
        "0016",
        "the message is taken, but the connection breaks off before the answer",
        DEFAULT.reports,
        "lose_answer",
    ),
    Script(
        "0017",
        "the message is taken, but the answer comes when nobody waits any more",
        DEFAULT.reports,
        "answer_late",
    ),
    Script(
        "0018",
        "the reports contradict each other: delivered, then failed",
        (Reported("sent", 1), Reported("delivered", 2), Reported("failed", 3)),
    ),
    Script(
        "0019",
        "the last report comes late, after a hundred times the delay",
        (Reported("sent", 1), Reported("delivered", 100)),
    ),
)


def script_for(number: str) -> Script:
    """The script of a number: by its last four digits, else that of a phone that is on."""
    digits = "".join(filter(str.isdigit, number))
    return next((one for one in SCRIPTS if digits.endswith(one.ending)), DEFAULT)


def ending_in(ending: str) -> Script:
    """The script of an ending. Raises ValueError, with a sentence, where there is none."""
    found = next((one for one in SCRIPTS if one.ending == ending), None)
    if found is None:
        known = ", ".join(one.ending for one in SCRIPTS)
        raise ValueError(f"No number that ends in {ending} has a part to play; those are {known}.")
    return found


def reporting(statuses: Sequence[str]) -> Script:
    """A script that takes the message and reports these statuses in turn. Raises ValueError on a word that is none."""
    unknown = [status for status in statuses if status not in STATUSES]
    if unknown:
        raise ValueError(f"{unknown[0]} is not one of {', '.join(STATUSES)}.")
    return Script(
        "",
        "as the example says",
        tuple(Reported(status, number) for number, status in enumerate(statuses, 1)),
    )
