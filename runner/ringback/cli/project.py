"""Which project a command works on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ringback.cli import console
from ringback.paths import PROJECT_FILE, find_project
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def option(function: F) -> F:
    """The `--project` option, which every command that needs a project takes."""
    return click.option(
        "--project",
        "where",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        metavar="DIR",
        help="The project's folder. Default: the nearest one at or above this folder.",
    )(function)


def find(given: Path | None) -> Path | None:
    """The project asked for, or the nearest; None where there is none. Raises `Failure` for a folder that is no project."""
    if given is None:
        return find_project(Path.cwd())
    if not (given / PROJECT_FILE).is_file():
        raise Failure(
            "not_found",
            f"{given} holds no {PROJECT_FILE}.",
            f"`ringback init {given}` starts a project there.",
        )
    return given.resolve()


def folder(given: Path | None) -> Path:
    """The project asked for, or the nearest. Raises `Failure` when there is none."""
    found = find(given)
    if found is None:
        raise Failure(
            "not_found",
            f"There is no {PROJECT_FILE} in this folder or above it.",
            "Go to a project's folder, name it with --project, or start one with `ringback init DIR`.",
        )
    return found


def settings(given: Path | None) -> Settings:
    """The project's settings; from then on its secrets are blacked out in all that is said. Raises `Mistakes`."""
    from ringback.settings import load_settings

    loaded = load_settings(folder(given), os.environ)
    console.hide(loaded.secrets)
    return loaded


def find_around(path: Path) -> Path | None:
    """The project that a file lies in, if any."""
    return find_project(path.resolve().parent)
