"""`ringback privacy`: what an operator types when a customer asks."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.journal.rows import a_message

from ringback.cli import commands
from ringback.clock import SystemClock
from ringback.journal import messages
from ringback.journal.journal import Journal

NUMBER = "+447700900077"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ringback.yaml").write_text("project: { name: Harbour School, country: GB }\n")
    assert ringback(tmp_path, "contacts", "opt-out", NUMBER).exit_code == 0
    journal = Journal.open(tmp_path / ".ringback" / "journal.db", SystemClock())
    told = a_message(text="Hi Amina", number_to=NUMBER, status="delivered", terminal=True)
    journal.write(lambda conn: messages.add_message(conn, told))
    journal.close()
    return tmp_path


def ringback(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(commands, [*arguments, "--project", str(folder)])


def test_find_says_what_there_is_and_changes_nothing(folder: Path) -> None:
    said = ringback(folder, "privacy", "find", "07700 900077").output
    assert "1 message" in said
    assert "--thorough" in said
    told = json.loads(ringback(folder, "privacy", "find", NUMBER, "--thorough", "--json").stdout)
    assert told["counts"] == {"contacts": 1, "messages": 1}
    assert "Nothing is known" in ringback(folder, "privacy", "find", "+447700900099").output


def test_export_is_for_the_eyes_of_this_user_alone(folder: Path) -> None:
    out = folder / "amina.zip"
    assert "1 message" in ringback(folder, "privacy", "export", NUMBER, str(out)).output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with zipfile.ZipFile(out) as archive:
        assert "Hi Amina" in archive.read("index.html").decode()


def test_erase_asks_and_keeps_the_opt_out(folder: Path) -> None:
    asked = ringback(folder, "privacy", "erase", NUMBER)
    assert asked.exit_code != 0
    assert "add --yes" in str(asked.exception) + asked.output
    said = ringback(folder, "privacy", "erase", NUMBER, "--yes").output
    assert "opt-out was kept" in said
    assert "Backups" in said
    assert NUMBER in ringback(folder, "contacts", "--opted-out").output
    told = json.loads(ringback(folder, "privacy", "erase", NUMBER, "--yes", "--drop-optout", "--rewrite", "--json").stdout)  # fmt: skip
    assert not told["kept_optout"]
    assert "No contact yet" in ringback(folder, "contacts").output


@pytest.mark.sqlite
def test_the_bytes_are_gone(folder: Path) -> None:
    ringback(folder, "privacy", "erase", NUMBER, "--yes", "--drop-optout", "--thorough")
    for path in (folder / ".ringback").rglob("*"):
        if path.is_file():
            assert b"7700900077" not in path.read_bytes(), path
            assert b"Amina" not in path.read_bytes(), path
