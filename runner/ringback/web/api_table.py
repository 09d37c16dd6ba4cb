"""The API's operations, one row each: what routes, checks and describes them."""

from __future__ import annotations

from ringback.journal.runs import FINISHED, UNFINISHED
from ringback.web import api_refused, api_runs, api_shelf
from ringback.web.operations import Operation, Param, Schema
from ringback.web.schemas import page, ref

_LIMIT = Param(
    "limit",
    "How many entries a page has, from 1 to 200.",
    {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    20,
)
_CURSOR = Param("cursor", "Where the page begins: `next` of the page before.", {"type": "string"})
_MANUAL_BODY: Schema = {
    "type": "object",
    "properties": {
        "data": {
            "type": "object",
            "description": "What templates read as `trigger.data`.",
            "additionalProperties": True,
        }
    },
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/runs",
        "listRuns",
        "List runs",
        "Runs, newest first, perhaps of one workflow or in some states.",
        api_runs.list_runs,
        page("runs", "Run"),
        query=(
            Param("workflow", "Only runs of this workflow.", {"type": "string"}, "enrolment"),
            Param(
                "state",
                "Only runs in these states; several with commas.",
                {
                    "type": "array",
                    "items": {"type": "string", "enum": [*UNFINISHED, *FINISHED]},
                    "default": [],
                },
                ["failed", "uncertain"],
            ),
            _CURSOR,
            _LIMIT,
        ),
    ),
    Operation(
        "GET",
        "/runs/{run}",
        "showRun",
        "Show a run",
        "A run with its event, steps, notes, and messages with their reports.",
        api_runs.show_run,
        ref("RunStory"),
        missing="run",
    ),
    Operation(
        "POST",
        "/runs/{run}/settle",
        "settleStep",
        "Settle an uncertain step",
        "Say of a step that may have happened before a crash whether it did: `sent` goes on after it, `again` does it again.",
        api_runs.settle_step,
        ref("Run"),
        body={
            "type": "object",
            "required": ["path", "how"],
            "additionalProperties": False,
            "properties": {
                "path": {
                    "type": "string",
                    "description": "The step's place, as the run shows it.",
                },
                "how": {
                    "enum": ["sent", "again"],
                    "description": "Whether it went, or is to be done again.",
                },
            },
        },
        example={"path": "confirmation", "how": "sent"},
        missing="run",
        others={409: "No step of this run is uncertain at that place."},
    ),
    Operation(
        "POST",
        "/runs/{run}/cancel",
        "cancelRun",
        "Cancel a run",
        "Ask a run to end. What it has already sent stays sent.",
        api_runs.cancel_run,
        ref("Run"),
        missing="run",
        others={409: "The run has already ended."},
    ),
    Operation(
        "GET",
        "/messages",
        "listMessages",
        "List messages",
        "Messages, newest first, perhaps of one number (a conversation), connection, direction or run.",
        api_runs.list_messages,
        page("messages", "Message"),
        query=(
            Param(
                "number",
                "Only messages to or from this number, in international form.",
                {"type": "string"},
                "+447700900077",
            ),
            Param(
                "connection",
                "Only messages through this connection.",
                {"type": "string"},
                "front-desk",
            ),
            Param(
                "direction",
                "Only messages that went out, or came in.",
                {"type": "string", "enum": ["out", "in"]},
                "out",
            ),
            Param("run", "Only messages of this run.", {"type": "string"}),
            _CURSOR,
            _LIMIT,
        ),
    ),
    Operation(
        "GET",
        "/refused",
        "listRefused",
        "List refused callbacks",
        "Callbacks of gateways that were not believed or whose shape is unknown, newest first, with what would have let them in.",
        api_refused.list_refused,
        page("refused", "Refused"),
        query=(
            Param("connection", "Only those of this connection.", {"type": "string"}, "front-desk"),
            _CURSOR,
            _LIMIT,
        ),
    ),
    Operation(
        "POST",
        "/refused/{refused}/replay",
        "replayRefused",
        "Replay a refused callback",
        "Verify it by the settings as they are now, and take in what it says. Then it is refused no longer.",
        api_refused.replay_refused,
        {
            "type": "object",
            "required": ["taken"],
            "properties": {"taken": {"type": "array", "items": ref("Taken")}},
        },
        missing="refused callback",
        others={409: "It is still refused, or was not kept whole; the message says which."},
    ),
    Operation(
        "GET",
        "/workflows",
        "listWorkflows",
        "List workflows",
        "The project's workflows without errors, switched off or not.",
        api_shelf.list_workflows,
        {
            "type": "object",
            "required": ["workflows"],
            "properties": {"workflows": {"type": "array", "items": ref("Workflow")}},
        },
    ),
    Operation(
        "POST",
        "/workflows/{workflow}/runs",
        "startRun",
        "Start a run",
        "Start a workflow by hand, with data, or as multipart with files.",
        api_shelf.start_run,
        ref("Receipt"),
        status=202,
        body=_MANUAL_BODY,
        example={"data": {"name": "Amina Yusuf"}},
        uploads=True,
        missing="workflow",
    ),
    Operation(
        "POST",
        "/check",
        "checkWorkflow",
        "Check a workflow",
        "All mistakes of a workflow's text, each with its place; nothing is kept.",
        api_shelf.check_text,
        {
            "type": "object",
            "required": ["ok", "problems"],
            "properties": {
                "ok": {"type": "boolean", "description": "Whether there is no error."},
                "problems": {"type": "array", "items": ref("Problem")},
            },
        },
        body={
            "type": "object",
            "required": ["text"],
            "additionalProperties": False,
            "properties": {
                "text": {"type": "string", "description": "The workflow, as YAML."},
                "file": {
                    "type": "string",
                    "description": "What its places are called by; its stem is the workflow's id.",
                    "default": "workflow.yaml",
                },
            },
        },
        example={"text": "name: Hello\ntrigger: { uses: manual }\nsteps: []\n"},
    ),
    Operation(
        "GET",
        "/connectors",
        "listConnectors",
        "List connectors",
        "Every connector with its settings, actions and triggers, and JSON Schema of their fields.",
        api_shelf.list_connectors,
        {
            "type": "object",
            "required": ["connectors"],
            "properties": {"connectors": {"type": "array", "items": ref("Connector")}},
        },
    ),
)
