"""The API's operations on everything about one number. The number goes in the body, so that no access log keeps it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any

from ringback.engine import privacy, privacy_export
from ringback.engine.runtime import Runtime
from ringback.problems import Failure
from ringback.web.errors import Refusal
from ringback.web.operations import BASE, Asked

_CHUNK = 64 * 1024
_IN_MEMORY = 1 << 20


def find(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /privacy/find`."""
    thorough = bool(asked.body.get("thorough"))
    found = privacy.find(runtime, asked.body["number"], thorough=thorough)
    named = privacy.files_naming(runtime, found.spelled) if thorough else []
    return privacy.summary(found, named), 200


def export(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /privacy/export`."""
    found = privacy.find(runtime, asked.body["number"], thorough=bool(asked.body.get("thorough")))
    kept = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  closed when it has been sent
    counts = privacy_export.export(runtime, found, kept)  # type: ignore[arg-type]
    privacy.note(runtime, asked.caller.actor, "number.exported", found, {"counts": counts})
    kept.seek(0)
    return _chunks(kept), 200


def erase(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /privacy/erase`."""
    body = asked.body
    try:
        made = privacy.erase(
            runtime,
            body["number"],
            asked.caller.actor,
            keep_optout=body.get("keep_optout", True),
            cancel=body.get("cancel", False),
            thorough=body.get("thorough", False),
        )
    except Failure as failure:
        if failure.code != "refused":
            raise
        raise Refusal(409, "unfinished", failure.message, failure.next, f"{BASE}/privacy/erase") from failure  # fmt: skip
    return made.as_json(), 200


def _chunks(kept: IO[bytes]) -> Iterator[bytes]:
    with kept:
        while chunk := kept.read(_CHUNK):
            yield chunk
