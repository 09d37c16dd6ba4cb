"""All checks, in the order in which an operator would mend things."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from ringback.clock import Clock, SystemClock
from ringback.connectors.catalogue import Catalogue, load_catalogue
from ringback.connectors.transport import Sender, Transport
from ringback.doctor import outside, setup, stores, work
from ringback.doctor.finding import Finding, bad
from ringback.doctor.patient import Patient, resolve
from ringback.engine.runtime import secrets_of
from ringback.journal import migrations, upgrading
from ringback.journal.journal import Journal
from ringback.masks import Masks
from ringback.problems import Failure, Mistakes
from ringback.settings import load_settings

log = logging.getLogger(__name__)


def examine(
    folder: Path,
    environ: Mapping[str, str],
    *,
    transport: Sender | None = None,
    clock: Clock | None = None,
    resolver: Callable[[str], list[str]] = resolve,
    catalogue: Catalogue | None = None,
    offline: bool = False,
) -> list[Finding]:
    """Everything that can be found out about a project's set-up; no secret is in it.

    `offline` calls nobody. Nothing is changed, and no text is sent. What cannot be looked at because something
    else is broken is left out; the broken thing is told.
    """
    found = [*setup.ground(), *setup.dotenv(folder)]
    try:
        settings = load_settings(folder, environ)
    except Mistakes as mistakes:
        found += setup.told(mistakes.problems)
        try:
            settings = load_settings(folder, environ, allow_unset=True)
        except Mistakes:
            return found
    catalogue = catalogue or load_catalogue(folder)
    sender = transport or Transport()
    patient = Patient(
        folder, environ, catalogue, settings, sender, clock or SystemClock(), resolver
    )
    masks = Masks(secrets_of(settings, catalogue))
    made = [*found, *_all(patient, offline=offline)]
    if transport is None and isinstance(sender, Transport):
        sender.close()
    shown = [Finding(one.kind, *(masks.text(text) for text in one[1:])) for one in made]
    worst = {(one.place, one.found) for one in shown if one.kind == "bad"}
    return [
        one
        for one in dict.fromkeys(shown)
        if one.kind == "bad" or (one.place, one.found) not in worst
    ]


def _all(patient: Patient, *, offline: bool) -> Iterator[Finding]:
    checks: list[Callable[[Patient], Iterable[Finding]]] = [
        setup.workflows,
        setup.project,
        setup.telemetry,
        setup.secrets,
        stores.journal,
        stores.files,
        stores.disk,
    ]
    for check in checks:
        yield from _guarded(check, patient)
    seen = _seen(patient)
    if seen is not None:
        now = patient.clock.now_ms()
        patient.holders = [one for one in seen.holders if one.until >= now]
        yield from work.processes(patient, seen)
        yield from work.runs(seen)
    if not offline:
        for check in (stores.broker, outside.public_url, outside.gateways, outside.clocks):
            yield from _guarded(check, patient)
    yield from outside.callbacks(patient, seen.heard if seen else {}, seen.last if seen else {})
    if seen is not None:
        yield from work.refusals(seen)
        yield from work.statuses(seen)


def _guarded(check: Callable[[Patient], Iterable[Finding]], patient: Patient) -> Iterator[Finding]:
    """A check that breaks is told of, and the others go on."""
    name = check.__name__.replace("_", " ")
    try:
        yield from check(patient)
    except Failure as failure:
        yield bad(name, failure.message, failure.next or "See the log.")
    except OSError as error:
        yield bad(name, f"It could not be looked at: {error}.", "See whether this user may.")


def _seen(patient: Patient) -> work.Seen | None:
    """What the journal says, where it can be read as it is."""
    settings = patient.settings
    if not settings.journal_url and not settings.journal_path.exists():
        return None
    try:
        if upgrading.standing(settings.journal) != migrations.HEAD:
            return None
        journal = Journal.open(settings.journal, patient.clock)
    except Failure:
        return None  # `stores.journal` has said why
    try:
        return work.look(journal, patient.clock.now_ms())
    finally:
        journal.close()
