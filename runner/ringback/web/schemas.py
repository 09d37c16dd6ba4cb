"""The shapes of the API, as JSON Schema; OpenAPI shows them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ringback.connectors.manifest import STATUSES
from ringback.journal.runs import FINISHED, UNFINISHED
from ringback.journal.steps import STATES as STEP_STATES

Schema = Mapping[str, Any]


def ref(name: str) -> Schema:
    """A reference to one of `COMPONENTS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def _text(description: str, example: Any = None, **more: Any) -> Schema:
    return {"type": "string", "description": description, **_example(example), **more}


def _number(description: str, example: int | None = None) -> Schema:
    return {"type": "integer", "description": description, **_example(example)}


def _maybe(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _time(description: str) -> Schema:
    return _number(description + " Milliseconds since the epoch, UTC.", 1782657000000)


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _any(description: str) -> Schema:
    return {"description": description}


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _object(description: str, properties: Mapping[str, Schema], required: str = "") -> Schema:
    made: dict[str, Any] = {
        "type": "object",
        "description": description,
        "properties": dict(properties),
    }
    if required:
        made["required"] = required.split()
    return made


def _example(example: Any) -> dict[str, Any]:
    return {} if example is None else {"examples": [example]}


def page(name: str, items: str) -> Schema:
    """A page of a list: the entries under `name` and the cursor of the next page."""
    cursor = _maybe(_text("Give this as `cursor` for the next page; null at the end."))
    return _object(
        "A page, newest first.",
        {name: _list(ref(items), "The entries."), "next": cursor},
        f"{name} next",
    )


_FOUR_WORDS: Mapping[str, Schema] = {
    "code": _text("A stable word for programs.", "missing_file"),
    "message": _text("What is wrong.", "The file agreement is missing."),
    "where": _text("The place.", "/hooks/enrolments, file agreement"),
    "next": _text("What to do about it.", "With curl: -F agreement=@file."),
}
_RUN: Mapping[str, Schema] = {
    "id": _text("The run.", "run_01k8z0"),
    "event_id": _text("The event that opened it.", "evt_01k8z0"),
    "workflow": _text("The workflow's id.", "enrolment"),
    "definition": _text("The version of the workflow that it runs: the SHA-256 of its text."),
    "trigger": _number("Which of the workflow's triggers, from 0.", 0),
    "state": _text("Where it stands.", "succeeded", enum=[*UNFINISHED, *FINISHED]),
    "inputs": _any("What the client filled in."),
    "created_at": _time("When it was opened."),
    "started_at": _maybe(_time("When it began.")),
    "finished_at": _maybe(_time("When it ended.")),
    "wake_at": _maybe(_time("When it goes on by itself, where it waits for a time.")),
    "cancel": _flag("Whether somebody asked to cancel it."),
    "parent_run": _maybe(_text("The run that called it.")),
    "error": _any("Why it failed, or null."),
    "result": _any("What it made, or null."),
    "attempts": _number("How often it was taken up.", 1),
}
_MESSAGE: Mapping[str, Schema] = {
    "id": _text("The message.", "msg_01k8z0"),
    "direction": _text("Out to a phone, or in from one.", "out", enum=["out", "in"]),
    "connection": _text("The connection it went through.", "front-desk"),
    "gateway_id": _maybe(_text("What the gateway calls it.", "msg_987654321")),
    "run_id": _maybe(_text("The run that sent it.")),
    "step_path": _maybe(_text("The step that sent it.", "confirmation")),
    "number_from": _maybe(_text("The sender.", "+447700900200")),
    "number_to": _maybe(_text("The recipient.", "+447700900077")),
    "text": _text("The text.", "Hi Amina"),
    "status": _text("What is known of it.", "delivered", enum=[*STATUSES, "received"]),
    "status_at": _maybe(_time("When the status came to be.")),
    "terminal": _flag("Whether nothing more is expected."),
    "segments": _maybe(_number("How many parts it takes.", 1)),
    "encoding": _maybe(_text("GSM-7 or UCS-2.", "GSM-7")),
    "cost": _maybe(_text("What the gateway says it cost.")),
    "error_code": _maybe(_text("The gateway's own code of what went wrong.")),
    "detail": _maybe(_text("The gateway's own words.")),
    "refunded": _flag("Whether the gateway gave the money back."),
    "timeline": _list({"type": "object"}, "Each status as it was heard."),
    "created_at": _time("When it was made."),
    "updated_at": _time("When it last changed."),
}
_STEP: Mapping[str, Schema] = {
    "path": _text("Its place in the workflow.", "confirmation"),
    "id": _maybe(_text("Its id.")),
    "uses": _text("The action.", "sms.send"),
    "state": _text("Where it stands.", "succeeded", enum=list(STEP_STATES)),
    "attempt": _number("Which try this is.", 1),
    "input": _any("What it was given, secrets masked."),
    "output": _any("What it made."),
    "error": _any("Why it failed."),
    "started_at": _time("When it began."),
    "finished_at": _maybe(_time("When it ended.")),
}
_FIELD: Schema = {
    "type": "object",
    "description": "JSON Schema of the fields.",
    "additionalProperties": True,
}
_OFFER: Mapping[str, Schema] = {
    "name": _text("The full name that a workflow uses.", "sms.send"),
    "title": _text("What people call it."),
    "description": _text("What it does."),
    "inputs": _FIELD,
    "outputs": _FIELD,
}

COMPONENTS: Mapping[str, Schema] = {
    "Error": _object(
        "What went wrong.",
        {
            "error": _object(
                "Place, mistake, next step.",
                {
                    **_FOUR_WORDS,
                    "problems": _list(
                        _object("One mistake.", _FOUR_WORDS),
                        "Every mistake, where there are several.",
                    ),
                },
                "code message where next",
            )
        },
        "error",
    ),
    "Receipt": _object(
        "Something was accepted and is on disk.",
        {
            "run": _text("The run that it opened.", "run_01k8z0"),
            "event": _text("The event as it was kept.", "evt_01k8z0"),
            "duplicate": _flag("Whether this is a copy of something accepted before."),
            "status_url": _text("Where to look how it goes.", format="uri"),
        },
        "run event duplicate status_url",
    ),
    "Run": _object("One execution of a workflow.", _RUN, "id workflow state created_at"),
    "RunStory": {
        "type": "object",
        "description": "A run with all that hangs on it.",
        "properties": {
            "run": ref("Run"),
            "event": {"type": ["object", "null"], "description": "What opened it."},
            "steps": _list(_object("One step.", _STEP), "The steps, in the order they began."),
            "notes": _list({"type": "object"}, "What the run has to tell, line by line."),
            "messages": _list(
                {"type": "object"}, "Its messages, each with the reports that came about it."
            ),
        },
        "required": ["run", "steps", "notes", "messages"],
    },
    "Message": _object("One SMS.", _MESSAGE, "id direction connection text status created_at"),
    "Refused": _object(
        "A callback that was not believed, or whose shape nobody knows.",
        {
            "id": _text("Its id.", "ref_01k8z0"),
            "connection": _text("The connection it came for.", "front-desk"),
            "received_at": _time("When it came."),
            "reason": _text("Why it was refused."),
            "findings": _list(_text("A sentence."), "What would have let it in, as far as known."),
            "method": _text("Its method.", "POST"),
            "url": _text("Its address, secrets masked."),
            "headers": _any("Its headers, secrets masked."),
            "body": _text("How its body begins."),
            "size": _number("How many bytes of its body are kept.", 120),
        },
        "id connection received_at reason findings",
    ),
    "Taken": _object(
        "What a replayed callback said.",
        {
            "kind": _text("What it is.", "report", enum=["report", "inbound", "ping"]),
            "says": _text("It in a few words.", "delivered of msg_987654321"),
            "runs": _list(_text("A run."), "The runs that it opened or woke."),
        },
        "kind says runs",
    ),
    "Workflow": _object(
        "One workflow file.",
        {
            "id": _text("Its id: the file's name.", "enrolment"),
            "name": _text("What people call it.", "Enrolment confirmation"),
            "description": _text("What it is for."),
            "file": _text("Where it is.", "workflows/enrolment.yaml"),
            "enabled": _flag("Whether its triggers start runs."),
            "hash": _text("The SHA-256 of its text."),
            "triggers": _list(
                _object(
                    "One trigger.",
                    {
                        "uses": _text("What starts it.", "webhook.received"),
                        "source": _text("Its kind.", "webhook"),
                        "url": _maybe(_text("The webhook's address.", format="uri")),
                    },
                ),
                "What starts it.",
            ),
            "inputs": _any("What a client fills in, by name."),
        },
        "id name enabled triggers",
    ),
    "Problem": _object(
        "A finding in a file.",
        {
            **_FOUR_WORDS,
            "severity": _text("How bad it is.", "error", enum=["error", "warning"]),
            "span": _object(
                "The place, 1-based, end exclusive.",
                {name: _number(name) for name in ("line", "column", "end_line", "end_column")},
            ),
        },
        "code message severity",
    ),
    "Connector": _object(
        "What can be used.",
        {
            "id": _text("Its id.", "acme-sms"),
            "name": _text("What people call it.", "Acme SMS"),
            "kind": _text("What it is.", "sms-gateway"),
            "description": _text("What it is for."),
            "settings": _FIELD,
            "actions": _list(_object("An action.", _OFFER), "What a step can use."),
            "triggers": _list(_object("A trigger.", _OFFER), "What can start a workflow."),
        },
        "id name kind actions triggers",
    ),
}
