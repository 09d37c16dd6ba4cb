"""The end of a command: its exit code and what is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ringback.cli import commands, console, errors
from ringback.problems import Failure, Mistakes, Problem


def raising(error: BaseException) -> Callable[[], Any]:
    def work() -> Any:
        raise error

    return work


EXPECTED = {
    "failure": (Failure("not_found", "There is no such run.", "`ringback runs` lists them."), 1),
    "mistakes": (
        Mistakes([Problem("unknown_key", "`stepz` is no key.", "Write `steps`.", "a.yaml")]),
        1,
    ),
    "usage": (click.UsageError("Missing argument 'DIR'."), 1),
    "ctrl_c": (KeyboardInterrupt(), 130),
    "our_failure": (Failure("internal", "The journal has no row."), 3),
    "bug": (ZeroDivisionError("division by zero"), 3),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_exit_code(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    error, code = EXPECTED[name]
    assert errors.run(raising(error)) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert ("Traceback" in said.err) == (code == 3)
    assert len(said.err.strip().splitlines()) == 1 or code == 3


def test_what_is_fine_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors.run(lambda: None) == 0
    assert capsys.readouterr().err == ""


def test_a_traceback_hides_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    console.hide(["hunter2-hunter2"])
    try:
        errors.run(raising(RuntimeError("key=hunter2-hunter2")))
    finally:
        console.hide([])
    assert "hunter2" not in capsys.readouterr().err


UNKNOWN = {
    "chek": "There is no command `chek`. Did you mean `check`?",
    "zzzz": "There is no command `zzzz`.",
    "--projct": "No such option",
}


@pytest.mark.parametrize("word", UNKNOWN)
def test_an_unknown_word_is_named_in_one_line(word: str) -> None:
    shown = CliRunner().invoke(commands, [word])
    assert shown.exit_code == 1
    assert UNKNOWN[word] in shown.output
    assert len(shown.output.strip().splitlines()) == 1
