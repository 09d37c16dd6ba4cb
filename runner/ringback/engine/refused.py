"""Refused callbacks: what would have let them in, and taking one in after all once the setting is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection

from ringback.connectors import callbacks, invoke, verify
from ringback.connectors.callbacks import Inbound, IncomingRequest, Report
from ringback.connectors.manifest import Manifest
from ringback.connectors.verify import doctor
from ringback.engine.accept import accept_inbound, accept_report
from ringback.engine.runtime import Runtime
from ringback.journal import audit, refused
from ringback.journal.audit import Actor
from ringback.journal.refused import BODY_KEPT, Refused
from ringback.masks import HIDDEN
from ringback.problems import Failure

_IN_AUTHORIZATION = ("basic", "jwt")
"""Schemes whose proof stands in the header Authorization where their options name no other."""


class Taken(NamedTuple):
    """One thing that a replayed callback said: `kind` is report, inbound or ping; `runs` are those it opened or woke."""

    kind: str
    says: str
    runs: tuple[str, ...] = ()


def explain(runtime: Runtime, connection: str, request: IncomingRequest) -> list[str]:
    """Sentences on what would have let a refused callback in, the likeliest first; none where nothing was found.

    The work is bounded; a body of which only a part is kept is not looked at.
    """
    if len(request.body) >= BODY_KEPT:
        return []
    _, manifest, settings = runtime.connection(connection)
    found = doctor.diagnose(
        manifest,
        settings,
        with_path_token(manifest, connection, request),
        runtime.clock.now_ms(),
        public_url=runtime.settings.public_url,
        secrets=doctor.secrets_by_name(_set_up(runtime)),
    )
    return [runtime.masks.text(one["sentence"]) for one in found]


def with_path_token(
    manifest: Manifest, connection: str, request: IncomingRequest
) -> IncomingRequest:
    """`/callbacks/front-desk/<token>` says the same as `?token=<token>`, for dashboards that drop the query."""
    token = request.path.partition(f"/callbacks/{connection}/")[2]
    names = [
        str(entry.get("query") or "token")
        for entry in _entries(manifest)
        if entry.get("scheme") == "token" and not entry.get("header")
    ]
    return replace(request, query=[*request.query, *((name, token) for name in names if token)])


def replay(runtime: Runtime, refused_id: str, *, by: Actor) -> list[Taken]:
    """Verify a refused callback by the settings as they are now, at the time when it came, and take in what it says.

    What is taken in is refused no longer, so its row goes. Nothing is taken in twice: a copy that the gateway
    sent meanwhile is known. Raises `Failure` (`not_found`, or `refused` with a sentence that says why) where it
    cannot be, and keeps the row.
    """
    with runtime.journal.read() as conn:
        row = refused.get_refused(conn, refused_id)
    if row is None:
        raise Failure(
            "not_found",
            f"There is no refused callback {refused_id}.",
            "`ringback refused` lists them; what is replayed, or older than is kept, is gone.",
        )
    found = _verified(runtime, row)
    taken = [_take(runtime, row.connection, one) for one in found]
    facts = {"connection": row.connection, "taken": [one.kind for one in taken]}

    def write(conn: Connection) -> None:
        refused.drop_refused(conn, row.id)
        audit.add(conn, by, "callback.replayed", row.id, runtime.clock.now_ms(), facts)

    runtime.journal.write(write)
    return taken


def _verified(runtime: Runtime, row: Refused) -> list[callbacks.Report | Inbound | callbacks.Ping]:
    """What the callback says, where it is believed now."""
    _, manifest, settings = runtime.connection(row.connection)
    if manifest.callbacks is None:
        raise Failure("refused", f"{manifest.name} has no callbacks any more.")
    row = row._replace(url=verify.restore_token(manifest, settings, row.url))
    hidden = _hidden(manifest, row)
    if hidden or len(row.body) >= BODY_KEPT:
        raise Failure(
            "refused",
            f"{row.id} cannot be replayed: {hidden or 'its body was too long to be kept whole'}.",
            "Let the gateway send it once more, if it can.",
        )
    request = callbacks.incoming(row.method, row.url, row.headers, row.body)
    path = unquote(urlsplit(row.url).path)
    request = replace(request, path=path[max(0, path.find("/callbacks/")) :])
    asked = with_path_token(manifest, row.connection, request)
    try:
        verify.check(manifest, settings, asked, runtime.settings.public_url, row.received_at)
    except verify.Refused as still:
        raise Failure(
            "refused",
            f"{row.id} is refused by the settings of today too. {still}",
            f"`ringback refused show {row.id}` says what would let it in.",
        ) from still
    found = callbacks.read(manifest, settings, request)
    if all(isinstance(one, callbacks.Ping) and not one.known for one in found):
        raise Failure(
            "refused",
            f"{row.id} is verified, but fits no shape that {manifest.name}'s connector knows.",
            "There is nothing to take in; the connector's manifest says what it knows.",
        )
    return found


def _hidden(manifest: Manifest, row: Refused) -> str:
    """Which part of the callback was not kept because a secret stood in it, or an empty text."""
    if HIDDEN in row.url:
        return "its address was kept without the secret in it"
    proof = verify.proof_headers(manifest)
    if any(one["scheme"] in _IN_AUTHORIZATION for one in _entries(manifest)):
        proof.add("authorization")
    gone = [name for name, text in row.headers.items() if name in proof and HIDDEN in text]
    return f"its header {gone[0]} was kept without the secret in it" if gone else ""


def _entries(manifest: Manifest) -> Sequence[Mapping[str, Any]]:
    return manifest.callbacks.verify if manifest.callbacks else ()


def _take(runtime: Runtime, connection: str, one: Report | Inbound | callbacks.Ping) -> Taken:
    if isinstance(one, Report):
        accept_report(runtime, connection, one, runtime.masks.value(one.raw))
        return Taken("report", f"{one.status} of {one.gateway_id or one.reference or one.number}")
    if isinstance(one, Inbound):
        runs = accept_inbound(runtime, connection, one, runtime.masks.value(one.raw))
        return Taken("inbound", f"a text from {one.number_from}", tuple(runs))
    if one.confirm is not None:
        invoke.confirm(one.confirm, runtime.transport)
        return Taken("ping", "the address is confirmed")
    return Taken("ping", "nothing of a message")


def _set_up(runtime: Runtime) -> dict[str, tuple[Manifest, Mapping[str, Any]]]:
    """The connections that can be used; those with a mistake have no secrets to try."""
    found = {}
    for name in runtime.settings.connections:
        try:
            _, manifest, settings = runtime.connection(name)
        except Failure:
            continue
        found[name] = (manifest, settings)
    return found
