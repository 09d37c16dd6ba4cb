"""OpenAPI 3.1 of the API, from the same table that routes it."""

from __future__ import annotations

import re
from typing import Any

from ringback import __version__
from ringback.access import roles
from ringback.web.api_table import OPERATIONS
from ringback.web.operations import BASE, JSON, Operation, Param, Schema
from ringback.web.schemas import COMPONENTS, ref

_IN_PATH = re.compile(r"\{(\w+)\}")
_PATH_WORDS = {
    "run": "The run's id.",
    "workflow": "The workflow's id.",
    "refused": "The refused callback's id.",
    "account": "The account's name.",
    "token": "The token's name.",
    "secret": "The secret's name.",
    "number": "A phone number, in international form or as one dials it in the project's country.",
}


def describe(public_url: str) -> dict[str, Any]:
    """The whole description; `public_url` is where the server is reached."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ringback",
            "version": __version__,
            "description": "Runs, messages and workflows of one Ringback project. Times are milliseconds since the epoch.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": public_url + BASE}],
        "paths": paths,
        "components": {
            "schemas": dict(COMPONENTS),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `ringback tokens create`, of `POST /sessions`, or of `api: tokens:` in ringback.yaml. Each operation names the scope that it needs.",
                }
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": _said(operation),
        "security": _security(operation),
        "parameters": [
            *(_path_param(name) for name in _IN_PATH.findall(operation.path)),
            *(_query_param(param) for param in operation.query),
        ],
        "responses": _responses(operation),
    }
    if operation.body is not None:
        content: dict[str, Any] = {"application/json": _media(operation.body, operation.example)}
        if operation.uploads:
            content["multipart/form-data"] = {"schema": _UPLOADS}
        described["requestBody"] = {"required": not operation.uploads, "content": content}
    elif operation.takes != JSON:
        sent: Schema = {"type": "string"}
        described["requestBody"] = {
            "required": True,
            "content": {operation.takes: _media(sent, operation.example)},
        }
    return described


def _said(operation: Operation) -> str:
    if operation.scope in (roles.NONE, roles.ANYBODY):
        return operation.description
    if operation.scope == roles.OWN:
        return f"{operation.description} Needs that somebody has signed in, then it is about their own; or the scope `{roles.MANAGES}`, then about everybody's."
    return f"{operation.description} Needs the scope `{operation.scope}`."


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Who may call it. OpenAPI 3.1 lets schemes other than OAuth list what a caller must have."""
    if operation.scope == roles.NONE:
        return []
    return [{"token": [] if operation.scope in (roles.ANYBODY, roles.OWN) else [operation.scope]}]


def _responses(operation: Operation) -> dict[str, Any]:
    said = {
        str(operation.status): {
            "description": operation.summary + ": done.",
            "content": {operation.gives: {"schema": operation.answer}},
        },
        "503": _error("The journal cannot be written or read right now; try again."),
    }
    if operation.scope != roles.NONE:
        said["401"] = _error("The token is missing, wrong, expired or revoked.")
        said["403"] = _error("The token does not cover this, or nobody has a token or an account.")
    has_body = operation.body is not None or operation.takes != JSON
    if operation.query or has_body or "{number}" in operation.path:
        said["422"] = _error("The request has mistakes; all of them are in `problems`.")
    if operation.takes != JSON:
        said["415"] = _error(f"The body is not {operation.takes}.")
    if has_body:
        said["400"] = _error("The body could not be read.")
        said["413"] = _error("The body is too large.")
    if operation.missing:
        said["404"] = _error(f"There is no such {operation.missing}.")
    said |= {str(status): _error(meaning) for status, meaning in operation.others.items()}
    return dict(sorted(said.items()))


def _error(meaning: str) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": ref("Error")}}}


def _path_param(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _PATH_WORDS[name],
        "schema": {"type": "string"},
    }


def _query_param(param: Param) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": param.name,
        "in": "query",
        "description": param.description,
        "schema": param.schema,
    }
    if param.schema.get("type") == "array":
        described |= {"style": "form", "explode": False}
    return described if param.example is None else described | {"example": param.example}


def _media(schema: Schema, example: Any) -> dict[str, Any]:
    return {"schema": schema} if example is None else {"schema": schema, "example": example}


_UPLOADS: Schema = {
    "type": "object",
    "description": "Files by field name; a text field `data` holds JSON, other text fields are entries of it.",
    "properties": {"data": {"type": "string", "contentMediaType": "application/json"}},
    "additionalProperties": {"type": "string", "contentMediaType": "application/octet-stream"},
}
