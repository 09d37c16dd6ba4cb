"""`ringback transfer`: from a file to PostgreSQL, as a person asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.journal.rows import add_event
from tests.stores import Databases

from ringback.cli import commands
from ringback.clock import SystemClock
from ringback.journal.sqlite import SqliteJournal


def transfer(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(commands, ["transfer", *arguments, "--project", str(folder)])


def test_it_has_to_know_where_to(tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text("project: { name: Harbour School }\n")
    found = transfer(tmp_path)
    assert found.exit_code == 1
    assert "not said to which database" in found.output


@pytest.mark.postgres
def test_from_the_path_to_the_url_of_the_project(tmp_path: Path, databases: Databases) -> None:
    name = databases.new()
    (tmp_path / "ringback.yaml").write_text(
        f"journal: {{ path: kept.db, url: {databases.url(name)} }}\n"
    )
    journal = SqliteJournal.connect(tmp_path / "kept.db", SystemClock())
    journal.write(lambda conn: [add_event(conn) for _ in range(3)])
    journal.close()
    found = transfer(tmp_path)
    assert found.exit_code == 0
    assert "3 rows are in PostgreSQL, as many of each table as in the file." in found.output
    assert "uploaded files stay where they are" in found.output
    assert "not empty" in transfer(tmp_path).output
    databases.drop(name)
