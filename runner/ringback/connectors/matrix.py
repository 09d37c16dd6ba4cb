"""What each gateway can do, told by its own examples: a cell holds only what a passing example shows.

Two things are the manifest's to say, since no example could show them: how the gateway charges, and what it does not
offer (`lacks`, with how that is known). Neither is believed against an example.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ringback.connectors import examples, verify
from ringback.connectors.callbacks import Inbound, Report
from ringback.connectors.catalogue import Catalogue
from ringback.connectors.examples import Ran
from ringback.connectors.manifest import Manifest

COLUMNS = ("send", "report", "inbound", "verify", "dedupe", "opt-out", "poll", "price")
SEND = "sms.send"
_OPEN = "none"


@dataclass(frozen=True)
class Cell:
    """What a gateway does in one column, in words, and the titles of the examples that show it.

    Empty words: no example shows anything. Then `lacks` is how its manifest knows that there is nothing to show.
    """

    says: str = ""
    shown_by: tuple[str, ...] = ()
    lacks: str = ""


@dataclass(frozen=True)
class Row:
    """One gateway: its cells by column, and what its failing examples say."""

    gateway: str
    cells: Mapping[str, Cell]
    failing: tuple[str, ...] = field(default=())


def matrix(catalogue: Catalogue) -> list[Row]:
    """A row for each gateway of the catalogue, by id. Every example is run; nothing leaves the machine."""
    gateways = [one.connector for one in catalogue.implementing(SEND) if one.engine is None]
    return [row_of(manifest) for manifest in sorted(gateways, key=lambda one: one.id)]


def row_of(manifest: Manifest) -> Row:
    """One gateway's row. One that extends another shows what its own examples show."""
    ran = [one for case in examples.cases(manifest.folder) if (one := examples.run(manifest, case))]
    good = [one for one in ran if not one.wrong]
    cells = {
        "send": _send(good),
        "report": _report(good),
        "inbound": _having(good, Inbound, "yes"),
        "verify": _verify(manifest, good),
        "dedupe": _dedupe(manifest, good),
        "opt-out": _opt_out(good),
        "poll": _poll(good),
        "price": _price(manifest, good),
    }
    for column, why in manifest.lacks.items():
        if not cells[column].says:
            cells[column] = Cell(lacks=why)
    failing = tuple(f"{_title(one)}: {one.wrong}" for one in ran if one.wrong)
    return Row(manifest.id, cells, failing)


def _title(ran: Ran) -> str:
    return str(ran.case.get("title") or ran.kind)


def _cell(says: str, shown: Iterable[Ran]) -> Cell:
    titles = tuple(dict.fromkeys(_title(one) for one in shown))
    return Cell(says, titles) if titles else Cell()


def _count(number: int, word: str) -> str:
    plural = "es" if word.endswith("s") else "s"
    return f"{number} {word}{'' if number == 1 else plural}"


def _send(good: list[Ran]) -> Cell:
    sent = [one for one in good if one.kind == "send" and one.error is None]
    refused = [one for one in good if one.kind == "send" and one.error is not None]
    codes = {getattr(one.error, "code", "") for one in refused}
    return _cell(
        f"yes, {_count(len(codes), 'error')}" if codes else "yes", [*sent, *refused] if sent else []
    )


def _report(good: list[Ran]) -> Cell:
    reports = [(one, found) for one in good for found in one.found if isinstance(found, Report)]
    known = {found.status for _, found in reports} - {"unknown"}
    kept = any(found.status == "unknown" for _, found in reports)
    says = f"{_count(len(known), 'status')}{', others kept' if kept else ''}"
    return _cell(says, [one for one, _ in reports])


def _having(good: list[Ran], kind: type[Report | Inbound], says: str) -> Cell:
    return _cell(says, [one for one in good if any(isinstance(found, kind) for found in one.found)])


