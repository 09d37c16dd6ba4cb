"""`/hooks/<path>`: where other systems say that something happened.

Nothing is answered 2xx before it is on disk; a request is looked at in this order: address, method, size,
sender, body, files, schema, duplicate. What is wrong with one of these is said at once, all of it.
"""

from __future__ import annotations

import hashlib
import io
import logging
import time
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from ringback import expressions
from ringback.clock import from_ms
from ringback.engine.accept import Receipt, accept
from ringback.engine.runtime import Runtime
from ringback.observe.here import working
from ringback.observe.traces import origin
from ringback.problems import Failure
from ringback.web.bodies import Body, file_name, read_body, read_query
from ringback.web.doors import HookBook
from ringback.web.errors import Refusal, all_at_once, keeping
from ringback.web.hook_auth import NEVER_KEPT, check_sender
from ringback.web.hookspec import Hook
from ringback.web.requests import env_headers
from ringback.web.respond import Answer, respond
from ringback.web.signed import verified_body
from ringback.web.straight import raise_again, whole
from ringback.web.streams import open_body
from ringback.web.uploads import Uploads

log = logging.getLogger("ringback.web.hooks")

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_LONGEST_KEY = 200


class HookDoor:
    """The door for webhooks."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._book = HookBook(runtime)

    def take(self, path: str, environ: Mapping[str, Any]) -> Answer:
        """Take a request in. Raises `Refusal` where it is not taken."""
        hook = self._book.find(path)
        method = environ["REQUEST_METHOD"].upper()
        if method not in hook.methods:
            raise _wrong_method(hook, method)
        with self._runtime.senders.one():
            receipt = _receive(self._runtime, hook, environ)
        return respond(self._runtime, hook, receipt)


def hooks(runtime: Runtime, door: HookDoor) -> Blueprint:
    """The door in Flask, and what it says of refusals, those on the straight way included."""
    doors = Blueprint("hooks", __name__)

    def receive(path: str) -> Response:
        try:
            raise_again(request.environ)
            return whole(door.take(path, request.environ))
        except Refusal as refusal:
            runtime.metrics.count("refused_webhooks", refusal.code)
            log.warning("%s %s refused: %s", request.method, request.path, refusal.message)
            raise

    doors.add_url_rule(
        "/hooks/<path:path>",
        view_func=receive,
        methods=METHODS,
        provide_automatic_options=False,
    )
    return doors


def _receive(runtime: Runtime, hook: Hook, environ: Mapping[str, Any]) -> Receipt:
    arrived = time.time_ns()
    headers = env_headers(environ)
    query = read_query(environ["QUERY_STRING"], hook.where)
    stream: io.RawIOBase = open_body(environ, hook.max_body, hook.where)
    check_sender(hook.auth, headers, query, hook.where)
    if hook.auth.signs_body:
        stream = verified_body(hook, headers, stream, runtime.clock.now_ms(), runtime.files.folder)
    uploads = Uploads(hook, runtime.files)
    content_type = headers.get("content-type", "")
    with keeping(hook.where), stream:
        body = read_body(stream, content_type, uploads.keep, file_name(headers, query), hook.where)
        uploads.settle(body)
        mistakes = uploads.mistakes + _schema_mistakes(hook, body)
        if mistakes:
            raise all_at_once(mistakes)
        data = _data(runtime, hook, environ["REQUEST_METHOD"], headers, query, body)
        receipt = accept(
            runtime,
            hook.workflow,
            hook.trigger,
            data,
            source=f"webhook:{hook.path}",
            key=_key(hook, headers, query, body),
            kind="webhook",
            files=body.stored,
        )
    runtime.metrics.count("receipts", hook.workflow.id, "yes" if receipt.duplicate else "no")
    if not receipt.duplicate:
        of = origin(receipt.run_id, "webhook", data)
        runtime.traces.receipt(of, hook.workflow.id, environ["REQUEST_METHOD"], arrived)
    _tell(hook, receipt)
    return receipt


def _tell(hook: Hook, receipt: Receipt) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    with working(run=receipt.run_id, workflow=hook.workflow.id):
        log.info(
            "%s -> %s of %s%s",
            hook.where,
            receipt.run_id,
            hook.workflow.id,
            " (seen before)" if receipt.duplicate else "",
        )


def _data(
    runtime: Runtime,
    hook: Hook,
    method: str,
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    body: Body,
) -> dict[str, Any]:
    """What templates know as `trigger`. What proves the sender is left out; the engine masks known secrets."""
    kept = {
        name: text
        for name, text in headers.items()
        if name not in NEVER_KEPT and name != hook.auth.header
    }
    asked = {name: value for name, value in query.items() if name != hook.auth.query}
    moment = from_ms(runtime.clock.now_ms()).isoformat(timespec="milliseconds")
    return {
        "method": method,
        "path": hook.path,
        "headers": kept,
        "query": asked,
        "body": body.content,
        "form": body.form,
        "files": body.files,
        "file": body.file,
        "content_type": kept.get("content-type", ""),
        "received_at": moment.replace("+00:00", "Z"),
    }


class _Headers(dict[str, str]):
    """Headers as a template reads them: `headers['X-Id']` and `headers['x-id']` are one."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name.lower() if isinstance(name, str) else name)


def _key(
    hook: Hook, headers: Mapping[str, str], query: Mapping[str, Any], body: Body
) -> str | None:
    if not hook.dedupe:
        return None
    scope = {
        "headers": _Headers(headers),
        "query": query,
        "body": body.content,
        "form": body.form,
    }
    try:
        key = str(expressions.render(hook.dedupe, scope) or "").strip()
    except Failure as failure:
        raise Refusal(
            422,
            "no_dedupe_key",
            f"The request lacks what tells copies apart. {failure.message}",
            f"Send what `dedupe: {hook.dedupe}` reads, or give it a default in the workflow.",
            hook.where,
        ) from failure
    if len(key) > _LONGEST_KEY:
        key = "sha256:" + hashlib.sha256(key.encode()).hexdigest()
    return key or None


def _schema_mistakes(hook: Hook, body: Body) -> list[Refusal]:
    if hook.schema_errors is None:
        return []
    return [
        Refusal(
            422,
            "invalid_body",
            f"{place}: {said}",
            "Correct the body and send it again.",
            f"{hook.where}, {place}",
        )
        for place, said in hook.schema_errors(body.content)
    ]


def _wrong_method(hook: Hook, method: str) -> Refusal:
    allowed = ", ".join(hook.methods)
    return Refusal(
        405,
        "method_not_allowed",
        f"{hook.where} does not take {method}.",
        f"Use {allowed}.",
        hook.where,
        {"Allow": allowed},
    )
