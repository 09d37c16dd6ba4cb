"""The API's operations, one row each: what routes, checks and describes them."""

from __future__ import annotations

from ringback.journal.runs import FINISHED, UNFINISHED
from ringback.web import api_refused, api_runs, api_shelf
from ringback.web.api_table_access import ACCESS
from ringback.web.api_table_accounts import ACCOUNTS
from ringback.web.api_table_people import PEOPLE
from ringback.web.api_table_privacy import PRIVACY
from ringback.web.operations import CURSOR, LIMIT, Operation, Param, Schema
from ringback.web.schemas import page, ref

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
        scope="runs:read",
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
            CURSOR,
            LIMIT,
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
        scope="runs:read",
        missing="run",
    ),
    Operation(
        "POST",
        "/runs/{run}/settle",
        "settleStep",
        "Settle what is uncertain",
        "Say of a step that may have happened before a crash whether it did: `sent` goes on after it, `again` does it again. A run whose workers stopped over it is settled as a whole, with an empty `path`: `again` tries it again, `give_up` ends it as failed.",
        api_runs.settle_step,
        ref("Run"),
        scope="runs:write",
        body={
            "type": "object",
            "required": ["path", "how"],
            "additionalProperties": False,
            "properties": {
                "path": {
                    "type": "string",
                    "description": "The step's place, as the run shows it; empty for the run as a whole.",
                },
                "how": {
                    "enum": ["sent", "again", "give_up"],
                    "description": "Whether it went, is to be done again, or is given up.",
                },
            },
        },
        example={"path": "confirmation", "how": "sent"},
        missing="run",
        others={409: "No step of this run is uncertain at that place."},
    ),
    Operation(
        "POST",
        "/runs/settle",
        "settleSteps",
        "Settle many at once",
        "The same decision for every uncertain step, perhaps of one workflow, through one connection, or begun since a time: after a gateway's bad hour. Each is settled by itself. Runs that were put down as a whole are not among them.",
        api_runs.settle_steps,
        {
            "type": "object",
            "required": ["settled"],
            "properties": {
                "settled": {
                    "type": "array",
                    "description": "The steps that were settled.",
                    "items": {
                        "type": "object",
                        "required": ["run", "path"],
                        "properties": {
                            "run": {"type": "string", "description": "The run's id."},
                            "path": {"type": "string", "description": "The step's place."},
                        },
                    },
                }
            },
        },
        scope="runs:write",
        body={
            "type": "object",
            "required": ["how"],
            "additionalProperties": False,
            "properties": {
                "how": {
                    "enum": ["sent", "again"],
                    "description": "Whether they went, or are to be done again.",
                },
                "workflow": {"type": "string", "description": "Only of this workflow."},
                "connection": {
                    "type": "string",
                    "description": "Only texts through this connection.",
                },
                "since": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Only those begun since then, in milliseconds since the epoch.",
                },
            },
        },
        example={"how": "sent", "connection": "front-desk"},
    ),
    Operation(
        "POST",
        "/runs/{run}/cancel",
        "cancelRun",
        "Cancel a run",
        "Ask a run to end. What it has already sent stays sent.",
        api_runs.cancel_run,
        ref("Run"),
        scope="runs:write",
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
        scope="messages:read",
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
            CURSOR,
            LIMIT,
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
        scope="callbacks:read",
        query=(
            Param("connection", "Only those of this connection.", {"type": "string"}, "front-desk"),
            CURSOR,
            LIMIT,
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
        scope="callbacks:replay",
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
        scope="workflows:read",
    ),
    Operation(
        "POST",
        "/workflows/{workflow}/runs",
        "startRun",
        "Start a run",
        "Start a workflow by hand, with data, or as multipart with files.",
        api_shelf.start_run,
        ref("Receipt"),
        scope="messages:send",
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
        scope="workflows:read",
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
        scope="workflows:read",
    ),
    Operation(
        "GET",
        "/connections",
        "listConnections",
        "List connections",
        "The project's connections, and when the gateway of each last called, with what.",
        api_shelf.list_connections,
        {
            "type": "object",
            "required": ["connections"],
            "properties": {"connections": {"type": "array", "items": ref("Connection")}},
        },
        scope="callbacks:read",
    ),
    *PEOPLE,
    *ACCESS,
    *ACCOUNTS,
    *PRIVACY,
)
