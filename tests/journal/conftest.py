from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journal.rows import NOW

from ringback.clock import SimulatedClock
from ringback.journal.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "kept" / "journal.db", SimulatedClock(NOW))
    yield opened
    opened.close()
