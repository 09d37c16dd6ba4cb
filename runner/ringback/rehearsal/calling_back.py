"""A manifest's callbacks written instead of read: a delivery report, an incoming message.

A recorded example is the paper that they are written on; where a connector has none, the manifest's paths are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ringback.connectors import verify
from ringback.connectors.callbacks import Media, Part
from ringback.connectors.fieldpaths import Pick
from ringback.connectors.incoming import IncomingRequest, incoming
from ringback.connectors.manifest import InboundSpec, Manifest, ReportSpec
from ringback.rehearsal import likeness, recorded
from ringback.rehearsal.paper import Paper, blank, opened, whole


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
    """What somebody's phone texts in: a whole text or, with `part`, one piece of it.

    `media` are its files, each with an address and its content; the gateway tells what its manifest reads.
    """

    sender: str
    to: str
    text: str
    at_ms: int
    media: tuple[Media, ...] = ()
    part: Part | None = None


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
    paper.write(spec.to, likeness.phone_like(paper.old(spec.to), facts.to))
    paper.write(spec.status, word)
    paper.write(spec.at, _time(spec.at, paper, facts.at_ms))
    if spec.key is not None:  # the same for a copy of this report, and for no other
        own = Random(f"{facts.gateway_id} {facts.reference} {facts.status} {facts.part}")
        paper.write(spec.key, likeness.id_like(paper.old(spec.key), own))
    if facts.reference and spec.reference != spec.id:
        paper.write(spec.reference, facts.reference)
    if paper.old(spec.refunded) is not None or facts.refunded:
        paper.write(spec.refunded, facts.refunded)
    if was is not None and spec.statuses.get(str(was).casefold()) != facts.status:
        # The recorded words explain another status than the one that is written now.
        for pick in (spec.detail, spec.error_code):
            if paper.old(pick) is not None:
                paper.write(pick, f"rehearsal: {facts.status}")
    return _finished(manifest, settings, url, paper, facts.at_ms)


def inbound(
    manifest: Manifest, settings: Mapping[str, Any], url: str, text: Text, random: Random
) -> IncomingRequest | None:
    """The gateway's signed callback for a text that came in; None where its manifest reads none."""
    specs = manifest.callbacks.inbound if manifest.callbacks else ()
    if not specs:
        return None
    paper, spec = _inbound_paper(manifest, specs, text)
    for pick in (spec.id, spec.key):
        paper.write(pick, likeness.id_like(paper.old(pick), random))
    paper.write(spec.sender, likeness.phone_like(paper.old(spec.sender), text.sender))
    paper.write(spec.to, likeness.phone_like(paper.old(spec.to), text.to))
    paper.write(spec.text, text.text)
    paper.write(spec.at, _time(spec.at, paper, text.at_ms))
    if spec.media is not None:
        for pick, told in (
            (spec.media.url, [one.url for one in text.media]),
            (spec.media.data, [one.data for one in text.media]),
            (spec.media.content_type, [one.content_type for one in text.media]),
            (spec.media.name, [one.name for one in text.media]),
        ):
            paper.write_all(pick, told)
    if spec.parts is not None and text.part is not None:
        paper.write(spec.parts.reference, text.part.reference)
        for pick, number in ((spec.parts.number, text.part.number), (spec.parts.total, text.part.total)):  # fmt: skip
            paper.write(pick, _as(number, pick, paper))
    return _finished(manifest, settings, url, paper, text.at_ms)


def handshake(
    manifest: Manifest, settings: Mapping[str, Any], url: str, now_ms: int, random: Random
) -> tuple[IncomingRequest, str] | None:
    """The gateway's signed question whether callbacks may go to an address, and the address that says yes.

    None where its manifest has no handshake, or none is recorded.
    """
    confirm = manifest.callbacks.confirm if manifest.callbacks else None
    if confirm is None:
        return None
    for paper in map(whole, recorded.requests(manifest)):
        if confirm.when.holds(paper.sources) and paper.old(confirm.url) is not None:
            parts = urlsplit(str(paper.old(confirm.url)))
            query = dict(parse_qsl(parts.query)) | {"Token": f"{random.getrandbits(256):064x}"}
            address = urlunsplit(parts._replace(query=urlencode(query)))
            paper.write(confirm.url, address)
            return _finished(manifest, settings, url, paper, now_ms), address
    return None


def nearest_status(manifest: Manifest, status: str) -> str:
    """The status itself where the gateway has a word for it, else the nearest that it has."""
    specs = manifest.callbacks.report if manifest.callbacks else ()
    return likeness.nearest({one for spec in specs for one in spec.statuses.values()}, status)


def _report_paper(
    manifest: Manifest, specs: tuple[ReportSpec, ...], status: str
) -> tuple[Paper, ReportSpec]:
    examples = recorded.callbacks(manifest, "report")
    fitting = [one for one, meaning in examples if meaning.get("status") == status]
    knowing = [spec for spec in specs if status in spec.statuses.values()] or list(specs)
    for example in [*fitting, *(one for one, _ in examples)]:
        spec, paper = opened(example, specs)
        if isinstance(spec, ReportSpec) and spec in knowing:
            return paper, spec
    return blank(knowing[0]), knowing[0]


def _inbound_paper(
    manifest: Manifest, specs: tuple[InboundSpec, ...], text: Text
) -> tuple[Paper, InboundSpec]:
    """The recorded text that is most like this one: with files or without, a piece or whole, no opt-out."""
    found: list[tuple[int, Paper, InboundSpec]] = []
    for example, _ in recorded.callbacks(manifest, "inbound"):
        spec, paper = opened(example, specs)
        if isinstance(spec, InboundSpec):
            found.append((_unlike(spec, paper, text), paper, spec))
    if found:
        _, paper, spec = min(found, key=lambda one: one[0])
        return paper, spec
    fitting = next((spec for spec in specs if spec.media or not text.media), specs[0])
    return blank(fitting), fitting


def _unlike(spec: InboundSpec, paper: Paper, text: Text) -> int:
    """How many things would have to be otherwise in a recorded text."""
    files = (spec.media.url or spec.media.data) if spec.media else None
    has_media = paper.old(files) is not None
    is_piece = spec.parts is not None and paper.old(spec.parts.total) is not None
    return (
        4 * (has_media is not bool(text.media))
        + 2 * (is_piece is not (text.part is not None))
        + (spec.opt_out is not None and spec.opt_out.holds(paper.sources))
    )


def _word(manifest: Manifest, spec: ReportSpec, status: str) -> str:
    """The gateway's own word for a status, as its manifest writes it; a made-up one for `unknown`."""
    written = manifest.callbacks.raw.get("report") if manifest.callbacks else None
    for one in written if isinstance(written, list) else [written or {}]:
        for word, meaning in one.get("statuses", {}).items():
            if meaning == status and str(word).strip().casefold() in spec.statuses:
                return str(word)
    return f"rehearsed-{status}"


def _as(value: str | int, pick: Pick | None, paper: Paper) -> str | int:
    """An id as text or number, as the recorded one is."""
    old = paper.old(pick)
    if isinstance(old, int) and not isinstance(old, bool) and str(value).isdigit():
        return int(value)
    return str(value) if isinstance(old, str) else value


def _time(pick: Pick | None, paper: Paper, at_ms: int) -> Any:
    if pick is None:
        return None
    return likeness.time_like(paper.old(pick) or "", at_ms, pick.format, pick.zone)


def _finished(
    manifest: Manifest, settings: Mapping[str, Any], url: str, paper: Paper, now_ms: int
) -> IncomingRequest:
    """The request with its body written out, its query on the address, and its proof."""
    body = paper.body()
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
