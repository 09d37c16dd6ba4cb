"""Opens projects for tests and closes them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.bench import Project

Open = Callable[..., Project]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Open]:
    opened: list[Project] = []

    def make(**sources: str) -> Project:
        folder = tmp_path / f"project{len(opened)}"
        folder.mkdir()
        special: dict[str, Any] = {}
        if "project" in sources:
            special["project"] = sources.pop("project")
        opened.append(Project(folder, sources, **special))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
