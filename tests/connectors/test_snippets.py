"""The connectors that the documents show are built just as they stand there, checked, run and rehearsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.connectors import harness

from ringback import paths
from ringback.clock import SimulatedClock
from ringback.connectors import callbacks, invoke, verify
from ringback.connectors.callbacks import IncomingRequest, Report
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.manifest import Manifest
from ringback.rehearsal.gateway import Rehearsal
from ringback.rehearsal.inprocess import InProcess
from ringback.rehearsal.project import stand_in_settings

HOUSE = paths.shelf("connectors").parent
PAGES = ("CONTRIBUTING.md", "docs/own-gateway.md")
_FILE = re.compile(r"^`(connectors/[^`]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
URL = "https://school.example/callbacks/front-desk"


def snippets(page: str) -> Iterator[tuple[str, str]]:
    """The files that a page shows: each one's path on a line of its own, then its content."""
    for found in _FILE.finditer((HOUSE / page).read_text("utf-8")):
        yield found[1], found[2]


NAMED = sorted({(page, path.split("/")[1]) for page in PAGES for path, _ in snippets(page)})


@pytest.fixture
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Manifest:
    page, name = request.param
    for path, content in snippets(page):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
    catalogue = load_catalogue(tmp_path)
    assert [str(one) for one in catalogue.problems if f"connectors/{name}/" in one.file] == []
    return catalogue.connectors[name]


def test_the_pages_show_connectors() -> None:
    assert [name for _, name in NAMED] == ["acme", "oldgate", "village"]


def test_the_shortest_is_short() -> None:
    files = dict(snippets("CONTRIBUTING.md"))
    assert len(files["connectors/acme/connector.yaml"].splitlines()) <= 5


@pytest.mark.parametrize("built", NAMED, indirect=True, ids=[name for _, name in NAMED])
def test_its_examples_hold(built: Manifest, tmp_path: Path) -> None:
    cases = list(harness.cases_of(built))
    assert {case.subject for case in cases} >= {"send"}
    for case in cases:
        assert {"where", "date"} <= set(case.data["source"])
        harness.run(case, tmp_path)


@pytest.mark.parametrize("built", NAMED, indirect=True, ids=[name for _, name in NAMED])
def test_it_is_rehearsed(built: Manifest) -> None:
    settings, clock = stand_in_settings(built, {}), SimulatedClock(1_782_657_000_000)
    heard: list[object] = []

    def deliver(_connection: str, request: IncomingRequest) -> None:
        verify.check(built, settings, request, "https://school.example", clock.now_ms())
        heard.extend(callbacks.read(built, settings, request))

    transport = InProcess([Rehearsal(built, settings, URL, clock, seed=1)], clock, deliver)
    message = {"id": "msg_1", "to": "+447700900077", "text": "Hi “Amina” — 10 € & more"}
    sent = invoke.send_sms(built, settings, message, transport, callback_url=URL)
    assert sent.status == "accepted"
    while (at := transport.next_at()) is not None:
        clock.advance_to(at)
        transport.deliver_due()
    assert [one.text for one in transport.taken] == [message["text"]]
    reports = [one for one in heard if isinstance(one, Report)]
    assert [one.status for one in reports] == ["sent", "delivered"]
    assert all(one.gateway_id == sent.gateway_id or one.reference == "msg_1" for one in reports)
