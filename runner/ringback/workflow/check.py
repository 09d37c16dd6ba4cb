"""Everything that is wrong with a workflow or a project, all at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from ringback import yamltext
from ringback.problems import Mistakes, Problem
from ringback.settings import Settings, load_settings
from ringback.workflow.check_names import names_problems
from ringback.workflow.check_settings import settings_problems
from ringback.workflow.check_steps import steps_problems
from ringback.workflow.check_triggers import examples_problems, triggers_problems
from ringback.workflow.check_values import FREE
from ringback.workflow.files import read_workflows, reading_order
from ringback.workflow.model import CatalogueLike
from ringback.workflow.shape import Hint, shape_problems
from ringback.workflow.surroundings import Place, Surroundings, mapping
from ringback.yamltext import Document


def document_problems(
    document: Document,
    catalogue: CatalogueLike,
    settings: Settings | None,
    siblings: Mapping[str, Document],
    workflow_id: str,
) -> list[Problem]:
    """All problems of a workflow's document, in reading order.

    `settings` None: nothing that depends on a project is looked at. `siblings` are the project's other
    workflows by id.
    """
    around = Surroundings(document, catalogue, settings, siblings, workflow_id)
    around.problems = [*document.problems, *shape_problems(document, "workflow", _hint(around))]
    if isinstance(document.data, dict):
        triggers_problems(around)
        steps_problems(around)
        names_problems(around)
        examples_problems(around)
    return tidy(around.problems)


def check_workflow(
    source: str | Document,
    file: str,
    catalogue: CatalogueLike,
    settings: Settings | None = None,
    siblings: Mapping[str, Document] | None = None,
) -> list[Problem]:
    """All problems of a workflow's text, in reading order; see `document_problems`."""
    document = yamltext.read(source, file) if isinstance(source, str) else source
    return document_problems(document, catalogue, settings, siblings or {}, PurePath(file).stem)


def check_project(
    folder: Path, catalogue: CatalogueLike, environ: Mapping[str, str] | None = None
) -> list[Problem]:
    """All problems of a project: ringback.yaml first, then its workflows in alphabetical order.

    An unset `${NAME}` is a warning: a file can be right before its secrets are there.
    """
    around = os.environ if environ is None else environ
    documents = read_workflows(folder)
    found = settings_problems(folder, catalogue, documents, around)
    try:
        settings: Settings | None = load_settings(folder, around, allow_unset=True)
    except Mistakes:
        settings = None
    for workflow_id, document in documents.items():
        siblings = {key: other for key, other in documents.items() if key != workflow_id}
        found += document_problems(document, catalogue, settings, siblings, workflow_id)
    return found


def tidy(problems: Iterable[Problem]) -> list[Problem]:
    """Reading order; each finding once; no warning where an error already stands."""
    found = sorted(problems, key=reading_order)
    wrong = {problem.span for problem in found if problem.severity == "error"}
    kept = [p for p in found if p.severity == "error" or p.span not in wrong or p.span is None]
    return list(dict.fromkeys(kept))


def _hint(around: Surroundings) -> Hint:
    """What is known beyond the schema: an action's input that stands beside `with` instead of in it."""

    def hint(path: Place, key: str) -> str | None:
        holder = around.document.node(path)
        uses = mapping(holder.data).get("uses") if holder else None
        usable = around.catalogue.action(str(uses)) or around.catalogue.trigger(str(uses))
        if usable is not None and key in usable.inputs and key != FREE:
            return f"It is an input of {uses}: move it under `with:`."
        return None

    return hint
