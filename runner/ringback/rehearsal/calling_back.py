"""A manifest's callbacks written instead of read: a delivery report, an incoming message.

A recorded example is the paper that they are written on; where a connector has none, the manifest's paths are.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ringback.connectors import verify
from ringback.connectors.callbacks import listed
from ringback.connectors.fieldpaths import EVERY, FieldPath, Pick, put, read
from ringback.connectors.incoming import IncomingRequest, incoming
from ringback.connectors.manifest import InboundSpec, Manifest, ReportSpec
from ringback.rehearsal import likeness, recorded
from ringback.rehearsal.backwards import present_path

FORM = "application/x-www-form-urlencoded"

# A gateway that has no word for a state uses the nearest it has, in this order.
NEAREST: dict[str, tuple[str, ...]] = {
    "accepted": ("queued", "sent"),
    "queued": ("accepted", "sent"),
    "sent": ("queued", "accepted"),
    "undelivered": ("failed", "rejected", "expired"),
    "failed": ("undelivered", "rejected", "expired"),
    "expired": ("undelivered", "failed"),
    "rejected": ("failed", "undelivered"),
    "canceled": ("failed", "undelivered"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report says; of a message whose parts share an id, `part` tells them apart."""

    gateway_id: str | int
    to: str
    status: str
    at_ms: int
    reference: str = ""
    refunded: bool = False
    part: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """What somebody's phone texts in."""

    sender: str
    to: str
    text: str
    at_ms: int


@dataclass
class _Paper:
    """A callback being written: `sources` is what the manifest's paths write into."""

    method: str
    headers: dict[str, str]
    sources: dict[str, Any]
    raw: str | None
    """The body as text where it is neither JSON nor a form: there, values are replaced word by word."""
    each: FieldPath | None = None
    """The list that the entry being written stands in."""

    def write(self, pick: Pick | None, value: Any) -> None:
        if pick is None:
            return
        path = present_path(pick, self.sources)
        if self.raw is not None and path.source in ("body", "text", "item"):
            old = read(path, self.sources)
            if old not in (None, "", []):
                self.raw = self.raw.replace(str(old), str(value))
        put(path, self.sources, value)


def report(
    manifest: Manifest, settings: Mapping[str, Any], url: str, facts: Facts
) -> IncomingRequest | None:
    """The gateway's signed report to a callback address; None where its manifest reads no reports."""
    specs = manifest.callbacks.report if manifest.callbacks else ()
    if not specs:
        return None
    paper, spec = _report_paper(manifest, specs, facts.status)
    was = spec.status.read(paper.sources) if spec.status else None
    word = _word(manifest, spec, facts.status)
    paper.write(spec.id, _as(facts.gateway_id, spec.id, paper))
    paper.write(spec.to, likeness.phone_like(_old(spec.to, paper), facts.to))
    paper.write(spec.status, word)
    paper.write(spec.at, _time(spec.at, paper, facts.at_ms))
    # One report told twice has one key, two reports never have.
    own = Random(f"{facts.gateway_id} {facts.status} {facts.refunded}")
    paper.write(spec.key, likeness.id_like(_old(spec.key, paper), own))
    if spec.key is not None:  # the same for a copy of this report, and for no other
        own = Random(f"{facts.gateway_id} {facts.reference} {facts.status} {facts.part}")
        paper.write(spec.key, likeness.id_like(_old(spec.key, paper), own))
    if facts.reference and spec.reference != spec.id:
        paper.write(spec.reference, facts.reference)
    if _old(spec.refunded, paper) is not None or facts.refunded:
        paper.write(spec.refunded, facts.refunded)
    if was is not None and spec.statuses.get(str(was).casefold()) != facts.status:
        # The recorded words explain another status than the one that is written now.
        for pick in (spec.detail, spec.error_code):
            if _old(pick, paper) is not None:
                paper.write(pick, f"rehearsal: {facts.status}")
    return _finished(manifest, settings, url, paper, facts.at_ms)


