"""The numbers with a part to play: found by their ending, and all in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringback.rehearsal.scripts import DEFAULT, SCRIPTS, Script, script_for

DOCS = Path(__file__).parents[2] / "docs" / "rehearsal.md"


@pytest.mark.parametrize("script", SCRIPTS, ids=[one.ending for one in SCRIPTS])
def test_each_is_documented(script: Script) -> None:
    assert f"| {script.ending} | {script.says} |" in DOCS.read_text("utf-8")


@pytest.mark.parametrize(
    ("number", "ending"),
    [("+447700900001", "0001"), ("07700 900 003", "0003"), ("+447700900020", ""), ("office", "")],
)
def test_found_by_its_ending(number: str, ending: str) -> None:
    assert script_for(number).ending == ending


def test_anything_else_is_delivered() -> None:
    assert script_for("+447700900077") is DEFAULT
