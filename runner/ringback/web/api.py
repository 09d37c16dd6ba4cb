"""`/api/v1`: what programs ask of Ringback, behind a bearer token."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed

from ringback.access import roles
from ringback.access.callers import Caller
from ringback.engine.runtime import Runtime
from ringback.masks import shorten_numbers
from ringback.web.api_manual import read_manual
from ringback.web.api_table import OPERATIONS
from ringback.web.bodies import read_json, read_query
from ringback.web.bodyschema import compile_schema
from ringback.web.callers import admit
from ringback.web.errors import Refusal, all_at_once, keeping
from ringback.web.openapi import describe
from ringback.web.operations import BASE, CSV, JSON, Asked, Operation, read_query_params
from ringback.web.streams import open_body, read_all

log = logging.getLogger("ringback.web.api")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_FROM_ANYBODY = 16 * 1024
"""Bytes of a body that are read of somebody who is not known."""
_IN_MEMORY = 256 * 1024
"""Bytes of a body that are kept in memory before it goes to a temporary file."""


def api(runtime: Runtime) -> Blueprint:
    """Every operation of the table, and the description of them all, which needs no token."""
    doors = Blueprint("api", __name__, url_prefix=BASE)
    for operation in OPERATIONS:
        doors.add_url_rule(
            operation.path.replace("{", "<").replace("}", ">"),
            endpoint=operation.id,
            view_func=_view(runtime, operation),
            methods=(operation.method,),
            provide_automatic_options=False,
        )
    for path, methods in _own_words().items():
        doors.add_url_rule(
            path,
            endpoint=f"no other than {' '.join(methods)} {path}".replace(".", " "),
            view_func=_no_other(methods),
            methods=[method for method in METHODS if method not in methods],
            provide_automatic_options=False,
        )
    described = ""

    @doors.get("/openapi.json")
    def openapi() -> Response:
        nonlocal described
        described = described or json.dumps(describe(runtime.settings.public_url))
        return Response(described, content_type="application/json")

    return doors


def _own_words() -> dict[str, tuple[str, ...]]:
    """Paths that end in a word of their own where another path takes any (`/runs/settle`, `/runs/{run}`), and their methods.

    Without a rule for the others a `GET /runs/settle` would be asked of a run of that name.
    """
    methods: dict[str, tuple[str, ...]] = {}
    for operation in OPERATIONS:
        also = ("HEAD",) if operation.method == "GET" else ()
        methods[operation.path] = (*methods.get(operation.path, ()), operation.method, *also)
    taken = {path.rpartition("/")[0] for path in methods if path.endswith("}")}
    return {
        path: known
        for path, known in methods.items()
        if "{" not in path and path.rpartition("/")[0] in taken
    }


def _no_other(methods: tuple[str, ...]) -> Any:
    def view() -> Response:
        raise MethodNotAllowed(valid_methods=methods)

    return view


def _view(runtime: Runtime, operation: Operation) -> Any:
    mistakes_of = compile_schema(operation.body) if operation.body is not None else None

    def view(**path: str) -> Response:
        with keeping(operation.where):
            caller = admit(runtime, request.environ, operation)
        query = read_query(request.environ["QUERY_STRING"], operation.where)
        values = read_query_params(operation, query)
        with keeping(operation.where), _body(runtime, operation, mistakes_of) as body:
            made, status = operation.handler(runtime, Asked(path, values, body, caller))
        if operation.gives != JSON:
            return _stream(runtime, operation, made, status)
        return _answer(runtime, _as_seen_by(caller, operation, made), status)

    return view


@contextmanager
def _body(runtime: Runtime, operation: Operation, mistakes_of: Any) -> Iterator[Any]:
    """The body as the operation takes it, for as long as it is worked on."""
    if operation.uploads:
        yield read_manual(runtime, request.environ, operation.where)
    elif operation.takes != JSON:
        with _as_file(runtime, operation) as body:
            yield body
    else:
        yield _json_body(runtime, operation, mistakes_of)


def _as_seen_by(caller: Caller, operation: Operation, made: Any) -> Any:
    """An answer, with phone numbers shortened for who may not see them."""
    if operation.scope in roles.ABOUT_NUMBERS or "numbers:read" in caller.scopes:
        return made
    return shorten_numbers(made)


def _json_body(runtime: Runtime, operation: Operation, mistakes_of: Any) -> Any:
    if mistakes_of is None:
        return None
    most = runtime.settings.max_body
    if operation.scope == roles.NONE:
        most = min(most, _FROM_ANYBODY)
    stream = open_body(request.environ, most, operation.where)
    body = read_json(read_all(stream), operation.where)
    found = mistakes_of(body)
    if found:
        raise all_at_once(
            [
                Refusal(
                    422,
                    "invalid_body",
                    f"{place}: {said}",
                    f"See {operation.id} in {BASE}/openapi.json.",
                    f"{operation.where}, {place}",
                )
                for place, said in found
            ]
        )
    return body


@contextmanager
def _as_file(runtime: Runtime, operation: Operation) -> Iterator[BinaryIO]:
    """The body as a file that can be read twice, in memory where it is small. Raises `Refusal` 415, 413 or 400."""
    kind = request.environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != operation.takes:
        raise Refusal(
            415,
            "unsupported_type",
            f"This address takes {operation.takes}, and this came as {kind or 'nothing named'}.",
            f"Send it with Content-Type: {operation.takes}.",
            operation.where,
        )
    stream = open_body(request.environ, runtime.settings.max_file, operation.where)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as kept:
        shutil.copyfileobj(stream, kept)
        yield cast("BinaryIO", kept)


def _stream(runtime: Runtime, operation: Operation, chunks: Any, status: int) -> Response:
    masked = (runtime.masks.text(one) if isinstance(one, str) else one for one in chunks)
    kind = f"{operation.gives}; charset=utf-8" if operation.gives == CSV else operation.gives
    answer = Response(masked, status, content_type=kind)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _answer(runtime: Runtime, made: Mapping[str, Any], status: int) -> Response:
    shown = json.dumps(runtime.masks.value(made), ensure_ascii=False, default=str) + "\n"
    answer = Response(shown, status, content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
