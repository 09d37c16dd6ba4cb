"""Performs an action: in Python, or by the request that its manifest declares."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from ringback import sdk
from ringback.connectors import loading, references, request, response, values, verify
from ringback.connectors.callbacks import Report, with_query
from ringback.connectors.fieldpaths import as_list
from ringback.connectors.manifest import STATUSES, Action, Manifest
from ringback.connectors.response import SendResult
from ringback.connectors.transport import Answer, Call, Sender
from ringback.masks import Masks
from ringback.problems import Failure

__all__ = [
    "MAX_REDIRECTS", "SendResult", "ask_status", "call_out", "confirm", "perform", "send_sms",
]  # fmt: skip

MAX_REDIRECTS = 5
SEND = "sms.send"
STATUS = "sms.status"
ACCOUNT = "account.check"
"""The role of an action that asks after the account: it costs nothing and changes nothing."""
OWN_ID = "message"
"""The query parameter of a callback address that carries our own id of the message."""
SENDER = "sender"
"""The setting of a connection from which its messages go where a step names no sender."""


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
    call = request.signed(request.build(action.request, scope), action, scope["settings"], context)
    answer = transport.send(call)
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
    if complete.get(SENDER) and not message.get(SENDER):
        message = {**message, SENDER: complete[SENDER]}
    try:
        if action.python is not None:
            return _sent_by_python(action, message, context)
        scope = {
            "settings": complete,
            "message": request.message_scope(message),
            "context": {"idempotency_key": idempotency_key},
            "callback_url": _callback_url(manifest, complete, message, callback_url),
        }
        answer = _answered(action, scope, context, transport)
        assert action.response is not None
        return response.sent(action.response, answer, manifest.name)
    except Failure as failed:
        raise _masked(failed, manifest, complete) from failed.__cause__


def ask_status(
    manifest: Manifest,
    settings: Mapping[str, Any],
    message: Mapping[str, Any],
    transport: Sender,
    *,
    context: sdk.Context | None = None,
) -> Report | None:
    """Ask a gateway what became of a message (`gateway_id`, and `id`, `to` where they are known).

    None where the gateway cannot be asked, or not about this message since it gave no id; one that is asked by our own
    id (`asks_by_own_id`) needs none. Raises `Failure` as
    `send_sms` does; nothing was changed by a question.
    """
    action = manifest.implementing(STATUS)
    gateway_id = message.get("gateway_id")
    if asks_by_own_id(manifest):  # the gateway's id is the one that it was given
        gateway_id = gateway_id or message.get("id")
        message = {**message, "id": gateway_id}
    if action is None or action.request is None or not gateway_id:
        return None
    complete = values.with_defaults(manifest.settings, settings)
    scope = {"settings": complete, "message": request.message_scope(message), "context": {}}
    try:
        answer = _answered(action, scope, context, transport)
        assert action.response is not None
        return response.status(action.response, answer, manifest.name, str(gateway_id))
    except Failure as failed:
        raise _masked(failed, manifest, complete) from failed.__cause__


def ask_account(
    manifest: Manifest, settings: Mapping[str, Any], transport: Sender
) -> dict[str, Any]:
    """What a service says of the connection's account, by its action of the role ACCOUNT.

    Raises `Failure` as `send_sms` does; `unauthorized` where it does not take the credentials.
    """
    action = manifest.implementing(ACCOUNT)
    if action is None or action.request is None or action.response is None:
        raise Failure("invalid_input", f"{manifest.name} cannot be asked about its account.")
    complete = values.with_defaults(manifest.settings, settings)
    try:
        scope = {"settings": complete, "inputs": {}, "message": {}, "context": {}}
        answer = _answered(action, scope, None, transport)
        return response.outputs(action.response, answer, manifest.name)
    except Failure as failed:
        raise _masked(failed, manifest, complete) from failed.__cause__


def asks_by_own_id(manifest: Manifest) -> bool:
    """Whether a gateway is asked after a message by the id that we gave it, so that it can be without having answered."""
    action = manifest.implementing(STATUS)
    if action is None or action.request is None:
        return False
    asked = action.request
    written = [asked.url, asked.query, asked.headers, asked.json, asked.form, asked.body]
    named = {
        ".".join(name)
        for _, text in references.texts(written, ())
        for name in references.names(text)
    }
    return "message.id" in named and "message.gateway_id" not in named


def _answered(
    action: Action, scope: Mapping[str, Any], context: sdk.Context | None, transport: Sender
) -> Answer:
    assert action.request is not None
    return transport.send(
        request.signed(request.build(action.request, scope), action, scope["settings"], context)
    )


def _callback_url(
    manifest: Manifest, settings: Mapping[str, Any], message: Mapping[str, Any], address: str
) -> str:
    """The address with its token, and with our own id where the manifest's reports read it from there."""
    if not address:
        return ""
    full = verify.with_token(manifest, settings, address)
    own = message.get("id") or message.get("reference")
    return with_query(full, **{OWN_ID: str(own)}) if own and _tells_own_id(manifest) else full


@lru_cache(maxsize=256)
def _tells_own_id(manifest: Manifest) -> bool:
    return any(
        path.source in ("query", "params") and path.parts == (OWN_ID,)
        for spec in (manifest.callbacks.report if manifest.callbacks else ())
        for path in (spec.reference.paths if spec.reference else ())
    )


def confirm(url: str, transport: Sender) -> None:
    """Confirm a handshake: one guarded GET to an address that a verified callback named.

    Raises `Failure` of the transport, or `refused` where the answer is not 2xx.
    """
    reply = call_out(transport, "GET", url, allow_redirects=False)
    if not 200 <= reply.status < 300:
        raise Failure(
            "server_error" if reply.status >= 500 else "refused",
            f"The address that the gateway named to confirm ours answered {reply.status}.",
            "Ask the gateway to send its confirmation once more.",
        )


def _sent_by_python(
    action: Action, message: Mapping[str, Any], context: sdk.Context | None
) -> SendResult:
    if context is None:
        raise Failure("internal", f"{action.full} is Python and was given no context.")
    said = _checked(action, loading.function(action)(dict(message), context))
    status = str(said.get("status") or "accepted")
    ids = tuple(str(one) for one in as_list(said.get("id")))
    return SendResult(
        gateway_id=ids[0] if ids else None,
        status=status if status in STATUSES else "unknown",
        raw=said,
        cost=None if said.get("cost") is None else str(said["cost"]),
        segments=said.get("segments"),
        gateway_ids=ids,
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
    tell_trace: bool = False,
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
        tell_trace=tell_trace,
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
