"""The checks before every send: one verdict each, kept with the message and shown in its run.

A check is a function `(Sending) -> Verdict`; they run in the order of `CHECKS`, and the first that does not pass
ends the list. A later check may change `sending.number` (to the international form) but not the text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import phonenumbers

from ringback.problems import Failure


class Verdict(NamedTuple):
    """What one check said: `passed`, or why not, with the failure code and the next step for a person."""

    check: str
    passed: bool
    detail: str
    code: str = ""
    next: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"check": self.check, "passed": self.passed, "detail": self.detail}


@dataclass(slots=True)
class Sending:
    """A message on its way through the gate."""

    number: str
    text: str
    project: Mapping[str, Any]


class Gate(NamedTuple):
    """The outcome: the number in E.164, and every verdict reached."""

    number: str
    verdicts: tuple[Verdict, ...]


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


CHECKS: tuple[Callable[[Sending], Verdict], ...] = (_number, _text)


def judge(number: str, text: str, project: Mapping[str, Any]) -> Gate:
    """Run the checks. The last verdict of the result says whether the message may go."""
    sending = Sending(number, text, project)
    verdicts: list[Verdict] = []
    for check in CHECKS:
        verdicts.append(check(sending))
        if not verdicts[-1].passed:
            break
    return Gate(sending.number, tuple(verdicts))


def pass_or_fail(gate: Gate) -> None:
    """Raise the failure of the verdict that did not pass, if there is one."""
    last = gate.verdicts[-1]
    if not last.passed:
        raise Failure(
            last.code,
            last.detail,
            last.next,
            detail={"gate": [verdict.as_json() for verdict in gate.verdicts]},
        )
