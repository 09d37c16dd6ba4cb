"""Where things are: the three shelves of content, and the operator's project."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

Shelf = Literal["connectors", "workflows", "schemas"]
PROJECT_FILE = "ringback.yaml"


@cache
def shelf(name: Shelf) -> Path:
    """The folder of one shelf: in a checkout beside `runner/`, in an installed wheel in `pack/`."""
    package = Path(__file__).resolve().parent
    checkout = package.parent.parent
    if package.parent.name == "runner" and (checkout / "pyproject.toml").is_file():
        return checkout / name
    return package / "pack" / name


def find_project(start: Path) -> Path | None:
    """The nearest folder at or above `start` that holds a ringback.yaml."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    return None
