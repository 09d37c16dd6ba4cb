"""The API's operations on refused callbacks."""

from __future__ import annotations

from typing import Any

from ringback.engine.refused import replay
from ringback.engine.runtime import Runtime
from ringback.journal.refused import Refused, page
from ringback.problems import Failure
from ringback.web.errors import Refusal
from ringback.web.operations import BASE, Asked


def list_refused(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /refused`."""
    query = asked.query
    with runtime.journal.read() as conn:
        rows, cursor = page(conn, query["connection"], query["cursor"], query["limit"])
    return {"refused": [show(row) for row in rows], "next": cursor}, 200


def replay_refused(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /refused/{refused}/replay`."""
    try:
        taken = replay(runtime, asked.path["refused"], by=asked.caller.actor)
    except Failure as failure:
        if failure.code not in ("not_found", "refused", "invalid_input"):
            raise
        status = 404 if failure.code == "not_found" else 409
        where = f"{BASE}/refused/{asked.path['refused']}"
        raise Refusal(status, failure.code, failure.message, failure.next, where) from failure
    return {"taken": [{**one._asdict(), "runs": list(one.runs)} for one in taken]}, 200


def show(row: Refused) -> dict[str, Any]:
    """A refused callback as programs see it; of the body its length and what of it is text."""
    return {
        "id": row.id,
        "connection": row.connection,
        "received_at": row.received_at,
        "reason": row.why,
        "findings": row.findings,
        "method": row.method,
        "url": row.url,
        "headers": dict(row.headers),
        "body": row.body[:2000].decode("utf-8", "replace"),
        "size": len(row.body),
    }
