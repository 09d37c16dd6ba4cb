"""What a webhook's sender is answered: a receipt at once, or what the run made of it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ringback import expressions
from ringback.engine import scope
from ringback.engine.accept import Receipt, wait_finished
from ringback.engine.runtime import Runtime
from ringback.journal import runs
from ringback.problems import Failure
from ringback.web.hookspec import Hook

_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)


class Answer(NamedTuple):
    """What goes back to the sender."""

    status: int
    body: bytes
    content_type: str = "application/json"


def respond(runtime: Runtime, hook: Hook, receipt: Receipt) -> Answer:
    """The answer to a webhook that is on disk.

    `result` waits for the run as long as the hook says; a run that is not done then, or that did not
    succeed, is answered 202 with the receipt and how it stands: an error status would make senders try
    again, and text somebody twice.
    """
    shown = show_receipt(runtime, receipt)
    if hook.respond.mode != "result":
        return _json(shown, 202)
    if not receipt.run_id or not wait_finished(runtime, receipt.run_id, hook.respond.within_ms):
        return _json(shown, 202)
    with runtime.journal.read() as connection:
        run = runs.get_run(connection, receipt.run_id)
    if run is None:
        return _json(shown, 202)
    shown["state"] = run.state
    if run.state not in ("succeeded", "stopped"):
        shown["error"] = runtime.masks.value(run.error)
        return _json(shown, 202)
    if hook.respond.body is None:
        return _json({**shown, "result": runtime.masks.value(run.result)}, hook.respond.status)
    try:
        made = expressions.render(hook.respond.body, scope.of_run(runtime, receipt.run_id))
    except Failure as failure:
        shown["error"] = runtime.masks.value(failure.as_json())
        return _json(shown, 202)
    return _rendered(runtime, hook, made)


def show_receipt(runtime: Runtime, receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON: the run, the event, whether it was seen before, and where to look."""
    return {
        "run": receipt.run_id,
        "event": receipt.event_id,
        "duplicate": receipt.duplicate,
        "status_url": f"{runtime.settings.public_url}/api/v1/runs/{receipt.run_id}",
    }


def _rendered(runtime: Runtime, hook: Hook, made: Any) -> Answer:
    respond_with = hook.respond
    if isinstance(made, str):
        kind = respond_with.content_type or "text/plain; charset=utf-8"
        return Answer(respond_with.status, runtime.masks.text(made).encode(), kind)
    answer = _json(runtime.masks.value(made), respond_with.status)
    if respond_with.content_type:
        return answer._replace(content_type=respond_with.content_type)
    return answer


def _json(value: Any, status: int) -> Answer:
    return Answer(status, f"{_ENCODER.encode(value)}\n".encode())
