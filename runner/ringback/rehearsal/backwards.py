"""A manifest's `send` read from the gateway's side: which call is one, what it asks for, how it is answered."""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ringback.connectors import references
from ringback.connectors.fieldpaths import EVERY, FieldPath, Pick, parse, put, read
from ringback.connectors.manifest import Action, ErrorRow, Request, Response
from ringback.connectors.transport import Answer, Call
from ringback.rehearsal import recorded
from ringback.rehearsal.likeness import nearest, text_like

_ORIGIN = re.compile(r"^(\{\{\s*settings\.[A-Za-z0-9_-]+\s*\}\}|https?://[^/{]+)")
_REFERENCE = re.compile(r"\{\{\s*([a-z_]+(?:\.[A-Za-z0-9_-]+)*)\s*\}\}")
_RETRY_AFTER = "headers.retry-after"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a send asked for. `callback_url` is the address given for reports, if the gateway takes one."""

    to: str
    text: str = ""
    sender: str = ""
    reference: str = ""
    callback_url: str = ""
    idempotency_key: str = ""
    id: str = ""
    """The sender's own id of the message, where the gateway takes one."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A call to the right address that cannot be taken: the HTTP status and why."""

    status: int
    reason: str


def asked(action: Action, settings: Mapping[str, Any], call: Call) -> Asked | Wrong | None:
    """Read a call as the action's send; None when it is a call to something else.

    Only method and path decide whether it is one, so that a stand-in at any address can take it; then
    credentials are compared where the settings have them.
    """
    if action.request is None or call.method.upper() != action.request.method.upper():
        return None
    request = _with_names(action.request, settings)
    address = urlsplit(call.url)
    found: dict[str, Any] = {}
    template, _, wanted_query = without_origin(request.url).partition("?")
    at_path = re.search(f"{_pattern(template)}$", address.path)
    if at_path is None:
        return None
    for name, value in at_path.groupdict().items():
        found[name.replace("__", ".")] = unquote(value)
    query = dict(parse_qsl(address.query, keep_blank_values=True))
    if not authorised(request.auth, settings, call):
        return Wrong(401, "The credentials are not the ones of this connection.")
    _collect(dict(parse_qsl(wanted_query)), query, found)
    _collect(request.query, query, found)
    _collect(request.headers, {key.lower(): value for key, value in call.headers.items()}, found)
    fault = _read_body(request, call, found)
    if fault:
        return Wrong(400, fault)
    if not _same_settings(found, settings):
        return Wrong(401, "The credentials are not the ones of this connection.")
    to = (
        found.get("message.to")
        or found.get("message.to_digits")
        or found.get("message.to_national")
    )
    if isinstance(to, list):
        to = to[0] if to else None
    if not to:
        return Wrong(400, "There is no number to send to.")
    if "message.to_digits" in found:
        to = f"+{to}"
    return Asked(
        to=str(to),
        text=str(found.get("message.text", "")),
        sender=str(found.get("message.sender", found.get("message.sender_digits", ""))),
        reference=str(found.get("message.reference") or found.get("message.id") or ""),
        callback_url=str(found.get("callback_url", "")),
        idempotency_key=str(found.get("context.idempotency_key", "")),
        id=str(found.get("message.id") or ""),
    )


def without_origin(url: str) -> str:
    """A manifest's address from its path on: a stand-in may be anywhere."""
    return _ORIGIN.sub("", url, count=1)


def _with_names(request: Request, settings: Mapping[str, Any]) -> Request:
    """The request with its keys as the settings name them; what they stand for is still to be read."""

    def named(value: Any) -> Any:
        if isinstance(value, Mapping):
            keyed = references.named(value, {"settings": settings})
            return {key: named(inner) for key, inner in keyed.items()}
        return [named(one) for one in value] if isinstance(value, list) else value

    return replace(
        request,
        query=named(request.query),
        headers=named(request.headers),
        json=named(request.json),
        form=named(request.form),
    )


def _read_body(request: Request, call: Call, found: dict[str, Any]) -> str:
    """Gather what the body holds into `found`; a sentence when it is not what the manifest sends."""
    text = (call.body or b"").decode("utf-8", "replace")
    if request.json is not None:
        try:
            _collect(request.json, json.loads(text), found)
        except ValueError:
            return "The body is not JSON."
    elif request.form is not None:
        _collect(request.form, dict(parse_qsl(text, keep_blank_values=True)), found)
    elif request.body is not None:
        _collect(request.body, text, found)
    return ""


