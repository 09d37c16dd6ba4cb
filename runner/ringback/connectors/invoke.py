"""Performs an action: in Python, or by the request that its manifest declares."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from ringback import sdk
from ringback.connectors import loading, request, response, values, verify
from ringback.connectors.manifest import STATUSES, Action, Manifest
from ringback.connectors.response import SendResult
from ringback.connectors.transport import Call, Sender
from ringback.masks import Masks
from ringback.problems import Failure

__all__ = ["MAX_REDIRECTS", "SendResult", "call_out", "perform", "send_sms"]

MAX_REDIRECTS = 5
SEND = "sms.send"


def perform(
    action: Action, inputs: Mapping[str, Any], context: sdk.Context, transport: Sender
) -> dict[str, Any]:
    """The outputs of an action with prepared inputs. Raises `Failure`; no secret of the connection is in it."""
    try:
        if action.python is not None:
            return _checked(action, loading.function(action)(dict(inputs), context))
        return _by_request(action, inputs, context, transport)
    except Failure as failed:
        raise _masked(failed, action.connector, context.settings) from failed.__cause__


def _by_request(
    action: Action, inputs: Mapping[str, Any], context: sdk.Context, transport: Sender
) -> dict[str, Any]:
    if action.request is None or action.response is None:
        raise Failure(
            "internal", f"{action.full} is the engine's own and cannot be performed here."
        )
    scope = {
        "settings": values.with_defaults(action.connector.settings, context.settings),
        "inputs": inputs,
        "message": request.message_scope(inputs),
        "context": {"idempotency_key": context.idempotency_key},
    }
    answer = transport.send(request.build(action.request, scope))
    return response.outputs(action.response, answer, action.connector.name)


def _checked(action: Action, result: Any) -> dict[str, Any]:
    if not isinstance(result, dict):
        raise Failure("internal", f"{action.full} gave back a {type(result).__name__}, not a dict.")
    return result


def send_sms(
    manifest: Manifest,
    settings: Mapping[str, Any],
    message: Mapping[str, Any],
    transport: Sender,
    *,
    callback_url: str = "",
    idempotency_key: str = "",
    context: sdk.Context | None = None,
) -> SendResult:
    """Send one message (`to`, `text`, and `id`, `sender`, `reference` where they are known) through a gateway.

    `callback_url` is the connection's address without its token, which is added here. `context` is for
    gateways whose send is Python. Raises the `Failure` of the manifest's error table, or of
    the transport; no secret of the settings is in it.
    """
    action = manifest.implementing(SEND)
    if action is None:
        raise Failure("invalid_input", f"{manifest.name} cannot send SMS.")
    complete = values.with_defaults(manifest.settings, settings)
    try:
        if action.python is not None:
            return _sent_by_python(action, message, context)
        scope = {
            "settings": complete,
            "message": request.message_scope(message),
            "context": {"idempotency_key": idempotency_key},
            "callback_url": verify.with_token(manifest, complete, callback_url)
            if callback_url
            else "",
        }
        assert action.request is not None
        assert action.response is not None
        answer = transport.send(request.build(action.request, scope))
        return response.sent(action.response, answer, manifest.name)
    except Failure as failed:
        raise _masked(failed, manifest, complete) from failed.__cause__


def _sent_by_python(
    action: Action, message: Mapping[str, Any], context: sdk.Context | None
) -> SendResult:
    if context is None:
        raise Failure("internal", f"{action.full} is Python and was given no context.")
    said = _checked(action, loading.function(action)(dict(message), context))
    status = str(said.get("status") or "accepted")
    return SendResult(
        gateway_id=None if said.get("id") is None else str(said["id"]),
        status=status if status in STATUSES else "unknown",
        raw=said,
        cost=None if said.get("cost") is None else str(said["cost"]),
        segments=said.get("segments"),
    )


def _masked(failed: Failure, connector: Manifest, settings: Mapping[str, Any]) -> Failure:
    masks = Masks(values.secret_values(connector.settings, settings))
    return replace(
        failed,
        message=masks.text(failed.message),
        next=masks.text(failed.next),
        detail=masks.value(failed.detail),
    )


def call_out(
    transport: Sender,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    form: Mapping[str, Any] | None = None,
    body: bytes | str | None = None,
    timeout_ms: int | None = None,
    allow_redirects: bool = True,
    allow_private: Sequence[str] = (),
) -> sdk.Reply:
    """What `sdk.Context.call` does: a guarded call, redirects followed and guarded too."""
    if params:
        url = f"{url}{'&' if '?' in url else '?'}{urlencode(_plain(params), True, quote_via=quote)}"
    sent = dict(headers or {})
    named = {name.lower() for name in sent}
    content, kind = _content(json, form, body)
    if kind and "content-type" not in named:
        sent["Content-Type"] = kind
    for name, value in sent.items():
        if not (name + value).isprintable():
            raise Failure("invalid_input", f"The header {name} would hold more than one line.")
    call = Call(
        method.upper(),
        url,
        sent,
        content,
        timeout_s=(timeout_ms or 30_000) / 1000,
        guard=True,
        allow_private=tuple(allow_private),
        redirects=MAX_REDIRECTS if allow_redirects else 0,
    )
    answer = transport.send(call)
    return sdk.Reply(answer.status, answer.headers, answer.body, answer.url)


def _content(
    json: Any, form: Mapping[str, Any] | None, body: bytes | str | None
) -> tuple[bytes | None, str]:
    if json is not None:
        return jsonlib.dumps(json, ensure_ascii=False).encode(), "application/json"
    if form is not None:
        said = urlencode(_plain(form), True).encode()
        return said, "application/x-www-form-urlencoded"
    return (body.encode() if isinstance(body, str) else body), ""


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    def one(value: Any) -> Any:
        if isinstance(value, bool):
            return "true" if value else "false"
        return [one(inner) for inner in value] if isinstance(value, list | tuple) else value

    return {str(name): one(value) for name, value in given.items() if value is not None}
