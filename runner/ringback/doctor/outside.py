"""What lies outside: the public address, the gateways, their clocks and their accounts."""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ringback.clock import to_ms
from ringback.connectors import invoke, verify
from ringback.connectors.manifest import Manifest
from ringback.connectors.transport import Answer, Call
from ringback.connectors.verify import SCHEMES
from ringback.doctor.finding import Finding, bad, good, warn
from ringback.doctor.patient import Patient
from ringback.engine.identity import proven_by
from ringback.journal.heard import KINDS, LastHeard
from ringback.problems import Failure
from ringback.settings import Connection
from ringback.words import say_duration

PLACE = "public_url"
_TIMEOUT_S = 10.0
_DAY_MS = 86_400_000
SKEW_MS = (5_000, 60_000)
"""Apart by more than the first is worth a look; by more than the second, signatures with a time are refused."""


def public_url(patient: Patient) -> Iterator[Finding]:
    """Whether the address that gateways are told leads to this very project."""
    settings = patient.settings
    if settings.public_url == f"http://{settings.host}:{settings.port}":
        yield warn(PLACE, f"It is {settings.public_url}, this machine itself: no gateway and no other system outside reaches that.", "Set it in ringback.yaml to the address of your reverse proxy, such as https://texts.example.")  # fmt: skip
        yield from _answers(patient)
        return
    parts = urlsplit(settings.public_url)
    if parts.scheme != "https":
        yield warn(PLACE, f"{settings.public_url} is not https: texts and numbers travel in the open.", "Put a reverse proxy with a certificate before it.")  # fmt: skip
    elif not settings.locks.trusted_proxies:  # Ringback itself speaks no TLS
        yield warn(PLACE, "It is https, so a reverse proxy stands before Ringback, and serve.trusted_proxies is empty: X-Forwarded-For is not believed, so all callers look like the proxy. One who guesses passwords slows down everybody's sign-in, and the audit trail has the proxy's address.", "Write the proxy's address as seen from here: serve: { trusted_proxies: [127.0.0.1] }, and let it set X-Forwarded-For.")  # fmt: skip
    if parts.path.strip("/") or parts.query:
        yield warn(PLACE, f"{settings.public_url} has a path; webhooks and callbacks hang below it.", "Let the proxy take that path off, or leave it out.")  # fmt: skip
    try:
        found = patient.resolve(parts.hostname or "")
    except OSError:
        yield bad(PLACE, f"{parts.hostname} is not a name that leads anywhere.", "Check its spelling, and its entry in your DNS.")  # fmt: skip
        return
    inside = [one for one in found if not ipaddress.ip_address(one.partition("%")[0]).is_global]
    if inside:
        yield warn(PLACE, f"{parts.hostname} leads to {', '.join(inside)}, which is not reached from outside.", "Fine where only this network knows the name so; else mend its entry in your DNS.")  # fmt: skip
    yield from _answers(patient)


def _answers(patient: Patient) -> Iterator[Finding]:
    address, nonce = patient.settings.public_url, secrets.token_urlsafe(24)
    running = f"{len(patient.holders)} processes of this project are alive"
    try:
        answer = patient.transport.send(
            Call("GET", f"{address}/healthz?nonce={nonce}", timeout_s=_TIMEOUT_S)
        )
    except Failure as failure:
        if not patient.holders:
            yield warn(PLACE, f"Nobody answers, and Ringback is not running: {failure.message}", "Start `ringback serve`, then run the doctor again.")  # fmt: skip
        else:
            yield bad(PLACE, f"{running}, and {address} cannot be reached from here: {failure.message}", "Look at the reverse proxy, its certificate and the firewall. (Some routers do not lead back in: try from a phone.)")  # fmt: skip
        return
    patient.saw(PLACE, answer.headers)
    yield _who(patient, answer, address, nonce)


def _who(patient: Patient, answer: Answer, address: str, nonce: str) -> Finding:
    """Who it is that answers at the public address."""
    if 300 <= answer.status < 400:
        return bad(PLACE, f"{address} sends us on to {urlsplit(answer.headers.get('location', '')).netloc or 'elsewhere'}; gateways do not follow.", "Set public_url to the address that answers by itself.")  # fmt: skip
    said = _json(answer)
    if answer.status != 200 or said.get("status") != "ok":
        return bad(PLACE, f"Something else answers at {address} (status {answer.status}).", "Let the reverse proxy pass everything on to Ringback.")  # fmt: skip
    ids = {one.id: one for one in patient.holders}
    holder = proven_by(list(ids), nonce, str(said.get("proof", "")))
    if holder is None:
        return bad(PLACE, f"A Ringback answers at {address}, but none that works with this journal.", "Is public_url another project's, or does that process run with another ringback.yaml?")  # fmt: skip
    return good(PLACE, f"{address} answers as this project, on {ids[holder].host}.")


def _json(answer: Answer) -> Mapping[str, Any]:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def gateways(patient: Patient) -> Iterator[Finding]:
    """Each connection: reached, its credentials taken, its callbacks able to prove themselves."""
    for connection, manifest, settings in patient.connections():
        place = f"connection {connection.name}"
        yield from _account(patient, place, manifest, settings)
        if manifest.callbacks is not None:
            yield from _proof(place, manifest, settings)


