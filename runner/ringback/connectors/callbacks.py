"""What a gateway's callback says, in our words: delivery reports, incoming messages, pings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from ringback.connectors import fieldvalues
from ringback.connectors.fieldpaths import EVERY, FieldPath, Pick, When, as_list
from ringback.connectors.fieldpaths import read as read_path
from ringback.connectors.incoming import IncomingRequest, incoming, with_query
from ringback.connectors.manifest import Callbacks, InboundSpec, Manifest, ReportSpec, Response
from ringback.connectors.money import money

__all__ = [
    "Inbound", "IncomingRequest", "Media", "Part", "Ping", "Report", "incoming", "listed", "read", "reply",
    "report_of", "with_query",
]  # fmt: skip


@dataclass(frozen=True)
class Report:
    """One delivery report. `status` is one of `manifest.STATUSES`, `raw_status` the gateway's own word.

    `key` is the same for two copies of one report, and for no other report of this connection. `code` is the
    `Failure` code that the gateway's own `error_code` means, where its manifest says. `sequence` orders the
    reports of one message where the gateway counts them. `per_part`: it speaks of one part of the message.
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
    code: str | None = None
    cost: str | None = None
    currency: str | None = None
    segments: int | None = None
    sequence: int | None = None
    per_part: bool = False

    @property
    def opted_out(self) -> bool:
        """Whether the gateway says that the recipient wants no texts."""
        return self.code == "opted_out"


@dataclass(frozen=True)
class Media:
    """A file that came with a message: where it is to be fetched, and what the gateway says it is.

    Where the gateway sent it along, `data` is its content in base64 and `url` is empty.
    """

    url: str
    content_type: str | None = None
    data: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Part:
    """That a text is part `number` (from 1) of `total`; parts of one `reference` belong together."""

    reference: str
    number: int
    total: int


@dataclass(frozen=True)
class Inbound:
    """One incoming message. `key` is the same for two copies of it.

    `opt_out`: the gateway itself took it as an opt-out. `part`: it is a piece of a longer text.
    """

    message_id: str | None
    number_from: str
    number_to: str | None
    text: str
    at_ms: int | None
    raw: Any
    key: str
    media: tuple[Media, ...] = ()
    opt_out: bool = False
    part: Part | None = None
    timeless: bool = False
    """Neither an id nor a time tells it from the same words sent again: copies are those that come soon after."""


@dataclass(frozen=True)
class Ping:
    """A callback that says nothing of a message; `known` when the manifest names it, else it fits no shape.

    `confirm` is the address by which a handshake is confirmed (`invoke.confirm`).
    """

    raw: Any
    known: bool = True
    confirm: str | None = None


def read(
    manifest: Manifest, settings: Mapping[str, Any], request: IncomingRequest
) -> list[Report | Inbound | Ping]:
    """What a verified callback says, in its order; never empty.

    What fits no shape of the manifest is a `Ping` that is not `known`: keep it, and answer it like any
    other. Raises `Failure("invalid_input")` only where the body is not what its content type says.
    """
    del settings  # no gateway's shapes depend on them so far; the doors need not know that
    callbacks = manifest.callbacks
    if callbacks is None:
        return [Ping(_raw(request.sources), known=False)]
    sources = without_tokens(callbacks, request.sources)
    if callbacks.ping is not None and callbacks.ping.holds(sources):
        return [Ping(_raw(sources))]
    if callbacks.confirm is not None and callbacks.confirm.when.holds(sources):
        address = fieldvalues.text(callbacks.confirm.url, sources)
        return [Ping(_raw(sources), known=address is not None, confirm=address)]
    return _messages(callbacks, sources) or [Ping(_raw(sources), known=False)]


