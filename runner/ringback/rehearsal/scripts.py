"""What the stand-in gateway does with a message, by the last digits of its number: the documented table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ringback.connectors.manifest import STATUSES

Behaviour = Literal["accept", "fail_first", "reject", "hang"]


@dataclass(frozen=True, slots=True)
class Reported:
    """One report that follows. `step` counts the delay between reports; 0 is before the send's own answer."""

    status: str
    step: int
    refunded: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """How one number behaves. `says` is for people; the table of the docs is made of it."""

    ending: str
    says: str
    reports: tuple[Reported, ...] = ()
    behaviour: Behaviour = "accept"


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
        "every report comes twice",
        (
            Reported("sent", 1),
            Reported("sent", 1),
            Reported("delivered", 2),
            Reported("delivered", 3),
        ),
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
        "the gateway answers 500, and takes the message when it is sent again",
        DEFAULT.reports,
        "fail_first",
    ),
    Script("0007", "the gateway does not take the number", (), "reject"),
    Script("0008", "the gateway never answers", (), "hang"),
    Script(
        "0009",
        "sent, not delivered, and the cost given back",
        (
            Reported("sent", 1),
            Reported("undelivered", 2),
            Reported("undelivered", 3, refunded=True),
        ),
    ),
)


def script_for(number: str) -> Script:
    """The script of a number: by its last four digits, else that of a phone that is on."""
    digits = "".join(filter(str.isdigit, number))
    return next((one for one in SCRIPTS if digits.endswith(one.ending)), DEFAULT)


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
