"""Where a project's workflows are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ringback import yamltext
from ringback.problems import Problem
from ringback.yamltext import Document

FOLDER = "workflows"


def workflow_files(folder: Path) -> list[Path]:
    """The workflow files of a project, in alphabetical order."""
    return sorted(
        path
        for path in (folder / FOLDER).glob("*.y*ml")
        if path.suffix in {".yaml", ".yml"} and path.is_file() and not path.name.startswith(".")
    )


def read_workflows(folder: Path) -> dict[str, Document]:
    """A project's workflow files, read, by workflow id (the file's stem)."""
    return {
        path.stem: yamltext.read_file(path, f"{FOLDER}/{path.name}")
        for path in workflow_files(folder)
    }


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether one of them is more than a warning."""
    return any(problem.severity == "error" for problem in problems)


def reading_order(problem: Problem) -> tuple[str, int, int]:
    """The sort key of problems: file, line, column."""
    span = problem.span
    return problem.file, span.line if span else 0, span.column if span else 0
