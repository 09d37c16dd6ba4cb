"""`ringback messages`: the conversation with one phone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringback.cli import commands
from ringback.clock import SystemClock
from ringback.ids import new_id
from ringback.journal import messages
from ringback.journal.journal import Journal
from ringback.journal.messages import Message

THEM = "+447700900077"
SAID = [
    ("out", "front-desk", "Coming? Y/N", THEM),
    ("in", "front-desk", "Y", THEM),
    ("out", "backup", "Thank you", THEM),
    ("in", "front-desk", "Who is this?", "+447700900078"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert ringback("init", str(tmp_path)).exit_code == 0
    (tmp_path / ".ringback").mkdir(exist_ok=True)
    journal = Journal.open(tmp_path / ".ringback" / "journal.db", SystemClock())
    for at, (direction, connection, text, number) in enumerate(SAID):
        theirs = {"number_from" if direction == "in" else "number_to": number}
        priced = {"cost": "0.04", "currency": "GBP", "cost_source": "prices" if at else "gateway"}
        came = {
            "media": (
                {"file": {"name": "photo.png"}},
                {"url": "https://gateway.example/?key=planted"},
            )
        }
        more = priced if direction == "out" else came
        one = Message(new_id("msg"), direction, connection, text, "sent", at, at, **theirs, **more)  # type: ignore[arg-type]
        journal.write(lambda conn, one=one: messages.add_message(conn, one))  # type: ignore[misc]
    journal.close()
    return tmp_path


def ringback(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


ASKED = [
    ([THEM], ["Coming? Y/N", "Y", "Thank you"]),
    (["07700 900077"], ["Coming? Y/N", "Y", "Thank you"]),
    ([THEM, "--connection", "backup"], ["Thank you"]),
    ([THEM, "--limit", "2"], ["Y", "Thank you"]),
    (["+447700900078"], ["Who is this?"]),
    (["+447700900079"], []),
]


@pytest.mark.parametrize(("asked", "texts"), ASKED)
def test_the_conversation_is_told_in_order(
    project: Path, asked: list[str], texts: list[str]
) -> None:
    shown = ringback("messages", "--project", str(project), "--json", "--with", *asked)
    assert shown.exit_code == 0, shown.output
    assert [one["text"] for one in json.loads(shown.output)] == texts
    assert "planted" not in shown.output


def test_it_is_told_to_a_person(project: Path) -> None:
    shown = ringback("messages", "--project", str(project), "--with", THEM)
    lines = shown.output.splitlines()
    assert [("they" in line, "we " in line) for line in lines if "Y" in line] == [
        (False, True),
        (True, False),
    ]
    assert "Y [photo.png] [a file not fetched yet]" in shown.output
    assert "about 0.04 GBP" in shown.output
    assert "planted" not in shown.output
    nobody = ringback("messages", "--project", str(project), "--with", "+447700900079")
    assert nobody.output == "Nothing was said with +447700900079 yet.\n"
