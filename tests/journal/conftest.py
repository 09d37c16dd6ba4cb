from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journal.rows import NOW

from ringback.clock import SimulatedClock
from ringback.journal.files import FileStore
from ringback.journal.journal import Journal


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal that has its tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "journal.db"
    Journal.open(path, SimulatedClock(NOW)).close()
    return path


@pytest.fixture
def journal(tmp_path: Path, empty: Path) -> Iterator[Journal]:
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o700)
    shutil.copy(empty, folder / "journal.db")
    opened = Journal.open(folder / "journal.db", SimulatedClock(NOW))
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")
