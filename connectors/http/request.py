"""http.request: one HTTP call, its answer read as JSON or text."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ringback.sdk import Context, Failure, Reply

BODIES = ("json", "form", "body", "file")

# What a status that was not expected means: failure code, and what an operator can do about it.
MEANINGS: dict[int, tuple[str, str]] = {
    400: ("refused", "Compare what the step sends with what the other side expects."),
    401: ("unauthorized", "Check the token or password in `auth`."),
    403: ("unauthorized", "Check the token or password in `auth`, and what it is allowed to do."),
    404: ("not_found", "Check the address. If 404 is a fine answer here, add it to `expect`."),
    408: ("throttled", "The other side gave up waiting; trying again may help."),
    425: ("throttled", "The other side is not ready yet; trying again may help."),
    429: ("throttled", "The other side asks us to slow down."),
}


def request(inputs: dict[str, Any], context: Context) -> dict[str, Any]:
    """Make the call; return `status`, `headers`, `body`, `ok`, and `file` where `save_as` is given.

    Raises `Failure` for a status that is not expected, and as `Context.call` does.
    """
    given = [name for name in BODIES if inputs.get(name) is not None]
    if len(given) > 1:
        raise Failure(
            "invalid_input",
            f"A request has one body, and this step gives {' and '.join(given)}.",
            "Keep one of them.",
        )
    reply = context.call(
        inputs.get("method") or "GET",
        inputs["url"],
        headers=_headers(inputs),
        params=inputs.get("query"),
        json=inputs.get("json"),
        form=inputs.get("form"),
        body=context.path(inputs["file"]).read_bytes() if "file" in given else inputs.get("body"),
        timeout_ms=inputs.get("timeout"),
    )
    _check(reply, inputs, context)
    output: dict[str, Any] = {
        "status": reply.status,
        "headers": dict(reply.headers),
        "ok": 200 <= reply.status < 300,
    }
    if inputs.get("save_as"):
        output["file"] = context.save(inputs["save_as"], reply.body, reply.media_type)
        output["body"] = None
    else:
        output["body"] = _read(reply)
    return output


def _headers(inputs: dict[str, Any]) -> dict[str, str]:
    headers = {name: str(value) for name, value in (inputs.get("headers") or {}).items()}
    named = {name.lower() for name in headers}
    if inputs.get("file") is not None and "content-type" not in named:
        headers["Content-Type"] = inputs["file"]["media_type"]
    if inputs.get("idempotency_key"):
        headers["Idempotency-Key"] = inputs["idempotency_key"]
    auth = inputs.get("auth") or {}
    if auth.get("bearer"):
        headers["Authorization"] = f"Bearer {auth['bearer']}"
    elif auth.get("username") is not None:
        pair = f"{auth['username']}:{auth.get('password') or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _check(reply: Reply, inputs: dict[str, Any], context: Context) -> None:
    expected = inputs.get("expect")
    if reply.status in expected if expected else 200 <= reply.status < 300:
        return
    code, advice = MEANINGS.get(reply.status, ("refused", "Look at the answer in the run's story."))
    if reply.status >= 500:
        code, advice = "server_error", "The fault is on the other side; trying again may help."
    said = " ".join(reply.text[:300].split())
    raise Failure(
        code,
        f"{inputs['url']} answered {reply.status}" + (f": {said}" if said else "."),
        advice,
        retry_after=_retry_after(reply.headers.get("retry-after"), context.now()),
        detail={"status": reply.status},
    )


def _retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, which says seconds or a date (RFC 9110, 10.2.3)."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _read(reply: Reply) -> Any:
    kind = reply.media_type
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return reply.json()
        except ValueError:
            return reply.text
    return reply.text
