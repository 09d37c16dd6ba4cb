"""What a gateway's callback says, in our words: delivery reports, incoming messages, pings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ringback.connectors import timestamps
from ringback.connectors.fieldpaths import Pick
from ringback.connectors.incoming import IncomingRequest, incoming, with_query
from ringback.connectors.manifest import Callbacks, InboundSpec, Manifest, ReportSpec

__all__ = [
    "Inbound", "IncomingRequest", "Ping", "Report", "incoming", "read", "reply", "with_query",
]  # fmt: skip

_TRUE = frozenset({"true", "1", "yes"})


@dataclass(frozen=True)
class Report:
    """One delivery report. `status` is one of `manifest.STATUSES`, `raw_status` the gateway's own word.

    `key` is the same for two copies of one report, and for no other report of this connection.
    """

    gateway_id: str | None
    reference: str | None
    status: str
    raw_status: str
    number: str | None
    at_ms: int | None
    error_code: str | None
    detail: str | None
    refunded: bool | None
    raw: Any
    key: str


@dataclass(frozen=True)
class Inbound:
    """One incoming message. `key` is the same for two copies of it."""

    message_id: str | None
    number_from: str
    number_to: str | None
    text: str
    at_ms: int | None
    raw: Any
    key: str


@dataclass(frozen=True)
class Ping:
    """A callback that says nothing of a message; `known` when the manifest names it, else it fits no shape."""

    raw: Any
    known: bool = True


def read(
    manifest: Manifest, settings: Mapping[str, Any], request: IncomingRequest
) -> list[Report | Inbound | Ping]:
    """What a verified callback says, in its order; never empty.

    What fits no shape of the manifest is a `Ping` that is not `known`: keep it, and answer it like any
    other. Raises `Failure("invalid_input")` only where the body is not what its content type says.
    """
    del settings  # no gateway's shapes depend on them so far; the doors need not know that
    callbacks = manifest.callbacks
    sources = request.sources
    if callbacks is None:
        return [Ping(_raw(sources), known=False)]
    if callbacks.ping is not None and callbacks.ping.holds(sources):
        return [Ping(_raw(sources))]
    return _messages(callbacks, sources) or [Ping(_raw(sources), known=False)]


def _messages(callbacks: Callbacks, sources: Mapping[str, Any]) -> list[Report | Inbound | Ping]:
    for report in callbacks.report:
        found = [_report(report, one) for one in _entries(report.when, report.each, sources)]
        if found:
            return list(found)
    for inbound in callbacks.inbound:
        texts = [_inbound(inbound, one) for one in _entries(inbound.when, inbound.each, sources)]
        if texts:
            return list(texts)
    return []


def reply(manifest: Manifest) -> tuple[int, str, str]:
    """Status, content type and body of the answer to a callback that is kept."""
    if manifest.callbacks is None:
        return 200, "application/json", "{}"
    said = manifest.callbacks.reply
    return said.status, said.content_type, said.body


def _entries(
    when: Any, each: Pick | None, sources: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    if each is None:
        if when.holds(sources):
            yield sources
        return
    listed = each.read(sources)
    for item in listed if isinstance(listed, list) else []:
        inner = {**sources, "item": item}
        if when.holds(inner):
            yield inner


def _report(spec: ReportSpec, sources: Mapping[str, Any]) -> Report:
    raw_status = _text(spec.status, sources) or ""
    gateway_id = _text(spec.id, sources)
    reference = _text(spec.reference, sources)
    refunded = _flag(spec.refunded, sources)
    raw = _raw(sources)
    own = _text(spec.key, sources)
    named = gateway_id or reference
    parts = [own] if own else [named, raw_status.casefold(), refunded] if named else [raw]
    return Report(
        gateway_id=gateway_id,
        reference=reference,
        status=spec.statuses.get(raw_status.casefold(), "unknown"),
        raw_status=raw_status,
        number=_number(spec.to, sources),
        at_ms=_moment(spec.at, sources),
        error_code=_text(spec.error_code, sources),
        detail=_text(spec.detail, sources),
        refunded=refunded,
        raw=raw,
        key=_key("report", parts),
    )


def _inbound(spec: InboundSpec, sources: Mapping[str, Any]) -> Inbound:
    number_from = _number(spec.sender, sources) or ""
    number_to = _number(spec.to, sources)
    text = spec.text.read(sources) if spec.text else None
    message_id = _text(spec.id, sources)
    at_ms = _moment(spec.at, sources)
    own = _text(spec.key, sources) or message_id
    return Inbound(
        message_id=message_id,
        number_from=number_from,
        number_to=number_to,
        text="" if text is None else str(text),
        at_ms=at_ms,
        raw=_raw(sources),
        key=_key("inbound", [own] if own else [number_from, number_to, at_ms, text]),
    )


def _key(kind: str, parts: list[Any]) -> str:
    said = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str)
    return f"{kind}:{hashlib.sha256(said.encode()).hexdigest()[:40]}"


def _raw(sources: Mapping[str, Any]) -> Any:
    if "item" in sources:
        return sources["item"]
    return sources["body"] or sources["query"]


def _text(pick: Pick | None, sources: Mapping[str, Any]) -> str | None:
    value = pick.read(sources) if pick else None
    if value is None:
        return None
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value).strip()


def _number(pick: Pick | None, sources: Mapping[str, Any]) -> str | None:
    value = pick.read(sources) if pick else None
    if value is None:
        return None
    text = str(value)
    # A raw plus in a form or a query reads as a space.
    return "+" + text.strip() if text[:1] == " " and text.strip().isdigit() else text.strip()


def _flag(pick: Pick | None, sources: Mapping[str, Any]) -> bool | None:
    text = _text(pick, sources)
    return None if text is None else text.casefold() in _TRUE


def _moment(pick: Pick | None, sources: Mapping[str, Any]) -> int | None:
    if pick is None:
        return None
    return timestamps.parse(pick.read(sources), pick.format, pick.zone)