def inbound(
    manifest: Manifest, settings: Mapping[str, Any], url: str, text: Text, random: Random
) -> IncomingRequest | None:
    """The gateway's signed callback for a text that came in; None where its manifest reads none."""
    specs = manifest.callbacks.inbound if manifest.callbacks else ()
    if not specs:
        return None
    examples = [one for one, _ in recorded.callbacks(manifest, "inbound")]
    paper, spec = _inbound_paper(specs, examples)
    for pick in (spec.id, spec.key):
        paper.write(pick, likeness.id_like(_old(pick, paper), random))
    if spec.key is not None:
        paper.write(spec.key, likeness.id_like(_old(spec.key, paper), random))
    paper.write(spec.sender, likeness.phone_like(_old(spec.sender, paper), text.sender))
    paper.write(spec.to, likeness.phone_like(_old(spec.to, paper), text.to))
    paper.write(spec.text, text.text)
    paper.write(spec.at, _time(spec.at, paper, text.at_ms))
    return _finished(manifest, settings, url, paper, text.at_ms)


def nearest_status(manifest: Manifest, status: str) -> str:
    """The status itself where the gateway has a word for it, else the nearest that it has."""
    known: set[str] = set()
    for spec in manifest.callbacks.report if manifest.callbacks else ():
        known |= set(spec.statuses.values())
    return next((one for one in (status, *NEAREST.get(status, ())) if one in known), status)


def _report_paper(
    manifest: Manifest, specs: tuple[ReportSpec, ...], status: str
) -> tuple[_Paper, ReportSpec]:
    examples = recorded.callbacks(manifest, "report")
    fitting = [one for one, meaning in examples if meaning.get("status") == status]
    knowing = [spec for spec in specs if status in spec.statuses.values()] or list(specs)
    for example in [*fitting, *(one for one, _ in examples)]:
        spec, paper = _opened(example, specs)
        if isinstance(spec, ReportSpec) and spec in knowing:
            return paper, spec
    return _blank(knowing[0]), knowing[0]


def _inbound_paper(
    specs: tuple[InboundSpec, ...], examples: list[Mapping[str, Any]]
) -> tuple[_Paper, InboundSpec]:
    for example in examples:
        spec, paper = _opened(example, specs)
        if isinstance(spec, InboundSpec):
            return paper, spec
    return _blank(specs[0]), specs[0]


def _paper(example: Mapping[str, Any]) -> _Paper:
    headers = {
        str(key).lower(): str(value) for key, value in (example.get("headers") or {}).items()
    }
    body = example.get("text", example.get("body"))
    if body is not None and not isinstance(body, str):
        headers.setdefault("content-type", "application/json")
        body = json.dumps(body)
    query = example.get("query") or ""
    query = query if isinstance(query, str) else urlencode(query)
    request = incoming(
        str(example.get("method", "POST")), f"/?{query}", headers, (body or "").encode()
    )
    sources = copy.deepcopy({**request.sources, "headers": dict(headers)})
    if sources["form"]:
        sources["form"] = sources["body"]  # one dict, whichever way a path names it
    body_has_names = isinstance(sources["body"], dict) and sources["body"]
    sources["params"] = sources["body"] if body_has_names else sources["query"]
    kind = headers.get("content-type", "").partition(";")[0]
    plain = isinstance(sources["body"], str) or kind.endswith("xml")
    return _Paper(request.method, headers, sources, body if plain else None)


def _opened(
    example: Mapping[str, Any], specs: Sequence[ReportSpec | InboundSpec]
) -> tuple[ReportSpec | InboundSpec | None, _Paper]:
    """The first shape that a recorded callback has; of a list the first fitting entry is kept and written on."""
    for spec in specs:
        paper = _paper(example)
        if spec.each is None:
            if spec.when.holds(paper.sources):
                return spec, paper
            continue
        for outer, item in listed(spec.each, paper.sources):
            if spec.when.holds({**paper.sources, "item": item, "outer": outer}):
                _keep_only(paper, present_path(spec.each, paper.sources), outer, item)
                return spec, paper
    return None, _paper(example)


