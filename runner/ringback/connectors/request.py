"""Turns a manifest's declarative request into a call."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import phonenumbers

from ringback import sdk
from ringback.connectors import loading, references
from ringback.connectors.manifest import Action, Request
from ringback.connectors.transport import Call
from ringback.problems import Failure

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def build(request: Request, scope: Mapping[str, Any]) -> Call:
    """The call that a request makes of a scope (`settings`, `message`, `inputs`, `context`, `callback_url`).

    A call whose address an input decides is guarded. Raises `Failure("invalid_input")` where a header's
    value would break out of its line.
    """
    url = _url(request.url, scope)
    if request.query and (query := references.fill(request.query, scope)):
        url = f"{url}{'&' if '?' in url else '?'}{_encoded(query)}"
    headers = {"Accept": "application/json"}
    if request.headers:
        headers.update(_texts(references.fill(request.headers, scope)))
    headers.update(auth_headers(request.auth, scope))
    kind, body = _body(request, scope)
    if kind:
        headers.setdefault("Content-Type", kind)
    _check_headers(headers)
    return Call(
        request.method,
        url,
        headers,
        body,
        timeout_s=request.timeout_ms / 1000,
        guard="inputs." in request.url,
    )


class _Message(dict[str, Any]):
    """A message as requests read it; what costs time is made when it is asked for."""

    def get(self, name: str, default: Any = None) -> Any:
        if name == "to_national":
            return national(str(super().get("to") or ""))
        return super().get(name, default)


def message_scope(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a request reads as `message.…`: the message, its numbers in other forms, and how its text is coded."""
    wide = message.get("encoding") == "UCS-2"
    return _Message(
        message,
        to_digits=str(message.get("to") or "").removeprefix("+"),
        sender_digits=str(message.get("sender") or "").removeprefix("+"),
        coding=2 if wide else 0,
        unicode="unicode" if wide else "text",
    )


def national(number: str) -> str:
    """A number as it is dialled at home, digits only; what is no E.164 number as it is."""
    try:
        read = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    said = phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(filter(str.isdigit, said))


def signed(
    call: Call, action: Action, settings: Mapping[str, Any], context: sdk.Context | None
) -> Call:
    """The call with the headers of the connector's own file, where `auth` names one (`python: sign`).

    `settings` are the connection's, with defaults. Raises `Failure("internal")` where there is no context to run it in.
    """
    name = action.request.auth.get("python") if action.request else None
    if name is None:
        return call
    if context is None:
        raise Failure("internal", f"{action.full} signs in Python and was given no context.")
    said = {
        "method": call.method,
        "url": call.url,
        "headers": dict(call.headers),
        "body": call.body or b"",
        "settings": settings,
    }
    given = loading.named(action.connector, name)(said, context)
    headers = {**call.headers, **{name: str(value) for name, value in given.items()}}
    _check_headers(headers)
    return replace(call, headers=headers)


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not (name + value).isprintable():
            raise Failure("invalid_input", f"The header {name} would hold more than one line.")


def _url(url: str, scope: Mapping[str, Any]) -> str:
    return references.text(url, scope, _in_address)


def _in_address(name: references.Name, value: Any) -> str:
    """Settings stand as they are (an address has slashes); everything else is one piece of the path."""
    if value is None:
        return ""
    return str(value) if name[0] == "settings" else quote(str(value), safe="")


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _written(value) for name, value in values.items()}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return _JSON.encode(value)
    return str(value)


def _encoded(values: Mapping[str, Any], *, form: bool = False) -> str:
    pairs = [
        (name, _written(one))
        for name, value in values.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    return urlencode(pairs, quote_via=quote_plus if form else quote)


def auth_headers(written: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers of an `auth` block; none of its `python`, which signs a whole request."""
    auth = references.fill(written, scope) if written else {}
    if auth.get("bearer"):
        return {"Authorization": f"Bearer {auth['bearer']}"}
    if "basic" in auth:
        pair = f"{auth['basic'].get('username', '')}:{auth['basic'].get('password', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    if "header" in auth:
        return {auth["header"]["name"]: str(auth["header"].get("value", ""))}
    return {}


def _body(request: Request, scope: Mapping[str, Any]) -> tuple[str, bytes | None]:
    if request.json is not None:
        filled = references.fill(request.json, scope)
        return "application/json", _JSON.encode(filled).encode()
    if request.form is not None:
        filled = references.fill(request.form, scope)
        return "application/x-www-form-urlencoded", _encoded(filled, form=True).encode()
    if request.body is not None:
        filled = references.fill(request.body, scope)
        return "text/plain; charset=utf-8", _written("" if filled is None else filled).encode()
    return "", None
