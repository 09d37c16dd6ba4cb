"""`/callbacks/<connection>[/<token>]`: where gateways say what became of a message, and what came in.

The raw bytes are verified before anything parses them. What fails is answered 401 and kept for the
signature doctor; what is believed is answered 2xx however little we know of it, because a gateway takes
anything else as a reason to send it again.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from ringback.connectors import callbacks as gateway_callbacks
from ringback.connectors import invoke, verify
from ringback.connectors.callbacks import Inbound, IncomingRequest, Ping, Report
from ringback.connectors.manifest import Manifest
from ringback.connectors.verify import Refused, check
from ringback.engine.accept import accept_inbound, accept_report
from ringback.engine.hearing import hear, heard_ping
from ringback.engine.refused import explain, with_path_token
from ringback.engine.runtime import Runtime
from ringback.ids import new_id
from ringback.journal import refused as refused_rows
from ringback.masks import HIDDEN
from ringback.observe.here import working
from ringback.problems import Failure
from ringback.web.errors import Refusal, keeping, unavailable
from ringback.web.hook_auth import NEVER_KEPT
from ringback.web.requests import env_headers
from ringback.web.streams import open_body, read_all

log = logging.getLogger("ringback.web.callbacks")

MAX_CALLBACK = 1_000_000
"""Bytes of a callback's body; the largest documented one, a batch of reports, is far below."""
_KEPT_A_SECOND = 5
_DIAGNOSED_A_SECOND = 1
_SIGNATURE = re.compile(r"(?i)bearer [\w-]+\.[\w-]+\.[\w-]+$")
"""A web token, which like any other signature proves one callback and no more; a password is never kept."""
_NO_SHAPE = "It was verified and answered, but fits no shape that the connector knows."


def callbacks(runtime: Runtime) -> Blueprint:
    """The door for gateways."""
    doors = Blueprint("callbacks", __name__)
    brake, doctors = _Brake(_KEPT_A_SECOND), _Brake(_DIAGNOSED_A_SECOND)

    def receive(connection: str, token: str = "") -> Response:
        manifest, settings = _gateway(runtime, connection)
        with working(connection=connection):
            return believed(connection, token, manifest, settings)

    def believed(
        connection: str, token: str, manifest: Manifest, settings: Mapping[str, Any]
    ) -> Response:
        where = f"/callbacks/{connection}"
        stream = open_body(request.environ, MAX_CALLBACK, where)
        incoming = _incoming(runtime, request.environ, read_all(stream))
        asked = with_path_token(manifest, connection, incoming) if token else incoming
        address, now = runtime.settings.public_url, runtime.clock.now_ms()
        with keeping(where):
            try:
                check(manifest, settings, asked, address, now)
                found = gateway_callbacks.read(manifest, settings, incoming)
            except (Refused, Failure) as refused:
                runtime.metrics.count("refused_callbacks", connection, _kind_of(refused))
                reason = runtime.masks.text(str(refused))
                log.warning("a callback to %s was refused: %s", connection, reason)
                if brake.lets_through():
                    found_out = _diagnosed(runtime, connection, incoming, refused, doctors)
                    _keep_refused(runtime, connection, incoming, reason, found_out)
                raise _refusal(refused, where) from None
            for one in found:
                _take(runtime, connection, one)
                if isinstance(one, Ping) and one.confirm:
                    _confirm(runtime, connection, incoming, one.confirm)
                if isinstance(one, Ping) and not one.known:
                    _keep_refused(runtime, connection, incoming, _NO_SHAPE, believed=True)
        status, content_type, body = gateway_callbacks.reply(manifest, found)
        return Response(body, status, content_type=content_type)

    for rule in ("/callbacks/<connection>", "/callbacks/<connection>/<path:token>"):
        doors.add_url_rule(
            rule, view_func=receive, methods=("GET", "POST"), provide_automatic_options=False
        )
    return doors


def _gateway(runtime: Runtime, name: str) -> tuple[Manifest, Mapping[str, Any]]:
    if name in runtime.settings.connections:
        try:
            _, manifest, settings = runtime.connection(name)
        except Failure as failure:
            log.error("a callback came for %s, which is not set up: %s", name, failure)
            raise unavailable(f"/callbacks/{name}") from failure
        if manifest.callbacks is not None:
            return manifest, settings
    raise Refusal(
        404,
        "not_found",
        "There is no connection with callbacks by this name.",
        "Check the address in the gateway's dashboard against `connections` in ringback.yaml.",
        f"/callbacks/{name}",
    )


def _incoming(runtime: Runtime, environ: Mapping[str, Any], body: bytes) -> IncomingRequest:
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    query = environ["QUERY_STRING"]
    url = runtime.settings.public_url + quote(path, safe="/%:@!$&'()*+,;=-._~")
    return IncomingRequest(
        method=environ["REQUEST_METHOD"],
        url=f"{url}?{query}" if query else url,
        path=path,
        query=parse_qsl(query, keep_blank_values=True),
        headers=env_headers(environ),
        body=body,
        content_type=environ.get("CONTENT_TYPE", ""),
        remote=environ.get("REMOTE_ADDR", ""),
    )