def _keep_only(paper: _Paper, each: FieldPath, outer: Any, item: Any) -> None:
    paper.each = each
    paper.sources |= {"item": item, "outer": outer}
    if paper.raw is not None:
        return
    if EVERY in each.parts:
        cut = len(each.parts) - 1 - each.parts[::-1].index(EVERY)
        put(FieldPath("", each.source, each.parts[:cut]), paper.sources, [outer])
    put(each, paper.sources, [item])


def _blank(spec: ReportSpec | InboundSpec) -> _Paper:
    sources: dict[str, Any] = {"body": {}, "form": {}, "query": {}, "headers": {}}
    sources["params"] = sources["query"]
    paper = _Paper("POST", {"content-type": "application/json"}, sources, None)
    if spec.each is not None:
        sources |= {"item": {}, "outer": {}}
        put(spec.each.paths[0], sources, [sources["item"]])
        paper.each = spec.each.paths[0]
    for group in spec.when.groups[:1]:
        for condition in group:
            if condition.presence is not False:
                put(condition.path, sources, condition.wanted[0] if condition.wanted else "yes")
    if _uses(spec, "form"):
        paper.headers["content-type"] = FORM
        sources["body"] = sources["form"]
    return paper


def _uses(spec: ReportSpec | InboundSpec, source: str) -> bool:
    paths = [path for pick in (spec.id, spec.to, spec.at) if pick for path in pick.paths]
    return any(path.source == source for path in paths)


def _word(manifest: Manifest, spec: ReportSpec, status: str) -> str:
    """The gateway's own word for a status, as its manifest writes it; a made-up one for `unknown`."""
    written = manifest.callbacks.raw.get("report") if manifest.callbacks else None
    for one in written if isinstance(written, list) else [written or {}]:
        for word, meaning in one.get("statuses", {}).items():
            if meaning == status and str(word).strip().casefold() in spec.statuses:
                return str(word)
    return f"rehearsed-{status}"


def _old(pick: Pick | None, paper: _Paper) -> Any:
    return pick.read(paper.sources) if pick else None


def _as(value: str | int, pick: Pick | None, paper: _Paper) -> str | int:
    """An id as text or number, as the recorded one is."""
    old = _old(pick, paper)
    if isinstance(old, int) and not isinstance(old, bool) and str(value).isdigit():
        return int(value)
    return str(value) if isinstance(old, str) else value


def _time(pick: Pick | None, paper: _Paper, at_ms: int) -> Any:
    if pick is None:
        return None
    return likeness.time_like(_old(pick, paper) or "", at_ms, pick.format, pick.zone)


def _finished(
    manifest: Manifest, settings: Mapping[str, Any], url: str, paper: _Paper, now_ms: int
) -> IncomingRequest:
    """The request with its body encoded, its query on the address, and its proof."""
    kind = paper.headers.get("content-type", "").partition(";")[0].strip().lower()
    if paper.each is not None and paper.raw is None:
        put(paper.each, paper.sources, [paper.sources["item"]])
    if paper.raw is not None:
        body = paper.raw.encode()
    elif kind == FORM:
        body = urlencode(paper.sources["body"], doseq=True).encode()
    elif paper.method == "GET" or (paper.sources["body"] == {} and not kind):
        body = b""
    else:
        body = json.dumps(paper.sources["body"], ensure_ascii=False).encode()
    proofs = verify.proof_parameters(manifest)
    parts = urlsplit(url)
    told = parse_qsl(parts.query, keep_blank_values=True)
    known = proofs | {name for name, _ in told}
    query = {key: value for key, value in paper.sources["query"].items() if key not in known}
    pairs = [*told, *query.items()]
    address = urlunsplit(parts._replace(query=urlencode(pairs)))
    shown = {key: value for key, value in paper.headers.items() if not _is_proof(manifest, key)}
    request = incoming(paper.method, address, shown, body)
    return verify.sign(manifest, settings, request, now_ms)


def _is_proof(manifest: Manifest, header: str) -> bool:
    """Whether a recorded header is a proof that must be made anew."""
    return header == "authorization" or header in verify.proof_headers(manifest)
