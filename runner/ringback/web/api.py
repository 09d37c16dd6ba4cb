"""`/api/v1`: what programs ask of Ringback, behind a bearer token."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from ringback.engine.runtime import Runtime
from ringback.web.api_manual import read_manual
from ringback.web.api_table import OPERATIONS
from ringback.web.bodies import read_json, read_query
from ringback.web.bodyschema import compile_schema
from ringback.web.errors import Refusal, all_at_once, keeping
from ringback.web.openapi import describe
from ringback.web.operations import BASE, Asked, Operation, read_query_params
from ringback.web.requests import env_headers
from ringback.web.streams import open_body, read_all
from ringback.web.tokens import check_token

log = logging.getLogger("ringback.web.api")


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
    described = ""

    @doors.get("/openapi.json")
    def openapi() -> Response:
        nonlocal described
        described = described or json.dumps(describe(runtime.settings.public_url))
        return Response(described, content_type="application/json")

    return doors


def _view(runtime: Runtime, operation: Operation) -> Any:
    mistakes_of = compile_schema(operation.body) if operation.body is not None else None

    def view(**path: str) -> Response:
        check_token(runtime.settings, env_headers(request.environ))
        query = read_query(request.environ["QUERY_STRING"], operation.where)
        values = read_query_params(operation, query)
        with keeping(operation.where):
            if operation.uploads:
                asked = Asked(path, values, read_manual(runtime, request.environ, operation.where))
            else:
                body = _json_body(runtime, operation, mistakes_of)
                asked = Asked(path, values, body)
            made, status = operation.handler(runtime, asked)
        return _answer(runtime, made, status)

    return view


def _json_body(runtime: Runtime, operation: Operation, mistakes_of: Any) -> Any:
    if mistakes_of is None:
        return None
    stream = open_body(request.environ, runtime.settings.max_body, operation.where)
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


def _answer(runtime: Runtime, made: Mapping[str, Any], status: int) -> Response:
    shown = json.dumps(runtime.masks.value(made), ensure_ascii=False, default=str) + "\n"
    answer = Response(shown, status, content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