def _collect(template: Any, value: Any, found: dict[str, Any]) -> None:
    """Walk a template beside the value that was made of it, and note what each reference stood for."""
    if isinstance(template, str):
        whole = _REFERENCE.fullmatch(template.strip())
        if whole:
            if value is not None or whole[1].startswith("settings."):
                found.setdefault(whole[1], value)
        elif isinstance(value, str) and "{{" in template:
            match = re.fullmatch(_pattern(template), value, re.DOTALL)
            for name, part in (match.groupdict() if match else {}).items():
                found.setdefault(name.replace("__", "."), part)
    elif isinstance(template, Mapping) and isinstance(value, Mapping):
        for key, inner in template.items():
            _collect(inner, value.get(key, value.get(str(key).lower())), found)
    elif isinstance(template, list) and isinstance(value, list):
        for inner, one in zip(template, value, strict=False):
            _collect(inner, one, found)


def _pattern(template: str) -> str:
    """A pattern of the texts that a template can become; each reference is a group, `a.b` named `a__b`."""
    parts: list[str] = []
    seen: set[str] = set()
    at = 0
    for reference in _REFERENCE.finditer(template):
        parts.append(re.escape(template[at : reference.start()]))
        name = reference[1].replace(".", "__").replace("-", "_")
        parts.append("(?:.+?)" if name in seen else f"(?P<{name}>.+?)")
        seen.add(name)
        at = reference.end()
    return "".join([*parts, re.escape(template[at:])])


def authorised(auth: Mapping[str, Any], settings: Mapping[str, Any], call: Call) -> bool:
    """Whether the credentials of a call are those that `auth` says; where the settings hold none, any will do."""
    filled = references.fill(dict(auth), {"settings": settings}) or {}
    headers = {key.lower(): value for key, value in call.headers.items()}
    given = headers.get("authorization", "")
    if "bearer" in filled:
        return given == f"Bearer {filled['bearer']}"
    if "password" in filled.get("basic", {}):
        basic = filled["basic"]
        pair = f"{basic.get('username', '')}:{basic['password']}".encode()
        return given == f"Basic {base64.b64encode(pair).decode()}"
    if "value" in filled.get("header", {}):
        return headers.get(str(filled["header"]["name"]).lower()) == str(filled["header"]["value"])
    return True


