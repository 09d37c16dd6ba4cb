"""The API's operations on sessions and the audit trail, one row each."""

from __future__ import annotations

from ringback.access import roles
from ringback.journal.audit import ACTIONS
from ringback.web import api_access
from ringback.web.operations import LIMIT, Operation, Param, Schema
from ringback.web.schemas import ref

_ENDED: Schema = {
    "type": "object",
    "required": ["ended"],
    "properties": {"ended": {"type": "integer", "description": "How many sessions ended."}},
}
_FAMILIES = sorted({action.partition(".")[0] for action in ACTIONS})
_NO_SESSION = {409: "The token is a program's, not somebody's who has signed in."}

ACCESS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/sessions",
        "beginSession",
        "Sign in",
        "A token for an account's name and password. It ends when it is not used for a while, and at the latest at `expires_at`.",
        api_access.begin_session,
        ref("SignedIn"),
        scope=roles.NONE,
        status=201,
        body={
            "type": "object",
            "required": ["name", "password"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string", "maxLength": 400, "description": "The account."},
                "password": {
                    "type": "string",
                    "maxLength": 1024,
                    "format": "password",
                    "description": "Its password.",
                },
            },
        },
        example={"name": "amina@school.example", "password": "four words of your own"},
        others={
            401: "The name or the password is wrong.",
            429: "There were too many wrong passwords, or too many sign-ins at once; Retry-After says when to try again.",
        },
    ),
    Operation(
        "DELETE",
        "/sessions/current",
        "endSession",
        "Sign out",
        "End the session of the token that this is asked with.",
        api_access.end_session,
        _ENDED,
        scope=roles.ANYBODY,
        others=_NO_SESSION,
    ),
    Operation(
        "DELETE",
        "/sessions",
        "endSessions",
        "Sign out everywhere",
        "End every session of the account, this one included.",
        api_access.end_sessions,
        _ENDED,
        scope=roles.ANYBODY,
        others=_NO_SESSION,
    ),
    Operation(
        "GET",
        "/me",
        "showMe",
        "Who am I",
        "Whose token this is, what it may do, and until when.",
        api_access.show_me,
        ref("Me"),
        scope=roles.ANYBODY,
    ),
    Operation(
        "PUT",
        "/me/password",
        "setPassword",
        "Change my password",
        "Set a new password; every other session of the account ends, and every token that belongs to it.",
        api_access.set_password,
        {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string", "description": "The account."}},
        },
        scope=roles.ANYBODY,
        body={
            "type": "object",
            "required": ["current", "new"],
            "additionalProperties": False,
            "properties": {
                name: {
                    "type": "string",
                    "maxLength": 1024,
                    "format": "password",
                    "description": said,
                }
                for name, said in (
                    ("current", "The password as it is."),
                    ("new", "The password to be."),
                )
            },
        },
        others={**_NO_SESSION, 429: "Too many passwords are being looked at right now."},
    ),
    Operation(
        "GET",
        "/audit",
        "listAudit",
        "List the audit trail",
        "Who changed or sent what, when and from where; newest first. Phone numbers are shortened in it.",
        api_access.list_audit,
        {
            "type": "object",
            "required": ["entries", "next"],
            "properties": {
                "entries": {
                    "type": "array",
                    "items": ref("AuditEntry"),
                    "description": "The entries.",
                },
                "next": {
                    "type": ["integer", "null"],
                    "description": "Give this as `before` for the next page; null at the end.",
                },
            },
        },
        scope="audit:read",
        query=(
            Param("who", "Only what this account or token did.", {"type": "string"}, "ci"),
            Param(
                "action",
                "Only these actions, or families of them; several with commas.",
                {
                    "type": "array",
                    "items": {"type": "string", "enum": [*_FAMILIES, *ACTIONS]},
                    "default": [],
                },
                ["session", "run.settled"],
            ),
            Param("object", "Only what was done to this.", {"type": "string"}, "run_01k8z0"),
            Param(
                "since",
                "Only from this moment on: milliseconds since the epoch.",
                {"type": "integer"},
                1782657000000,
            ),
            Param(
                "before", "Where the page begins: `next` of the page before.", {"type": "integer"}
            ),
            LIMIT,
        ),
    ),
)
