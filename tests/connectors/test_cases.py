"""Every connector there is, driven by its own examples, and what holds for all of them."""

from __future__ import annotations

import logging
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from tests.connectors import harness

from ringback.clock import to_ms
from ringback.connectors import examples, values, verify
from ringback.connectors.manifest import STATUSES, Manifest

LOOPBACK = ("127.0.0.1", "::1", "localhost")
CONNECTORS = list(harness.CATALOGUE.connectors.values())


@pytest.fixture(autouse=True)
def _nothing_leaves_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        assert host in LOOPBACK, f"a case calls {host}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def test_every_connector_of_the_shelf_loads() -> None:
    assert [str(problem) for problem in harness.CATALOGUE.problems] == []
    assert len(CONNECTORS) > 0


@pytest.mark.parametrize("case", harness.CASES, ids=lambda case: case.label)
def test_case(case: harness.Case, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        harness.run(case, tmp_path)
    for secret in values.secret_values(case.manifest.settings, case.data.get("settings", {})):
        assert secret not in caplog.text


@pytest.mark.parametrize("manifest", CONNECTORS, ids=lambda manifest: manifest.id)
def test_everything_a_connector_offers_has_a_case(manifest: Manifest) -> None:
    shown = {case.subject for case in harness.cases_of(manifest)}
    assert shown, f"{manifest.id} has no examples"
    offered = {trigger.full for trigger in manifest.triggers.values()}
    for action in manifest.actions.values():
        roles = {"sms.send": "send", "sms.status": "ask"}
        offered.add(roles.get(action.implements or "", action.full))
    if manifest.callbacks is not None:
        offered.add("callback")
    assert offered - shown == set()


@pytest.mark.parametrize("manifest", CONNECTORS, ids=lambda manifest: manifest.id)
def test_a_recorded_example_says_where_it_comes_from(manifest: Manifest) -> None:
    for case in harness.cases_of(manifest):
        assert case.data.get("title"), f"{case.label} has no title"
        if case.file.suffix == ".json":
            assert {"where", "date"} <= set(case.data.get("source", {})), case.label


@pytest.mark.parametrize("manifest", CONNECTORS, ids=lambda manifest: manifest.id)
def test_a_manifest_stays_within_its_budget(manifest: Manifest) -> None:
    if manifest.callbacks is not None:
        for report in manifest.callbacks.report:
            assert set(report.statuses.values()) <= set(STATUSES)
        reported = [key for block in ("report", "inbound") for key in manifest.callbacks.raw.get(block, {})]  # fmt: skip
        assert len(reported) <= 30


GATEWAYS = [one for one in CONNECTORS if one.kind == "sms-gateway"]
NOBODYS = {"generic_http"}
"""Gateways that are no provider's, so that there is nobody whose pages could be named."""


@pytest.mark.parametrize("manifest", GATEWAYS, ids=lambda manifest: manifest.id)
def test_a_gateway_has_its_icon_its_pages_and_its_steps(manifest: Manifest) -> None:
    icon = (manifest.folder / manifest.icon).read_text("utf-8")
    assert manifest.icon.endswith(".svg")
    assert ElementTree.fromstring(icon).tag == "{http://www.w3.org/2000/svg}svg"
    drawn = icon.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<script|\bon\w+=|href|url\(|https?:", drawn), "an icon calls nobody"
    assert len(icon) < 2_000
    if manifest.id not in NOBODYS:
        link = urlsplit(manifest.docs)
        assert (link.scheme, bool(link.hostname), link.query, link.fragment) == ("https", True, "", "")  # fmt: skip
    assert manifest.setup
    assert manifest.price is not None


PROVEN = [
    case
    for case in harness.CASES
    if "callback" in case.data
    and "expect" in case.data
    and not case.data.get("settings", {}).get("callbacks_open")
]


@pytest.mark.parametrize("case", PROVEN, ids=lambda case: case.label)
def test_a_callback_without_its_proof_is_refused(case: harness.Case) -> None:
    settings, request = harness.settings_of(case), harness.request_of(case)
    now_ms, public_url = to_ms(harness.now_of(case)), examples.public_url_of(request)
    live = [entry for entry in verify.options(case.manifest, settings) if _live(entry)]
    names = {entry["scheme"] for entry in live}
    bare = replace(request, url=request.url.partition("?")[0], query=[], headers={})
    if names & {"sns", "parameters"}:  # the proof is one of the fields
        bare = replace(bare, body=request.body.replace(b"2", b"3"))
    with pytest.raises(verify.Refused):
        verify.check(case.manifest, settings, bare, public_url, now_ms)
    if any(_covers_body(entry) for entry in live):
        changed = replace(request, body=request.body + b" ")
        with pytest.raises(verify.Refused):
            verify.check(case.manifest, settings, changed, public_url, now_ms)
    if "token" in names:
        wrong = replace(request, query=[(name, value + "x") for name, value in request.query])
        with pytest.raises(verify.Refused):
            verify.check(case.manifest, settings, wrong, public_url, now_ms)


def _covers_body(entry: dict[str, Any]) -> bool:
    """Whether what a scheme signs holds the body; there are gateways that sign their address alone."""
    if entry["scheme"] == "hmac":
        pieces = ("{body}", "{body_sha256}", "{fields}", "{sorted_request}")
        return any(piece in entry.get("signed", "{body}") for piece in pieces)
    return entry["scheme"] in ("standard_webhooks", "ed25519")


def _live(entry: dict[str, Any]) -> bool:
    return verify.SCHEMES[entry["scheme"]].configured(entry)
