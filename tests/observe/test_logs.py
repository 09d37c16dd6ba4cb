"""Log lines say what they are about, hide secrets and shorten phone numbers."""

from __future__ import annotations

import json
import logging
import threading
from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.masks import Masks
from ringback.observe.here import here, working
from ringback.observe.logs import Lines, shortened

SECRET = "planted-secret-0123456789"


def record(message: str, *values: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error is not None else None
    return logging.LogRecord(
        "ringback.web", logging.WARNING, "f.py", 1, message, values, info, "work"
    )


def broken() -> BaseException:
    try:
        raise ValueError(f"no way with {SECRET} to +447700900077")
    except ValueError as error:
        return error


def test_a_json_line_says_what_it_is_about() -> None:
    lines = Lines(Masks([SECRET]), "json")
    with working(run="run_1", workflow="enrol"), working(step="2/then/1", connection="front-desk"):
        line = json.loads(lines.format(record("%s took it", "front-desk")))
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "WARNING",
        "logger": "ringback.web",
        "message": "front-desk took it",
        "run": "run_1",
        "workflow": "enrol",
        "step": "2/then/1",
        "connection": "front-desk",
    }
    assert here().run == ""


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_hidden_in_every_part_of_a_line(form: str) -> None:
    lines = Lines(Masks([SECRET]), form)
    with working(step=SECRET):
        text = lines.format(record("with %s", SECRET, error=broken()))
    assert SECRET not in text
    assert "Traceback" in text
    assert "447700900077" not in text


def test_an_exception_is_one_json_line() -> None:
    text = Lines(Masks(), "json").format(record("it broke", error=broken()))
    assert "\n" not in text
    assert "ValueError: no way" in json.loads(text)["error"]


def test_a_text_line_ends_with_what_it_is_about() -> None:
    with working(run="run_1", step="1"):
        assert (
            Lines(Masks())
            .format(record("hello"))
            .endswith("ringback.web: hello [run=run_1 step=1]")
        )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("to +447700900077 now", "to …0077 now"),
        ("to +44 7700 900077.", "to …0077."),
        ("“447700900077” is no number", "“…0077” is no number"),
        ("(07700 900077)", "(…0077)"),
        ("run_01ks447700900077abc", "run_01ks447700900077abc"),
        ("2026-06-28T14:30:00.125Z", "2026-06-28T14:30:00.125Z"),
        ("took 1234.5678901234 s", "took 1234.5678901234 s"),
        ("127.0.0.1:8080 and 401", "127.0.0.1:8080 and 401"),
        ("12345678", "12345678"),
    ],
)
def test_phone_numbers_are_cut_to_their_last_digits(written: str, shown: str) -> None:
    assert shortened(written) == shown


@given(st.integers(10**8, 10**14 - 1), st.text("abc ,;!“”", max_size=4))
def test_no_number_with_its_plus_is_left_whole(number: int, around: str) -> None:
    assert str(number) not in shortened(f"{around} +{number} {around}")


def test_numbers_stay_where_that_is_asked_for() -> None:
    assert "+447700900077" in Lines(Masks(), numbers=True).format(record("+447700900077"))


def test_a_thread_of_its_own_knows_what_it_works_on() -> None:
    seen: list[str] = []
    with working(run="run_7"):
        context = copy_context()
        thread = threading.Thread(target=context.run, args=(lambda: seen.append(here().run),))
        thread.start()
        thread.join()
    assert seen == ["run_7"]
