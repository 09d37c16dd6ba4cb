"""The shapes of the API, as JSON Schema; OpenAPI shows them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ringback.access.roles import ROLES
from ringback.connectors.manifest import STATUSES
from ringback.journal.audit import ACTIONS, KINDS
from ringback.journal.heard import KINDS as HEARD
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
        "A page of a list.",
        {name: _list(ref(items), "The entries."), "next": cursor},
        f"{name} next",
    )


_TOKEN: Mapping[str, Schema] = {
    "name": _text("What it is for.", "ci"),
    "hint": _text("How it begins.", "rb_8fKq0a…"),
    "scopes": _list(_text("A scope.", "runs:read"), "What it may do."),
    "account": _maybe(_text("The account that it belongs to and ends with; null for none.")),
    "created_at": _time("When it was created."),
    "created_by": _text("Who created it.", "amina@school.example"),
    "expires_at": _maybe(_time("When it ends, null for never.")),
    "last_used_at": _maybe(_time("When it was last used, to ten minutes; null for never.")),
}
_PLAIN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_TAG = r"^[^\x00-\x20\x7f;]([^\x00-\x1f\x7f;]*[^\x00-\x20\x7f;])?$"

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
    "cost": _maybe(_text("What it costs, as a decimal number.", "0.04")),
    "currency": _maybe(_text("The currency of the cost, where it is known.", "GBP")),
    "cost_source": _maybe(
        _text("Whose word the cost is: `prices` of the connection, an estimate, or the `gateway`.")
    ),
    "error_code": _maybe(_text("The gateway's own code of what went wrong.")),
    "detail": _maybe(_text("The gateway's own words.")),
    "refunded": _flag("Whether the gateway gave the money back."),
    "timeline": _list({"type": "object"}, "Each status as it was heard."),
    "media": _list(
        {"type": "object"},
        "The files that came with it: `file` where it is kept, `error` where it could not be fetched.",
    ),
    "created_at": _time("When it was made."),
    "updated_at": _time("When it last changed."),
}
CONTACT_SAYS: Mapping[str, Schema] = {
    "name": _text("What they are called.", "Amina Yusuf", maxLength=500, pattern=_PLAIN),
    "tags": {
        **_list(
            {"type": "string", "minLength": 1, "maxLength": 100, "pattern": _TAG},
            "What they are grouped by; a tag has no semicolon and no space around it.",
        ),
        "maxItems": 100,
        "examples": [["parents", "year 3"]],
    },
    "attributes": {
        "type": "object",
        "description": "What else is known of them, by name; `timezone` is asked for quiet hours.",
        "additionalProperties": {"type": ["string", "number", "boolean"]},
        "propertyNames": {"minLength": 1, "maxLength": 100, "pattern": _TAG},
        "maxProperties": 200,
        "examples": [{"class": "3B"}],
    },
    "opted_out": _flag("Whether they want no texts. Left out, it stays as it is."),
    "opted_out_source": _text(
        "How you know that they want none, or do; `by the API` where it is not said.",
        "by phone, 3 March",
        maxLength=200,
        pattern=_PLAIN,
    ),
    "invalid": _flag("Whether no text can reach the number. Left out, it stays as it is."),
    "invalid_why": _text("Why none can.", "disconnected", maxLength=500, pattern=_PLAIN),
}
_CONTACT: Mapping[str, Schema] = {
    "number": _text("The number, in international form.", "+447700900077"),
    "name": _text("What they are called.", "Amina Yusuf"),
    "tags": _list({"type": "string"}, "What they are grouped by."),
    "attributes": {"type": "object", "description": "What else is known of them, by name."},
    "invalid": _flag("Whether a gateway said that no text can reach it."),
    "invalid_why": _text("Why none can; empty where one can."),
    "opted_out_at": _maybe(_time("When they asked for no more texts; null where they have not.")),
    "opted_out_source": _text("How we know that they want none.", "texted STOP"),
    "created_at": _time("When it was first known."),
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
    "SignedIn": _object(
        "A session.",
        {
            "token": _text("The token, shown this once.", "rbs_…"),
            "expires_at": _time("When it ends whatever happens."),
            "idle_ms": _number("Milliseconds without use after which it ends.", 1_800_000),
            "account": _object(
                "Who has signed in.",
                {
                    "name": _text("The account.", "amina@school.example"),
                    "role": _text("Its role.", "owner", enum=list(ROLES)),
                    "scopes": _list(_text("A scope.", "runs:read"), "What it may do."),
                },
                "name role scopes",
            ),
        },
        "token expires_at idle_ms account",
    ),
    "Me": _object(
        "Whose token this is.",
        {
            "kind": _text("Somebody signed in, or a program.", "token", enum=["account", "token"]),
            "name": _text("The account or the token.", "ci"),
            "role": _maybe(_text("The account's role.", "owner")),
            "scopes": _list(_text("A scope.", "runs:read"), "What it may do."),
            "address": _text("From where it is asked.", "203.0.113.7"),
            "expires_at": _maybe(_time("When it ends whatever happens, null for never.")),
        },
        "kind name role scopes address expires_at",
    ),
    "Account": _object(
        "Somebody who may sign in.",
        {
            "name": _text("Its name, written small.", "amina@school.example"),
            "role": _text("Its role.", "owner", enum=list(ROLES)),
            "scopes": _list(_text("A scope.", "runs:read"), "What it may do."),
            "enabled": _flag("Whether it may sign in."),
            "created_at": _time("When it was added."),
            "updated_at": _time(
                "When its role, its password or whether it is enabled last changed."
            ),
            "last_login_at": _maybe(_time("When it last signed in, null for never.")),
        },
        "name role scopes enabled created_at updated_at last_login_at",
    ),
    "Token": _object("What a program shows instead of a password.", _TOKEN, " ".join(_TOKEN)),
    "NewToken": _object(
        "A token as it is created.",
        {**_TOKEN, "token": _text("The token itself, shown this once.", "rb_…")},
        " ".join([*_TOKEN, "token"]),
    ),
    "Secret": _object(
        "A secret that the journal keeps sealed. Its value is shown nowhere.",
        {
            "name": _text("Its name.", "connections.front-desk.api_key"),
            "key": _text("Which of the operator's keys it is locked with.", "3f1c0a9e77b2"),
            "set_at": _time("When it was last set."),
            "set_by": _text("Who set it.", "amina@school.example"),
            "used": _flag(
                "Whether ringback.yaml refers to it, so that Ringback does not start without it."
            ),
        },
        "name key set_at set_by used",
    ),
    "AuditEntry": _object(
        "One line of the audit trail.",
        {
            "seq": _number("Its place.", 17),
            "at": _time("When."),
            "kind": _text("What kind of actor.", "account", enum=list(KINDS)),
            "who": _text(
                "Who: an account, a token, a user of the machine.", "amina@school.example"
            ),
            "address": _text("From where: an address, or the machine's name.", "203.0.113.7"),
            "action": _text("What was done.", "run.settled", enum=list(ACTIONS)),
            "object": _text("To what.", "run_01k8z0"),
            "facts": _any("More about it."),
            "previous": _text("The hash of the entry before."),
            "hash": _text("SHA-256 of this entry, the one before included."),
        },
        "seq at kind who address action object facts previous hash",
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
    "Contact": _object(
        "One number and what is known of whoever has it.", _CONTACT, " ".join(_CONTACT)
    ),
    "Found": _object(
        "What there is about one number.",
        {
            "number": _text("The number, in international form.", "+447700900077"),
            "counts": {
                "type": "object",
                "description": "How many of each: messages, reports, runs and so on.",
                "additionalProperties": {"type": "integer"},
            },
            "runs": _list({"type": "string"}, "The runs that concern it."),
            "messages": _list(
                {"type": "string"}, "The messages to and from it, and of those runs."
            ),
            "unfinished": _list({"type": "string"}, "Those of the runs that have not finished."),
            "shared": _list({"type": "string"}, "Those of the runs that concern other people too."),
            "files": _list({"type": "string"}, "The SHA-256 of files that came with it."),
            "other_files": _list(
                {"type": "string"},
                "Files of other runs in which it stands; looked for when thorough.",
            ),
            "workflows": _list({"type": "string"}, "Workflows whose text names it."),
            "thorough": _flag("Whether every row and file was looked at."),
        },
        "number counts runs messages unfinished shared files other_files workflows thorough",
    ),
    "Erased": _object(
        "What became of an erasure.",
        {
            "number": _text("The number, in international form.", "+447700900077"),
            "counts": {
                "type": "object",
                "description": "How many rows of each table changed or went, and files.",
                "additionalProperties": {"type": "integer"},
            },
            "kept_optout": _flag("Whether an opt-out was kept as a bare fact."),
            "canceled": _list({"type": "string"}, "Runs that were canceled for it."),
            "shared": _list(
                {"type": "string"},
                "Runs that concern others too, in which only what names the number went.",
            ),
            "left": _list(
                {"type": "string"}, "Sentences on what a person still has to know or do."
            ),
        },
        "number counts kept_optout canceled shared left",
    ),
    "Import": _object(
        "What became of a file of contacts.",
        {
            "contacts": _number("How many it holds.", 120),
            "new": _number("How many of them were not known.", 20),
            "changed": _number("How many changed something known.", 3),
            "dry_run": _flag("Whether nothing was taken."),
        },
        "contacts new changed dry_run",
    ),
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
    "Connection": _object(
        "A connector with this project's settings, which are not shown.",
        {
            "name": _text("Its name in ringback.yaml.", "front-desk"),
            "uses": _text("Its connector.", "acme-sms"),
            "last_heard": _object(
                "When its gateway last called with what; what it has not called with is left out.",
                {kind: _time(f"{said[0].upper()}{said[1:]}.") for kind, said in HEARD.items()},
            ),
            "unknown_statuses": _list(
                _object(
                    "A status.",
                    {
                        "status": _text("The gateway's own word.", "BUFFERED"),
                        "times": _number("How often it came.", 3),
                        "last_at": _time("When it came last."),
                    },
                    "status times last_at",
                ),
                "Statuses that the connector does not know, the last one first.",
            ),
        },
        "name uses last_heard unknown_statuses",
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
