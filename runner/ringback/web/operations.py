"""What an operation of the API is: the one description behind routing, checking and OpenAPI."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringback.access import roles
from ringback.access.callers import Caller, nobody
from ringback.engine.runtime import Runtime
from ringback.web.errors import Refusal, all_at_once

BASE = "/api/v1"
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Param:
    """A query parameter. `schema` is JSON Schema; of it `type`, `enum`, `minimum` and `maximum` are checked."""

    name: str
    description: str
    schema: Schema
    example: Any = None


LIMIT = Param(
    "limit",
    "How many entries a page has, from 1 to 200.",
    {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    20,
)
CURSOR = Param("cursor", "Where the page begins: `next` of the page before.", {"type": "string"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that fits its operation: path parts, query (typed, defaults filled in), JSON body, and who asks."""

    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any = None
    caller: Caller = field(default_factory=lambda: nobody(""))


Handler = Callable[[Runtime, Asked], tuple[Any, int]]
"""`(runtime, asked) -> (JSON-able answer, or chunks of another type, HTTP status)`."""

JSON, CSV, ZIP = "application/json", "text/csv", "application/zip"


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the API's table. `path` is OpenAPI's spelling, below `/api/v1`.

    `body` is the schema of a JSON body, `answer` of what comes back with `status`; `uploads` marks the one
    kind of operation that reads its own body, since that may hold files. `takes` another type than JSON: the
    handler gets the body as an open file. `gives` another: it answers with chunks of text or bytes. `scope` is
    what a caller needs (`access.roles`); there is no default, so that none is forgotten.
    """

    method: str
    path: str
    id: str
    summary: str
    description: str
    handler: Handler
    answer: Schema
    status: int = 200
    query: tuple[Param, ...] = ()
    body: Schema | None = None
    example: Any = None
    uploads: bool = False
    takes: str = JSON
    gives: str = JSON
    missing: str = ""
    others: Mapping[int, str] = field(default_factory=dict)
    scope: str = field(kw_only=True)

    def __post_init__(self) -> None:
        if self.scope not in (*roles.SCOPES, roles.NONE, roles.ANYBODY, roles.OWN):
            raise ValueError(f"{self.id}: there is no scope {self.scope}")

    @property
    def where(self) -> str:
        return f"{self.method} {BASE}{self.path}"


def read_query_params(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """The query as the operation describes it. Raises `Refusal` 422 naming every mistake."""
    known = {param.name: param for param in operation.query}
    mistakes: list[Refusal] = []
    values: dict[str, Any] = {name: param.schema.get("default") for name, param in known.items()}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            offered = (
                f"Did you mean {near[0]}?" if near else f"There is: {', '.join(known) or 'none'}."
            )
            mistakes.append(_mistake(operation, name, f"{name} is not a parameter.", offered))
            continue
        try:
            values[name] = _typed(known[name].schema, value)
        except ValueError as error:
            mistakes.append(_mistake(operation, name, f"{name} {error}.", known[name].description))
    if mistakes:
        raise all_at_once(mistakes)
    return values


def _typed(schema: Schema, value: Any) -> Any:
    if schema.get("type") == "array":
        several = value if isinstance(value, list) else [value]
        parts = [part for one in several for part in str(one).split(",")]
        return [_typed(schema["items"], part) for part in parts]
    if isinstance(value, list):
        raise ValueError("comes more than once")
    if schema.get("type") == "integer":
        return _whole_number(schema, value)
    if schema.get("type") == "boolean":
        if value not in ("true", "false"):
            raise ValueError(f"“{value}” is neither true nor false")
        return value == "true"
    if "enum" in schema and value not in schema["enum"]:
        raise ValueError(f"“{value}” is not one of {', '.join(schema['enum'])}")
    return value


def _whole_number(schema: Schema, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise ValueError(f"“{value}” is not a whole number")
    number = int(value)
    low, high = schema.get("minimum", 0), schema.get("maximum", number)
    if not low <= number <= high:
        raise ValueError(f"is {number}, not between {low} and {high}")
    return number


def _mistake(operation: Operation, name: str, message: str, next_step: str) -> Refusal:
    return Refusal(
        422, "invalid_parameter", message, next_step, f"{operation.where}, parameter {name}"
    )