def without_tokens(callbacks: Callbacks, sources: dict[str, Any]) -> Mapping[str, Any]:
    """What came without the tokens in the address, which prove it and are no part of what it says."""
    tokens = {
        str(entry.get("query") or "token")
        for entry in callbacks.verify
        if entry.get("scheme") == "token" and not entry.get("header")
    }
    if not tokens & sources["query"].keys():
        return sources
    return {
        **sources,
        "query": {name: one for name, one in sources["query"].items() if name not in tokens},
        "params": {
            name: one
            for name, one in sources["params"].items()
            if name not in tokens or sources["query"].get(name) != one
        },
    }


def _messages(callbacks: Callbacks, sources: Mapping[str, Any]) -> list[Report | Inbound | Ping]:
    """Every entry of the request, each read by the first shape that fits it."""
    found: list[Report | Inbound | Ping] = []
    read_already: set[object] = set()
    shapes: tuple[ReportSpec | InboundSpec, ...] = (*callbacks.report, *callbacks.inbound)
    for spec in shapes:
        if spec.each is None and found:
            continue
        for place, entry in entries(spec.when, spec.each, sources):
            if place not in read_already:
                read_already.add(place)
                if isinstance(spec, ReportSpec):
                    found.append(_report(spec, entry))
                else:
                    found.append(_inbound(spec, entry))
        if spec.each is None and found:
            break
    return found


def reply(
    manifest: Manifest, found: Sequence[Report | Inbound | Ping] = ()
) -> tuple[int, str, str]:
    """Status, content type and body of the answer to a callback that is kept, by what was `found` in it."""
    if manifest.callbacks is None:
        return 200, "application/json", "{}"
    kinds = [type(one).__name__.lower() for one in found]
    kind = next((one for one in ("inbound", "report", "ping") if one in kinds), "")
    said = manifest.callbacks.replies.get(kind, manifest.callbacks.reply)
    return said.status, said.content_type, said.body


def entries(
    when: When, each: Pick | None, sources: Mapping[str, Any]
) -> Iterator[tuple[object, Mapping[str, Any]]]:
    """What one shape may read, each with its place: the whole request, or the entries of its list."""
    if each is None:
        if when.holds(sources):
            yield None, sources
        return
    for number, (outer, item) in enumerate(listed(each, sources)):
        inner = {**sources, "item": item, "outer": outer}
        if when.holds(inner):
            yield (each.paths, number), inner


