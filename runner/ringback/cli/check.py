"""`ringback check`: every mistake at once, each with its line and the next step."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ringback.cli import console, project
from ringback.problems import Mistakes, Problem


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(path: Path | None, as_json: bool) -> None:
    """Find every mistake in a project, or in one workflow file, with its line and the next step.

    PATH is a project's folder or a workflow file; by default the project around this folder.

    \b
    Example:
      ringback check
      ringback check workflows/enrolment.yaml
    """
    found = _problems(path)
    mistakes = [problem for problem in found if problem.severity == "error"]
    if as_json:
        console.as_json({"ok": not mistakes, "problems": [problem.as_json() for problem in found]})
    else:
        console.problems(found)
        _say_summary(len(mistakes), len(found) - len(mistakes))
    if mistakes:
        raise click.exceptions.Exit(1)


def _problems(path: Path | None) -> list[Problem]:
    from ringback.connectors.catalogue import load_catalogue
    from ringback.workflow.check import check_project

    if path is not None and path.is_file():
        return _file_problems(path)
    where = project.folder(path)
    catalogue = load_catalogue(where)
    return [*catalogue.problems, *check_project(where, catalogue)]


def _file_problems(path: Path) -> list[Problem]:
    """One workflow file, in the light of the project around it if there is one."""
    from ringback import yamltext
    from ringback.connectors.catalogue import load_catalogue
    from ringback.settings import load_settings
    from ringback.workflow.check import document_problems

    where = project.find_around(path)
    found: list[Problem] = []
    settings = None
    if where is not None:
        try:
            settings = load_settings(where, os.environ, allow_unset=True)
            console.hide(settings.secrets)
        except Mistakes as mistakes:  # the file is checked all the same, as far as it goes without
            found = mistakes.problems
    siblings = {
        other.stem: yamltext.read_file(other, str(other))
        for other in sorted(path.parent.glob("*.yaml"))
        if not other.samefile(path)
    }
    document = yamltext.read_file(path, str(path))
    found += document_problems(document, load_catalogue(where), settings, siblings, path.stem)
    return found


def _say_summary(mistakes: int, warnings: int) -> None:
    if mistakes or warnings:
        console.say()
    said = f"{_count(mistakes, 'mistake')}, {_count(warnings, 'warning')}"
    if mistakes:
        console.mark("bad", f"{said}.")
    else:
        console.mark("good", "No mistakes found." if not warnings else f"{said}.")


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
