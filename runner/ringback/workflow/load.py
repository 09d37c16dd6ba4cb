"""Workflow files, read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath

from ringback import yamltext
from ringback.problems import Problem
from ringback.settings import Settings
from ringback.workflow import check
from ringback.workflow.build import build
from ringback.workflow.files import has_errors, read_workflows
from ringback.workflow.model import CatalogueLike, TriggerUse, Workflow, WorkflowSet
from ringback.workflow.shape import shape_problems
from ringback.yamltext import Document


def parse(source: str, file: str, *, id: str | None = None) -> tuple[Workflow | None, Document]:  # noqa: A002
    """The workflow that a text says, and the document with its problems.

    Only the file's own shape is looked at, not what its steps use. `id` is the file's stem unless given.
    The workflow is None where a problem is an error.
    """
    document = yamltext.read(source, file)
    document.problems += shape_problems(document, "workflow")
    return build_from(document, id or PurePath(file).stem), document


def build_from(document: Document, workflow_id: str) -> Workflow | None:
    """The workflow of a checked document; None, and at least one problem, where it has an error."""
    if has_errors(document.problems) or document.data is None:
        return None
    try:
        return build(document.data, document.text, document.file, workflow_id)
    except ValueError as error:
        document.problems.append(document.problem("wrong_value", str(error)))
        return None


def load_folder(settings: Settings, catalogue: CatalogueLike) -> WorkflowSet:
    """Read and check every workflow of the project.

    A workflow with an error is left out; what ringback.yaml says of `enabled` wins over the file.
    """
    documents = read_workflows(settings.folder)
    return load_documents(documents, catalogue, settings)


def load_documents(
    documents: Mapping[str, Document], catalogue: CatalogueLike, settings: Settings | None
) -> WorkflowSet:
    """The workflows of documents that have been read, by workflow id."""
    found: list[Problem] = []
    by_id: dict[str, Workflow] = {}
    for workflow_id, document in documents.items():
        others = {key: other for key, other in documents.items() if key != workflow_id}
        document.problems = check.document_problems(
            document, catalogue, settings, others, workflow_id
        )
        workflow = build_from(document, workflow_id)
        found += document.problems
        if workflow is not None:
            said = settings.workflows.get(workflow_id) if settings else None
            enabled = workflow.enabled if said is None or said.enabled is None else said.enabled
            by_id[workflow_id] = replace(workflow, enabled=enabled)
    return workflow_set(by_id, catalogue, found)


def workflow_set(
    by_id: Mapping[str, Workflow], catalogue: CatalogueLike, problems: Iterable[Problem] = ()
) -> WorkflowSet:
    """The set with its look-ups made."""
    hooks: dict[str, tuple[Workflow, TriggerUse]] = {}
    by_source: dict[str, list[tuple[Workflow, TriggerUse]]] = defaultdict(list)
    for workflow in by_id.values():
        if not workflow.enabled:
            continue
        for use in workflow.triggers:
            trigger = catalogue.trigger(use.uses)
            if trigger is None:
                continue
            by_source[trigger.source].append((workflow, use))
            if trigger.source == "webhook":
                hooks[str(use.with_.get("path", "")).strip("/")] = (workflow, use)
    return WorkflowSet(
        by_id=dict(by_id),
        problems=tuple(problems),
        hooks=hooks,
        by_source={source: tuple(pairs) for source, pairs in by_source.items()},
    )
