"""`ringback check`: every mistake at once, each with its line and the next step."""

from __future__ import annotations

from pathlib import Path

import click

from ringback.cli import console, project
from ringback.problems import Problem


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
    from ringback.workflow.check import check_project, check_workflow

    if path is not None and path.is_file():
        return _file_problems(path)
    where = project.folder(path)
    catalogue = load_catalogue(where)
    return [*catalogue.problems, *check_project(where, catalogue)]
