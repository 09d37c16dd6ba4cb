"""The checks before every send: one verdict each, kept with the message and shown in its run.

A check is a function `(Sending) -> Verdict`. Those of `WORDS` look at the message alone, those of `RECIPIENT` at
what the journal knows of the number, and `ringback.sms.room` at the connection; they run in this order, and the
first that does not pass ends the list. A check may change `sending.number` to the international form, but not the text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import phonenumbers
from sqlalchemy import Connection

from ringback.clock import from_ms
from ringback.journal import contacts, messages
from ringback.problems import Failure
from ringback.settings import MessageRules
from ringback.sms import quiet
from ringback.words import say_duration

_NOT_SENT = frozenset({"failed", "rejected", "undelivered", "expired", "canceled"})


class Verdict(NamedTuple):
    """What one check said: `passed`, or why not, with the failure code and the next step for a person.

    One that did not pass but has `until` (ms) only puts the message off until then.
    """

    check: str
    passed: bool
    detail: str
    code: str = ""
    next: str = ""
    until: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {"check": self.check, "passed": self.passed, "detail": self.detail}


@dataclass(slots=True)
class Sending:
    """A message on its way through the gate. `answers` marks the answer to STOP, START or HELP.

    `repeats`: its step may say the same words to the same number again.
    """

    number: str
    text: str
    project: Mapping[str, Any]
    rules: MessageRules = field(default_factory=MessageRules)
    now: int = 0
    answers: bool = False
    repeats: bool = False


class OverCap(Failure):
    """A connection has had all the messages it may have; another may have room."""


class Gate(NamedTuple):
    """The outcome: the number in E.164, and every verdict reached."""

    number: str
    verdicts: tuple[Verdict, ...]

    @property
    def until(self) -> int | None:
        """When the message may be tried again, where it was put off."""
        return self.verdicts[-1].until if self.verdicts else None


@lru_cache(maxsize=8192)
def e164(number: str, country: str) -> str | None:
    """A phone number as `+447700900077`, read as one dials it in `country` (ISO 3166); None when it is no number.

    `is_possible_number` (length by country) rather than `is_valid_number`: ranges are opened faster than
    tables are shipped, and the gateway's answer is the last word (https://github.com/google/libphonenumber/blob/master/FAQ.md).
    """
    try:
        parsed = phonenumbers.parse(number, country or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def as_told(number: str | None, country: str) -> str | None:
    """A gateway's way of writing a number, in E.164: with or without plus, or as dialled at home. Others stay."""
    if not number:
        return None
    if not number.startswith(("+", "0")):
        return e164(f"+{number}", country) or e164(number, country) or number
    return e164(number, country) or number


def _number(sending: Sending) -> Verdict:
    country = str(sending.project.get("country") or "")
    found = e164(sending.number.strip(), country)
    if found is None:
        return Verdict(
            "number",
            False,
            f"“{sending.number}” is not a phone number{f' in {country}' if country else ''}.",
            "invalid_number",
            "Write it with its country code, such as +447700900077, or set project.country in ringback.yaml.",
        )
    said = found if found == sending.number else f"{sending.number} is {found}"
    sending.number = found
    return Verdict("number", True, said)


def _text(sending: Sending) -> Verdict:
    if not sending.text.strip():
        return Verdict(
            "text",
            False,
            "The text is empty.",
            "invalid_input",
            "Look at the template of `text`: the values it names may be empty.",
        )
    return Verdict("text", True, f"{len(sending.text)} characters")


def _contact(sending: Sending, conn: Connection) -> Verdict:
    known = contacts.get_contact(conn, sending.number)
    if sending.answers:
        return Verdict("opt-out", True, "an answer to what they texted")
    if known is not None and known.opted_out_at is not None:
        return Verdict(
            "opt-out",
            False,
            f"{sending.number} wants no texts since {_day(known.opted_out_at)} ({known.opted_out_source}).",
            "opted_out",
            "They can text START; where they asked you in another way: ringback contacts opt-in NUMBER",
        )
    if known is not None and known.invalid:
        return Verdict(
            "opt-out",
            False,
            f"{sending.number} is flagged as a number that cannot be texted: {known.invalid_why}",
            "invalid_number",
            "Ask for another number; if this one works again: ringback contacts valid NUMBER",
        )
    return Verdict("opt-out", True, "not opted out")


def _repeat(sending: Sending, conn: Connection) -> Verdict:
    window = sending.rules.repeat_window_ms
    if not window or sending.answers:
        return Verdict("repeat", True, "not asked")
    if sending.repeats:
        return Verdict("repeat", True, "allowed by the step")
    for one in messages.newest_to(conn, sending.number):
        if (
            one.created_at >= sending.now - window
            and one.text == sending.text
            and one.status not in _NOT_SENT
        ):
            return Verdict(
                "repeat",
                False,
                f"The same words went to {sending.number} {_ago(sending.now - one.created_at)} ({one.id}).",
                "refused",
                "If it is meant, change the words, or messages.repeat_window in ringback.yaml.",
            )
    return Verdict("repeat", True, f"not said to them in the last {say_duration(window)}")


def _quiet(sending: Sending, conn: Connection) -> Verdict:
    hours = sending.rules.quiet_hours
    if hours is None or sending.answers:
        return Verdict("quiet hours", True, "none" if hours is None else "an answer comes at once")
    known = contacts.get_contact(conn, sending.number)
    own = str(known.attributes.get("timezone") or "") if known is not None else ""
    where = quiet.zones(sending.number, str(sending.project.get("timezone") or "UTC"), own)
    until = quiet.opens_at(sending.now, hours, where)
    names = ", ".join(zone.key for zone in where[:3])
    if until is None:
        return Verdict("quiet hours", True, f"not now in {names}")
    ends = from_ms(until).astimezone(where[0])
    return Verdict(
        "quiet hours",
        False,
        f"It is quiet hours in {names}; put off until {ends:%Y-%m-%d %H:%M}.",
        until=until,
    )


Check = Callable[[Sending], Verdict]
KnowingCheck = Callable[[Sending, Connection], Verdict]

WORDS: tuple[Check, ...] = (_number, _text)
RECIPIENT: tuple[KnowingCheck, ...] = (_contact, _repeat, _quiet)


def judge(sending: Sending) -> Gate:
    """Run the checks of the message itself. The last verdict of the result says whether it may go on."""
    return _run(sending, (), WORDS)


def judge_recipient(sending: Sending, before: Gate, conn: Connection) -> Gate:
    """Go on with the checks that ask the journal, in the transaction that will keep the message."""
    checks = [lambda one, check=check: check(one, conn) for check in RECIPIENT]
    return _run(sending, before.verdicts, checks)


def _run(sending: Sending, before: tuple[Verdict, ...], checks: Sequence[Check]) -> Gate:
    verdicts = list(before)
    for check in checks:
        verdicts.append(check(sending))
        if not verdicts[-1].passed:
            break
    return Gate(sending.number, tuple(verdicts))


def pass_or_fail(gate: Gate) -> None:
    """Raise the failure of the verdict that did not pass, if there is one and it is not only put off."""
    last = gate.verdicts[-1]
    if not last.passed and last.until is None:
        kind = OverCap if last.check == "limits" else Failure
        raise kind(
            last.code,
            last.detail,
            last.next,
            detail={"gate": [verdict.as_json() for verdict in gate.verdicts]},
        )


def _day(moment: int) -> str:
    return f"{from_ms(moment):%Y-%m-%d}"


def _ago(span: int) -> str:
    return "just now" if span < 1000 else f"{say_duration(span)} ago"
