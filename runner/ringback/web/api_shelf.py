"""The API's operations on workflows and connectors."""

from __future__ import annotations

from typing import Any

from ringback import yamltext
from ringback.connectors.manifest import Action, Manifest, Trigger
from ringback.connectors.values import json_schema
from ringback.engine.accept import start_manual
from ringback.engine.runtime import Runtime
from ringback.journal.heard import LastHeard, last_heard
from ringback.web.errors import Refusal
from ringback.web.operations import BASE, Asked
from ringback.web.respond import show_receipt
from ringback.workflow.check import check_workflow
from ringback.workflow.model import TriggerUse, Workflow


def list_workflows(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /workflows`."""
    del asked
    found = sorted(runtime.workflows.by_id.values(), key=lambda workflow: workflow.id)
    return {"workflows": [_workflow(runtime, workflow) for workflow in found]}, 200


def start_run(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /workflows/{workflow}/runs`."""
    workflow_id = asked.path["workflow"]
    workflow = runtime.workflows.by_id.get(workflow_id)
    if workflow is None:
        raise Refusal(
            404,
            "not_found",
            "There is no workflow of this id without errors.",
            f"GET {BASE}/workflows lists those there are.",
            f"{BASE}/workflows/{workflow_id}",
        )
    data, files = asked.body["data"], asked.body["files"]
    receipt = start_manual(runtime, workflow, data, files, by=asked.caller.actor)
    return show_receipt(runtime, receipt), 202


def check_text(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /check`."""
    file = asked.body.get("file") or "workflow.yaml"
    siblings = {
        workflow.id: yamltext.read(workflow.source, workflow.file)
        for workflow in runtime.workflows.by_id.values()
        if workflow.file != file
    }
    problems = check_workflow(
        asked.body["text"], file, runtime.catalogue, runtime.settings, siblings
    )
    return {
        "ok": not any(problem.severity == "error" for problem in problems),
        "problems": [problem.as_json() for problem in problems],
    }, 200


def list_connections(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /connections`."""
    del asked
    heard = runtime.journal.look(last_heard)
    return {
        "connections": [
            {
                "name": one.name,
                "uses": one.uses,
                "last_heard": dict(heard.get(one.name, LastHeard({})).at),
                "unknown_statuses": [
                    word._asdict() for word in heard.get(one.name, LastHeard({})).unknown_statuses
                ],
            }
            for one in runtime.settings.connections.values()
        ]
    }, 200


def list_connectors(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /connectors`."""
    del asked
    found = sorted(runtime.catalogue.connectors.values(), key=lambda manifest: manifest.id)
    return {"connectors": [_connector(manifest) for manifest in found]}, 200


def _workflow(runtime: Runtime, workflow: Workflow) -> dict[str, Any]:
    return {
        "id": workflow.id,
        "name": workflow.name or workflow.id,
        "description": workflow.description,
        "file": workflow.file,
        "enabled": workflow.enabled,
        "hash": workflow.hash,
        "triggers": [_trigger(runtime, use) for use in workflow.triggers],
        "inputs": {
            name: {
                "label": spec.label,
                "type": spec.type,
                "required": spec.required,
                "default": spec.default,
                "description": spec.description,
            }
            for name, spec in workflow.inputs.items()
        },
    }


def _trigger(runtime: Runtime, use: TriggerUse) -> dict[str, Any]:
    trigger = runtime.catalogue.trigger(use.uses)
    source = trigger.source if trigger else ""
    url = None
    if source == "webhook":
        path = str(use.with_.get("path", "")).strip("/")
        url = f"{runtime.settings.public_url}/hooks/{path}"
    return {"uses": use.uses, "source": source, "url": url}


def _connector(manifest: Manifest) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "name": manifest.name,
        "kind": manifest.kind,
        "description": manifest.description,
        "settings": json_schema(manifest.settings),
        "actions": [_offer(action) for action in manifest.actions.values()],
        "triggers": [_offer(trigger) for trigger in manifest.triggers.values()],
    }


def _offer(offer: Action | Trigger) -> dict[str, Any]:
    return {
        "name": offer.full,
        "title": offer.title,
        "description": offer.description,
        "inputs": json_schema(offer.inputs),
        "outputs": json_schema(offer.outputs),
    }
