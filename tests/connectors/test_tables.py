"""Each row of each table that a gateway's manifest has is gone through by one of its examples.

Where an example is taken away, what it alone showed is named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from tests.connectors import harness

from ringback import yamltext
from ringback.connectors import callbacks, examples, verify
from ringback.connectors.callbacks import Inbound, IncomingRequest, Ping, Report
from ringback.connectors.examples import Script
from ringback.connectors.manifest import Action, ErrorRow, Manifest, Response
from ringback.connectors.response import failure, sources_of
from ringback.connectors.transport import Call

GATEWAYS = [one for one in harness.CATALOGUE.connectors.values() if one.kind == "sms-gateway"]
ROLES = {"send": "sms.send", "ask": "sms.status"}


def rows_of(manifest: Manifest) -> set[str]:
    """Every row of the manifest's tables, in words."""
    rows: set[str] = set()
    for kind, role in ROLES.items():
        response = _response(manifest.implementing(role))
        if response is not None:
            rows |= _words(response.statuses)
            rows |= {f"{kind} error {number}" for number in range(len(response.errors))}
    found = manifest.callbacks
    if found is not None:
        for place, report in enumerate(found.report):
            rows |= _words(report.statuses)
            rows |= {f"report {place} error {number}" for number in range(len(report.errors))}
        rows |= {f"inbound {place}" for place in range(len(found.inbound))}
        rows |= {"ping"} if found.ping else set()
        rows |= {"confirm"} if found.confirm else set()
        rows |= {f"verify {one['scheme']}" for one in found.verify}
    return rows


def shown_by(manifest: Manifest, case: Mapping[str, object]) -> Iterator[str]:
    """The rows that one example goes through."""
    ran = examples.run(manifest, case)
    if ran is None:  # of another action, which has no such table
        return
    assert ran.wrong == ""
    if ran.kind in ROLES:
        yield from _of_answer(manifest, ran.kind, case)
    elif ran.error is None:
        settings = examples.settings_of(manifest, case)
        request = examples.request_of(manifest, case)
        live = [one for one in verify.options(manifest, settings) if verify.SCHEMES[one["scheme"]].configured(one)]  # fmt: skip
        proven = [one for one in live if one["scheme"] != "none"]
        yield from (f"verify {one['scheme']}" for one in proven or live)
        yield from _of_callback(manifest, request, ran.found)


def _words(table: Mapping[str, str]) -> set[str]:
    """A table's words. Two shapes that are read by one and the same table show it together."""
    name = "/".join(sorted({*table.values()})) + f" of {len(table)}"
    return {f"status {word} ({name})" for word in table}


def _word(table: Mapping[str, str], said: object) -> set[str]:
    return {one for one in _words(table) if one.startswith(f"status {str(said).strip().casefold()} (")}  # fmt: skip


def _response(action: Action | None) -> Response | None:
    return action.response if action else None


def _of_answer(manifest: Manifest, kind: str, case: Mapping[str, object]) -> Iterator[str]:
    response = _response(manifest.implementing(ROLES[kind]))
    assert response is not None
    script = Script(list(case.get("answers", [])))  # type: ignore[call-overload]
    while script.left and "failure" not in script.left[0]:
        answer = script.send(Call("GET", "https://gateway.example", {}, None))
        sources = sources_of(answer)
        good = 200 <= answer.status < 300 and response.ok.holds(sources)
        if good:
            word = response.status.read(sources) if response.status else None
            yield from _word(response.statuses, word)
        if not good or kind == "ask":
            row = _first(response.errors, sources, None if good else answer.status)
            if row is not None:
                yield f"{kind} error {row}"
        if not good:  # the failure says the same as the row
            assert failure(response, answer, sources, manifest.name).code


def _first(rows: tuple[ErrorRow, ...], sources: Mapping[str, object], http: int | None) -> int | None:  # fmt: skip
    fits = ((not row.http or http in row.http) and row.when.holds(sources) for row in rows)
    return next((number for number, fit in enumerate(fits) if fit), None)


def _of_callback(
    manifest: Manifest, request: IncomingRequest, found: tuple[Report | Inbound | Ping, ...]
) -> Iterator[str]:
    said = manifest.callbacks
    assert said is not None
    for one in found:
        if isinstance(one, Ping) and one.known:
            yield "confirm" if one.confirm else "ping"
    sources = callbacks.without_tokens(said, request.sources)
    for place, report in enumerate(said.report):
        for _, entry in callbacks.entries(report.when, report.each, sources):
            word = report.status.read(entry) if report.status else None
            if any(isinstance(one, Report) and one.raw_status == str(word).strip() for one in found):  # fmt: skip
                yield from _word(report.statuses, word)
                row = _first(report.errors, entry, None)
                if row is not None:
                    yield f"report {place} error {row}"
    for place, inbound in enumerate(said.inbound):
        entries = callbacks.entries(inbound.when, inbound.each, sources)
        if any(isinstance(one, Inbound) for one in found) and any(True for _ in entries):
            yield f"inbound {place}"
            break


def all_shown(manifest: Manifest) -> set[str]:
    """What a gateway's examples show, and those of the one that it extends."""
    shown = {row for case in harness.cases_of(manifest) for row in shown_by(manifest, case.data)}
    written = yamltext.read_file(manifest.folder / "connector.yaml", "connector.yaml").data
    parent = written.get("extends")
    return shown | (all_shown(harness.CATALOGUE.connectors[parent]) if parent else set())


@pytest.mark.parametrize("manifest", GATEWAYS, ids=lambda one: one.id)
def test_every_row_of_every_table_is_shown(manifest: Manifest) -> None:
    assert sorted(rows_of(manifest) - all_shown(manifest)) == []