def _verify(manifest: Manifest, good: list[Ran]) -> Cell:
    """The schemes by which an example's callback is let in that is refused without them."""
    schemes: dict[str, list[Ran]] = {}
    for one in good:
        if one.kind == "callback" and one.error is None:
            for name in _proofs(manifest, one):
                schemes.setdefault(name, []).append(one)
    return _cell(
        ", ".join(sorted(schemes)), [one for several in schemes.values() for one in several]
    )


def _proofs(manifest: Manifest, one: Ran) -> Iterator[str]:
    settings = examples.settings_of(manifest, one.case)
    request = examples.request_of(manifest, one.case)
    live = [
        entry["scheme"]
        for entry in verify.options(manifest, settings)
        if entry["scheme"] != _OPEN and verify.SCHEMES[entry["scheme"]].configured(entry)
    ]
    bare = replace(request, url=request.url.partition("?")[0], query=[], headers={}, body=b"{}")
    try:
        public_url = examples.public_url_of(request)
        verify.check(manifest, settings, bare, public_url, examples.now_ms_of(one.case))
    except verify.Refused:
        yield from live


def _dedupe(manifest: Manifest, good: list[Ran]) -> Cell:
    """By what a second copy is known; shown by examples that give one key when they are read again."""
    callbacks = manifest.callbacks
    if callbacks is None:
        return Cell()
    said, shown = [], []
    for kind, by_id, otherwise in (
        (Report, any(spec.key for spec in callbacks.report), "message and status"),
        (Inbound, any(spec.key or spec.id for spec in callbacks.inbound), "fingerprint"),
    ):
        stable = [one for one in good if _same_again(manifest, one, kind)]
        if stable:
            said.append(f"{kind.__name__.lower()} by {'id' if by_id else otherwise}")
            shown += stable
    return _cell(", ".join(said), shown)


def _same_again(manifest: Manifest, one: Ran, kind: type[Report | Inbound]) -> bool:
    keys = [found.key for found in one.found if isinstance(found, kind)]
    if not keys:
        return False
    again = examples.run(manifest, one.case)
    return again is not None and keys == [
        found.key for found in again.found if isinstance(found, kind)
    ]


def _opt_out(good: list[Ran]) -> Cell:
    """The gateway's own word for it, where an example has it; any incoming text is read for STOP by Ringback."""
    ways = {
        "send error": [one for one in good if getattr(one.error, "code", "") == "opted_out"],
        "report": [one for one in good if any(getattr(f, "opted_out", False) for f in one.found)],
        "inbound flag": [one for one in good if any(getattr(f, "opt_out", False) for f in one.found)],
        "STOP": [one for one in good if any(isinstance(found, Inbound) for found in one.found)],
    }  # fmt: skip
    said = [way for way, shown in ways.items() if shown]
    return _cell(", ".join(said), [one for shown in ways.values() for one in shown])


def _poll(good: list[Ran]) -> Cell:
    told = [one for one in good if one.kind == "ask" and one.error is None and one.gave]
    known = {one.gave["status"] for one in told} - {"unknown"}
    return _cell(_count(len(known), "status"), told)


def _price(manifest: Manifest, good: list[Ran]) -> Cell:
    """How it charges as the manifest says; examples show where the gateway tells the cost or the parts."""
    told = {
        "cost": [one for one in good if _tells(one, "cost")],
        "parts": [one for one in good if _tells(one, "segments")],
    }
    names = [name for name, shown in told.items() if shown]
    per = f"per {manifest.price.per}" if manifest.price else ""
    if manifest.price and manifest.price.per == "unknown":
        per = "not published"
    says = "; ".join(filter(None, [per, f"tells {' and '.join(names)}" if names else ""]))
    return Cell(says, _cell(says, [one for shown in told.values() for one in shown]).shown_by)


def _tells(one: Ran, what: str) -> bool:
    if one.kind == "callback":
        return any(getattr(found, what, None) is not None for found in one.found)
    return isinstance(one.gave, dict) and one.gave.get(what) is not None