def _take(runtime: Runtime, connection: str, one: Report | Inbound | Ping) -> None:
    count = runtime.metrics.count
    if isinstance(one, Report):
        event = accept_report(runtime, connection, one, runtime.masks.value(one.raw))
        count("callbacks", connection, "report")
        count("reports", connection, one.status)
        log.info("%s reported %s of %s (%s)", connection, one.status, one.gateway_id, event)
    elif isinstance(one, Inbound):
        opened = accept_inbound(runtime, connection, one, runtime.masks.value(one.raw))
        count("callbacks", connection, "inbound")
        log.info("%s brought a message in; runs: %s", connection, ", ".join(opened) or "none")
    else:
        heard_ping(runtime, connection, known=one.known)
        count("callbacks", connection, "ping")
        if one.known:
            log.info("%s sent a test or a handshake", connection)
        else:
            log.warning("a callback to %s fits no shape that its connector knows", connection)


def _confirm(runtime: Runtime, connection: str, incoming: IncomingRequest, url: str) -> None:
    """Answer a handshake. What may work later is answered 503, so that the gateway asks again."""
    try:
        invoke.confirm(url, runtime.transport)
    except Failure as failure:
        log.warning("the address of %s could not be confirmed: %s", connection, failure)
        if failure.kind.retry:
            raise Refusal(
                503,
                "unavailable",
                "The address could not be confirmed yet.",
                "Send the confirmation once more.",
                f"/callbacks/{connection}",
                {"Retry-After": "60"},
            ) from failure
        said = f"It could not be confirmed: {failure}"
        _keep_refused(runtime, connection, incoming, said, believed=True)
    else:
        log.info("the address of %s is confirmed", connection)


def _diagnosed(
    runtime: Runtime,
    connection: str,
    incoming: IncomingRequest,
    refused: Refused | Failure,
    doctors: _Brake,
) -> list[str]:
    """What would have let it in. Looked at while its proof is still there, since that is not kept."""
    if not isinstance(refused, Refused) or not doctors.lets_through():
        return []
    found = explain(runtime, connection, incoming)
    for sentence in found:
        log.warning("the callback to %s: %s", connection, sentence)
    return found


def _keep_refused(
    runtime: Runtime,
    connection: str,
    incoming: IncomingRequest,
    reason: str,
    findings: Sequence[str] = (),
    *,
    believed: bool = False,
) -> None:
    """Keep what was refused, as evidence: its own proof blacked out where that is one of our secrets."""
    _, manifest, settings = runtime.connection(connection)
    signed = "authorization" in verify.proof_headers(manifest)
    shown = {
        name: HIDDEN if name in NEVER_KEPT and not (signed and _SIGNATURE.match(text)) else text
        for name, text in incoming.headers.items()
    }
    row = refused_rows.Refused(
        id=new_id("ref"),
        connection=connection,
        received_at=runtime.clock.now_ms(),
        reason=refused_rows.reason_of(reason, findings),
        method=incoming.method,
        url=runtime.masks.text(verify.hide_token(manifest, settings, incoming.url)),
        headers=runtime.masks.value(shown),
        body=incoming.body,
    )
    # nobody waits for it: a stranger's request must not cost the work its time
    runtime.journal.submit(partial(_add_refused, runtime=runtime, row=row, believed=believed))


def _add_refused(
    conn: Connection, runtime: Runtime, row: refused_rows.Refused, *, believed: bool
) -> None:
    refused_rows.add_refused(conn, row)
    if not believed:
        hear(conn, runtime, row.connection, "refused", row.received_at)


def _kind_of(refused: Refused | Failure) -> str:
    if isinstance(refused, Refused):
        return refused.kind
    return "not_now" if refused.kind.retry else "unreadable"


def _refusal(refused: Refused | Failure, where: str) -> Refusal:
    if isinstance(refused, Failure) and refused.kind.retry:
        return Refusal(
            503,
            "unavailable",
            "The callback could not be verified yet.",
            "Send it once more.",
            where,
            {"Retry-After": "60"},
        )
    if isinstance(refused, Failure):
        return Refusal(
            400,
            "unreadable",
            refused.message,
            "The gateway's callback does not have the shape that its connector describes.",
            where,
        )
    return Refusal(
        401,
        "refused",
        "The callback could not be verified.",
        "Check the connection's secret, its signature settings and public_url; `ringback refused` says why.",
        where,
    )


class _Brake:
    """Lets a few refused callbacks a second be kept, and fewer be diagnosed; a flood of them is only counted."""

    def __init__(self, a_second: int) -> None:
        self._a_second = a_second
        self._second = 0
        self._kept = 0

    def lets_through(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._kept = second, 0
        self._kept += 1
        return self._kept <= self._a_second
