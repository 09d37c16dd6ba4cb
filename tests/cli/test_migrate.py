"""`ringback migrate`: what is due is said, and done."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.journal.test_migrations import a_journal_at
from tests.stores import Databases

from ringback.cli import commands
from ringback.journal.migrations import HEAD


def migrate(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(commands, ["migrate", *arguments, "--project", str(folder)])


@pytest.mark.sqlite
def test_a_file_is_brought_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text("journal: { path: kept.db }\n")
    found = migrate(tmp_path, "--check")
    assert found.exit_code == 1
    assert "no tables yet" in found.output
    assert not (tmp_path / "kept.db").exists()
    a_journal_at(tmp_path / "kept.db", "0002")
    found = migrate(tmp_path, "--check")
    assert found.exit_code == 1
    assert f"from step 0002 to {HEAD}" in found.output
    assert f"from step 0002 to {HEAD}" in migrate(tmp_path).output
    for arguments in (["--check"], []):
        found = migrate(tmp_path, *arguments)
        assert found.exit_code == 0
        assert f"up to date, at step {HEAD}" in found.output


@pytest.mark.postgres
def test_a_database_gets_its_tables(tmp_path: Path, databases: Databases) -> None:
    name = databases.new()
    (tmp_path / "ringback.yaml").write_text(f"journal: {{ url: {databases.url(name)} }}\n")
    assert migrate(tmp_path, "--check").exit_code == 1
    assert f"at step {HEAD}" in migrate(tmp_path).output
    assert migrate(tmp_path, "--check").exit_code == 0
    databases.drop(name)
