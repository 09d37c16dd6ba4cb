"""What an example expects against what happened: the differences, so that a person sees them at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from ringback.cli import fields

if TYPE_CHECKING:
    from ringback.cli.examples import Played

TEXT_KEYS = {"to": "number_to", "text": "text", "connection": "connection", "status": "status"}


def differences(example: Mapping[str, Any], played: Played) -> list[str]:
    """Every difference as a few lines of text; none where the example holds.

    Expected values may be templates over the run's names, such as `{{ project.staff_phone }}`.
    """
    from ringback import expressions

    expected = expressions.render(list(example.get("expect") or []), played.scope)
    found = [*_texts(expected, played), *_calls(expected, played), *_emails(expected, played)]
    found += [line for one in expected if "state" in one for line in _state(one["state"], played)]
    found += [line for one in expected if "step" in one for line in _steps(one["step"], played)]
    found += played.refused
    if found and played.error and not any("The run is" in line for line in found):
        found.append(_why(played))
    return found


def _texts(expected: list[Any], played: Played) -> Iterator[str]:
    wanted = [one["sms"] for one in expected if "sms" in one]
    if not wanted:
        return
    for number, (want, got) in enumerate(zip(wanted, played.texts, strict=False), start=1):
        for key, column in TEXT_KEYS.items():
            if key in want and str(want[key]) != str(got[column]):
                yield _differs(f"text {number}, {key}", str(want[key]), str(got[column]))
    for number, want in enumerate(wanted[len(played.texts) :], start=len(played.texts) + 1):
        yield f"text {number} was not sent: {_said(want.get('to', ''), want.get('text', ''))}"
    for number, got in enumerate(played.texts[len(wanted) :], start=len(wanted) + 1):
        yield f"text {number} was not expected: {_said(got['number_to'], got['text'])}"


def _said(number: Any, text: Any) -> str:
    return " ".join(filter(None, [f"to {number}" if number else "", f"“{text}”" if text else ""]))


def _calls(expected: list[Any], played: Played) -> Iterator[str]:
    wanted = [one["http"] for one in expected if "http" in one]
    yield from _in_turn("request", wanted, [_call(call) for call in played.calls], "{method} {url}")


def _emails(expected: list[Any], played: Played) -> Iterator[str]:
    wanted = [
        {**one["email"], **({"to": _listed(one["email"]["to"])} if "to" in one["email"] else {})}
        for one in expected
        if "email" in one
    ]
    yield from _in_turn("email", wanted, played.emails, "to {to}, {subject}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _in_turn(
    word: str, wanted: list[dict[str, Any]], happened: list[dict[str, Any]], short: str
) -> Iterator[str]:
    """Each that is wanted beside the one that happened in its place; nothing is wanted: anything may happen."""
    if not wanted:
        return
    for number, want in enumerate(wanted, start=1):
        if number > len(happened):
            yield f"{word} {number} was not sent: {fields.say(want)}"
            continue
        got = happened[number - 1]
        for key, value in want.items():
            if key not in got or not _within(value, got[key]):
                yield _differs(
                    f"{word} {number}, {key}", fields.say(value), fields.say(got.get(key))
                )
    for number, got in enumerate(happened[len(wanted) :], start=len(wanted) + 1):
        yield f"{word} {number} was not expected: {short.format_map(got)}"


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """A request with its body in every form that an expectation may name."""
    address, _, query = str(call["url"]).partition("?")
    shown = {**call, "query": dict(parse_qsl(query)), "address": address}
    try:
        shown["json"] = json.loads(call["body"])
    except ValueError:
        shown["form"] = dict(parse_qsl(str(call["body"])))
    return shown


def _state(wanted: str, played: Played) -> Iterator[str]:
    if wanted != played.state:
        why = f"\n{_why(played)}" if played.error else ""
        yield f"The run is {played.state}, not {wanted}.{why}"


def _why(played: Played) -> str:
    error = played.error or {}
    place = f" in {error['step']}" if error.get("step") else ""
    return f"It failed{place}: {' '.join(filter(None, [error.get('message'), error.get('next')]))}"


def _steps(wanted: Mapping[str, Any], played: Played) -> Iterator[str]:
    for name, want in wanted.items():
        if name not in played.steps:
            yield f"The step {name} did not run."
        elif not _within(want, played.steps[name]):
            got = played.steps[name]
            shown = (
                {key: got.get(key) for key in want}
                if isinstance(got, dict) and isinstance(want, dict)
                else got
            )
            yield _differs(f"step {name}", fields.say(want), fields.say(shown))


def _within(want: Any, got: Any) -> bool:
    """Whether `got` is what is wanted; a map may hold more than was asked for."""
    if isinstance(want, Mapping) and isinstance(got, Mapping):
        return all(key in got and _within(value, got[key]) for key, value in want.items())
    return bool(want == got)


def _differs(place: str, want: str, got: str) -> str:
    """Both values under each other, and a mark where they part."""
    same = next(
        (at for at, (left, right) in enumerate(zip(want, got, strict=False)) if left != right),
        min(len(want), len(got)),
    )
    lines = [f"{place}:", f"  expected  {want}", f"  happened  {got}"]
    if want and got and "\n" not in want + got:
        lines.append(f"            {' ' * same}^")
    return "\n".join(lines)