def _same_settings(found: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether what stands in a call for settings (a token in the query, say) is what this connection has."""
    for name, value in found.items():
        scope, _, key = name.partition(".")
        if scope == "settings" and settings.get(key) and str(value) != str(settings[key]):
            return False
    return True


def accept(action: Action, ids: Sequence[str | int]) -> Answer:
    """The answer by which the gateway takes a message, made of the recorded one where there is one.

    `ids` are those of its parts, where the gateway names each of them, else it is one.
    """
    response = action.response or Response()
    example = recorded.accepted(action.connector)
    if example is None:
        sources: dict[str, Any] = {"body": {}, "headers": {}}
        _make_hold(response, sources)
        _write_ids(response, sources, ids)
        return answer(200, sources["body"], sources["headers"])
    taken, old = example
    status, headers, body = taken.get("status", 200), taken.get("headers", {}), taken.get("body")
    if isinstance(body, str):
        return answer(status, body.replace(str(old), str(ids[0])), headers)
    sources = {"body": copy.deepcopy(body), "headers": dict(headers), "status": status}
    _write_ids(response, sources, ids)
    return answer(status, sources["body"], sources["headers"])


def _write_ids(response: Response, sources: dict[str, Any], ids: Sequence[str | int]) -> None:
    if response.id is None:
        return
    path = present_path(response.id, sources)
    if EVERY not in path.parts:
        several = isinstance(read(path, sources), list)
        put(path, sources, list(ids) if several else ids[0])
    else:
        at = path.parts.index(EVERY)
        entries = FieldPath("", path.source, path.parts[:at])
        first = (read(entries, sources) or [{}])[0]
        put(entries, sources, [copy.deepcopy(first) for _ in ids])
        for number, one in enumerate(ids):
            put(
                FieldPath("", path.source, (*path.parts[:at], number, *path.parts[at + 1 :])),
                sources,
                one,
            )
    if len(ids) > 1 and response.segments is not None:
        put(present_path(response.segments, sources), sources, str(len(ids)))


def asked_after(action: Action, call: Call) -> str | None:
    """The gateway's id of the message that a call asks after; None when it is a call to something else."""
    request = action.request
    if request is None or call.method.upper() != request.method.upper():
        return None
    address = urlsplit(call.url)
    template, _, wanted_query = without_origin(request.url).partition("?")
    at_path = re.search(f"{_pattern(template)}$", address.path)
    if at_path is None:
        return None
    found: dict[str, Any] = {
        key.replace("__", "."): unquote(one) for key, one in at_path.groupdict().items()
    }
    query = dict(parse_qsl(address.query, keep_blank_values=True))
    _collect(dict(parse_qsl(wanted_query)), query, found)
    _collect(request.query, query, found)
    _read_body(request, call, found)
    asked_id = found.get("message.gateway_id", found.get("message.id"))
    return None if asked_id is None else str(asked_id)


def tell(action: Action, gateway_id: str, status: str) -> Answer:
    """The answer to a question after a message, made of the recorded one where there is one."""
    response = action.response or Response()
    status = nearest(set(response.statuses.values()), status)
    example = recorded.told(action.connector, status)
    sources: dict[str, Any] = {"body": {}, "headers": {}}
    if example is not None:
        sources = {
            "body": copy.deepcopy(example.get("body")),
            "headers": dict(example.get("headers", {})),
        }
    else:
        _make_hold(response, sources)
    word = response.status.read(sources) if response.status else None
    if response.statuses.get(str(word).strip().casefold()) != status:
        word = next((word for word, known in response.statuses.items() if known == status), status)
    for pick, value in ((response.id, gateway_id), (response.status, word)):
        if pick is not None:
            put(present_path(pick, sources), sources, value)
    return answer(200, sources["body"], sources["headers"])


def refuse(
    action: Action, code: str, status: int, reason: str, retry_after_s: int | None = None
) -> Answer:
    """The answer by which the gateway refuses for the failure `code`: a recorded one, else by the manifest's row.

    Without either it is the bare HTTP `status` and the reason, as the gateway has no word of its own.
    """
    response = action.response or Response()
    row = next((one for one in response.errors if one.code == code), None)
    example = recorded.refused(action.connector, code)
    sources: dict[str, Any] = {"body": {}, "headers": {}}
    if example is not None:
        sources = {
            "body": copy.deepcopy(example.get("body")),
            "headers": {k: v for k, v in dict(example.get("headers") or {}).items() if k.lower() != "retry-after"},
        }  # fmt: skip
        status = example.get("status", 200)
    else:
        if response.reason is not None:
            put(response.reason.paths[0], sources, reason)
        if row is not None:
            _make_fit(row, sources)
            status = min(row.http) if row.http else status
    if retry_after_s is not None:
        put(parse(_RETRY_AFTER), sources, str(retry_after_s))
        if response.retry_after is not None:
            put(present_path(response.retry_after, sources), sources, retry_after_s)
    return answer(
        status, sources["body"] or sources.get("text") or {"error": reason}, sources["headers"]
    )


def _make_fit(row: ErrorRow, sources: dict[str, Any]) -> None:
    for group in row.when.groups[:1]:
        for condition in group:
            if condition.pattern is not None:
                put(condition.path, sources, text_like(condition.pattern))
            elif condition.presence is not False:
                put(condition.path, sources, condition.wanted[0] if condition.wanted else "yes")


def _make_hold(response: Response, sources: dict[str, Any]) -> None:
    for group in response.ok.groups[:1]:
        for condition in group:
            if condition.presence is not False:
                put(condition.path, sources, condition.wanted[0] if condition.wanted else "yes")


def answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """An `Answer` with a body of text, or of anything else as JSON."""
    named = {key.lower(): str(value) for key, value in (headers or {}).items()}
    if isinstance(body, str):
        content = body.encode()
        named.setdefault("content-type", "text/plain; charset=utf-8")
    else:
        content = json.dumps(body, ensure_ascii=False).encode()
        named.setdefault("content-type", "application/json")
    return Answer(status=status, headers=named, body=content, url="")


def present_path(pick: Pick, sources: Mapping[str, Any]) -> FieldPath:
    """The alternative that counts in these sources, else the first of them."""
    for path in pick.paths:
        if read(path, sources) not in (None, "", []):
            return path
    return pick.paths[0]