def _account(
    patient: Patient, place: str, manifest: Manifest, settings: Mapping[str, Any]
) -> Iterator[Finding]:
    """Ask for the account where the gateway can be asked; else only see whether it is there."""
    if manifest.implementing(invoke.ACCOUNT) is None:
        yield from _reached(patient, place, manifest, settings)
        return
    try:
        told = invoke.ask_account(manifest, settings, _Seen(patient, place))
    except Failure as failure:
        yield bad(place, failure.message, failure.next or "See what the gateway's dashboard says of the account.")  # fmt: skip
        return
    facts = ", ".join(f"{name} {value}" for name, value in told.items() if value not in (None, ""))
    yield good(place, f"{manifest.name} takes its credentials{f': {facts}' if facts else ''}.")


def _reached(
    patient: Patient, place: str, manifest: Manifest, settings: Mapping[str, Any]
) -> Iterator[Finding]:
    address = settings.get("base_url")
    if not isinstance(address, str) or not address:
        return
    try:
        _Seen(patient, place).send(Call("GET", address, timeout_s=_TIMEOUT_S))
    except Failure as failure:
        yield bad(place, f"{manifest.name} is not reached: {failure.message}", failure.next or "Check base_url and the firewall.")  # fmt: skip
        return
    yield good(place, f"{manifest.name} is reached. It cannot be asked about credentials without a text: `ringback send --to YOUR_NUMBER --text Hello` tries them.")  # fmt: skip


class _Seen:
    """Sends, and remembers what time the other side says it is."""

    def __init__(self, patient: Patient, place: str) -> None:
        self._patient = patient
        self._place = place

    def send(self, call: Call) -> Answer:
        answer = self._patient.transport.send(call)
        self._patient.saw(self._place, answer.headers)
        return answer


def _proof(place: str, manifest: Manifest, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether a callback of this connection could prove where it comes from."""
    entries = verify.options(manifest, settings)
    if any(SCHEMES[entry["scheme"]].configured(entry) for entry in entries):
        return
    yield bad(place, "Nothing is set by which its callbacks could prove where they come from, so all are refused.", f"`ringback connectors {manifest.id}` says which secret to set, and where to find it.")  # fmt: skip


def callbacks(
    patient: Patient, heard: Mapping[str, int], last: Mapping[str, LastHeard]
) -> Iterator[Finding]:
    """Which address each gateway must know, and when it last called it: `heard` (ms) by connection, `last` with what."""
    for connection, manifest, _ in patient.connections():
        if manifest.callbacks is None:
            continue
        at = heard.get(connection.name)
        said = last.get(connection.name, LastHeard({}))
        yield _callback(patient, connection, manifest, at, said)
        strange = said.at.get("unknown_message")
        if strange is not None and strange > patient.clock.now_ms() - _DAY_MS:
            yield good(f"callbacks of {connection.name}", f"{manifest.name} reported about messages that are none of ours, {_ago(patient, strange)}: others send through the same account, or another project's address leads here. Nothing changes by that.")  # fmt: skip


def _callback(
    patient: Patient,
    connection: Connection,
    manifest: Manifest,
    heard: int | None,
    last: LastHeard,
) -> Finding:
    place = f"callbacks of {connection.name}"
    if heard is not None:
        kinds = [KINDS[kind] for kind, at in last.at.items() if at == heard and kind in ("report", "inbound", "ping", "no_shape")]  # fmt: skip
        what = f" with {kinds[0]}" if kinds else ""
        return good(place, f"{manifest.name} called back {_ago(patient, heard)}{what}.")
    address = f"{patient.settings.public_url}/callbacks/{connection.name}"
    return warn(place, f"{manifest.name} has not called back yet.", f"It must know {address} (with the token behind it, where one is set): `ringback connectors {manifest.id}` has the steps at its side.")  # fmt: skip


def _ago(patient: Patient, at: int) -> str:
    return f"{say_duration(max(1000, (patient.clock.now_ms() - at) // 1000 * 1000))} ago"


def clocks(patient: Patient) -> Iterator[Finding]:
    """Whether our clock agrees with those of the other sides; asked after they have answered."""
    apart = []
    for place, date, ours in patient.dates:
        try:
            theirs = to_ms(parsedate_to_datetime(date))
        except (ValueError, TypeError):
            continue
        apart.append((abs(ours - theirs), place))
    if not apart:
        return
    worst, place = min(apart)  # one wrong clock of theirs is not ours
    look, wrong = SKEW_MS
    if worst > look:
        make = bad if worst > wrong else warn
        yield make("clock", f"Ours is {say_duration(worst // 1000 * 1000)} away from that of {place}.", "Switch on time synchronisation (timedatectl set-ntp true); signatures carry the time.")  # fmt: skip
    else:
        yield good("clock", f"It agrees with {len(apart)} other {'clock' if len(apart) == 1 else 'clocks'}.")  # fmt: skip