def listed(each: Pick, sources: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """The entries of the list that `each` names, with the entry around each where lists stand inside lists."""
    for path in each.paths:
        if EVERY not in path.parts:
            found = [(None, item) for item in as_list(read_path(path, sources))]
        else:
            cut = len(path.parts) - 1 - path.parts[::-1].index(EVERY)
            around = FieldPath("", path.source, path.parts[: cut + 1])
            inside = FieldPath("", "item", path.parts[cut + 1 :])
            found = [
                (outer, item)
                for outer in as_list(read_path(around, sources))
                for item in as_list(read_path(inside, {"item": outer}))
            ]
        if found:
            yield from found
            return


def _report(spec: ReportSpec, sources: Mapping[str, Any]) -> Report:
    raw_status = fieldvalues.text(spec.status, sources) or ""
    gateway_id = fieldvalues.text(spec.id, sources)
    reference = fieldvalues.text(spec.reference, sources)
    number = fieldvalues.number(spec.to, sources)
    refunded = fieldvalues.flag(spec.refunded, sources)
    raw = _raw(sources)
    own = fieldvalues.text(spec.key, sources)
    named = gateway_id or reference
    parts = [named, raw_status.casefold(), refunded] if named else [raw]
    if spec.each is not None or spec.parts:
        # A batch's id is shared by its numbers, a message's by its parts, which end at their own times.
        parts += [number, fieldvalues.text(spec.at, sources)]
    row = next((row for row in spec.errors if row.when.holds(sources)), None)
    cost, currency = money(spec.cost, sources)
    return Report(
        gateway_id=gateway_id,
        reference=reference,
        status=spec.statuses.get(raw_status.casefold(), "unknown"),
        raw_status=raw_status,
        number=number,
        at_ms=fieldvalues.moment(spec.at, sources),
        error_code=fieldvalues.text(spec.error_code, sources),
        detail=fieldvalues.text(spec.detail, sources) or (row.message or None if row else None),
        refunded=refunded,
        raw=raw,
        key=_key("report", [own] if own else parts),
        code=row.code if row else None,
        cost=cost,
        currency=currency,
        segments=fieldvalues.whole(spec.segments, sources),
        sequence=fieldvalues.whole(spec.sequence, sources),
        per_part=spec.parts,
    )


def report_of(response: Response, sources: Mapping[str, Any], gateway_id: str | None) -> Report:
    """What the answer to a question (`sms.status`) says; `sources` are the answer's."""
    raw_status = fieldvalues.text(response.status, sources) or ""
    named = fieldvalues.text(response.id, sources) or gateway_id
    row = next((row for row in response.errors if not row.http and row.when.holds(sources)), None)
    cost, currency = money(response.cost, sources)
    return Report(
        gateway_id=named,
        reference=None,
        status=response.statuses.get(raw_status.casefold(), "unknown"),
        raw_status=raw_status,
        number=None,
        at_ms=fieldvalues.moment(response.at, sources),
        error_code=fieldvalues.text(response.error_code, sources),
        detail=fieldvalues.text(response.detail, sources),
        refunded=None,
        raw=sources["body"],
        key=_key("report", [named, raw_status.casefold(), None]),
        code=row.code if row else None,
        cost=cost,
        currency=currency,
        segments=fieldvalues.whole(response.segments, sources),
    )


def _inbound(spec: InboundSpec, sources: Mapping[str, Any]) -> Inbound:
    number_from = fieldvalues.number(spec.sender, sources) or ""
    number_to = fieldvalues.number(spec.to, sources)
    text = spec.text.read(sources) if spec.text else None
    message_id = fieldvalues.text(spec.id, sources)
    at_ms = fieldvalues.moment(spec.at, sources)
    own = fieldvalues.text(spec.key, sources) or message_id
    media = _media(spec, sources)
    part = _part(spec, sources)
    seen = (
        [own]
        if own
        else [number_from, number_to, at_ms, text, *(one.url or one.data for one in media)]
    )
    if part is not None:  # parts may share the id of their text, and say the same
        seen += [part.reference, part.number]
    return Inbound(
        message_id=message_id,
        number_from=number_from,
        number_to=number_to,
        text="" if text is None else fieldvalues.plain(str(text)),
        at_ms=at_ms,
        raw=_raw(sources),
        key=_key("inbound", seen),
        media=media,
        opt_out=spec.opt_out is not None and spec.opt_out.holds(sources),
        part=part,
        timeless=not own and at_ms is None,
    )


def _media(spec: InboundSpec, sources: Mapping[str, Any]) -> tuple[Media, ...]:
    if spec.media is None:
        return ()
    urls, data, kinds, names = (
        as_list(pick.read(sources) if pick else None)
        for pick in (spec.media.url, spec.media.data, spec.media.content_type, spec.media.name)
    )
    most = len(urls or data)
    rows = zip_longest(urls, data, kinds[:most], names[:most])
    return tuple(
        Media(str(url or ""), _said(kind), _said(content), _said(name))
        for url, content, kind, name in rows
    )


def _said(value: Any) -> str | None:
    return str(value) if value else None


def _part(spec: InboundSpec, sources: Mapping[str, Any]) -> Part | None:
    if spec.parts is None:
        return None
    reference = fieldvalues.text(spec.parts.reference, sources)
    number, total = (
        fieldvalues.whole(spec.parts.number, sources),
        fieldvalues.whole(spec.parts.total, sources),
    )
    if reference is None or number is None or total is None or total < 2:
        return None
    return Part(reference, number, total)


def _key(kind: str, parts: list[Any]) -> str:
    said = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str)
    return f"{kind}:{hashlib.sha256(said.encode()).hexdigest()[:40]}"


def _raw(sources: Mapping[str, Any]) -> Any:
    if "item" in sources:
        return sources["item"]
    return sources["body"] or sources["query"]
