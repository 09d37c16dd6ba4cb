"""Everything that is wrong with a workflow or a project, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from ringback import yamltext
from ringback.problems import Problem
from ringback.settings import Settings
from ringback.workflow.model import CatalogueLike
from ringback.workflow.shape import shape_problems
from ringback.yamltext import Document


def document_problems(
    document: Document,
    catalogue: CatalogueLike,
    settings: Settings | None,
    siblings: Mapping[str, Document],
    workflow_id: str,
) -> list[Problem]:
    """All problems of a workflow's document, in reading order."""
    found = [*document.problems, *shape_problems(document, "workflow")]
    return sorted(found, key=_order)


def check_workflow(
    source: str,
    file: str,
    catalogue: CatalogueLike,
    settings: Settings | None = None,
    siblings: Mapping[str, Document] | None = None,
) -> list[Problem]:
    """All problems of a workflow's text, in reading order.

    `settings` None: nothing that depends on a project is looked at. `siblings` are the project's other
    workflows by id, for webhook paths and calls.
    """
    document = yamltext.read(source, file)
    return document_problems(document, catalogue, settings, siblings or {}, PurePath(file).stem)


def _order(problem: Problem) -> tuple[int, int]:
    return (problem.span.line, problem.span.column) if problem.span else (0, 0)
