"""What `ringback connectors ID` tells an operator to do, by the connections that the project has."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.journal.rows import NOW

from ringback import yamltext
from ringback.cli import commands, connecting, fields
from ringback.clock import SimulatedClock
from ringback.connectors import values, verify
from ringback.connectors.catalogue import load_catalogue
from ringback.journal.heard import put_heard
from ringback.journal.journal import Journal

CATALOGUE = load_catalogue()
GATEWAYS = sorted(one.id for one in CATALOGUE.connectors.values() if one.kind == "sms-gateway")
PROJECT = """project: {{ name: Harbour School, country: GB, timezone: Europe/London }}
public_url: {public_url}
connections:
  desk: {{ uses: kannel, with: {{ username: ringback, password: "${{KANNEL_PASSWORD}}", callback_token: "${{TOKEN}}" }} }}
  bare: {{ uses: twilio, with: {{ account_sid: AC1, auth_token: "${{TWILIO_AUTH_TOKEN}}" }} }}
"""


def shown(name: str, folder: Path, public_url: str = "") -> str:
    if public_url:
        (folder / "ringback.yaml").write_text(PROJECT.format(public_url=public_url))
        (folder / ".env").write_text("KANNEL_PASSWORD=password-0001\nTOKEN=token0001\n")
    ran = CliRunner().invoke(commands, ["connectors", name, "--project", str(folder)] if public_url else ["connectors", name])  # fmt: skip
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_the_steps_hold_the_address_of_the_connection(tmp_path: Path) -> None:
    said = shown("kannel", tmp_path, "https://texts.example")
    assert "Set up connection desk" in said
    assert "callbacks go to https://texts.example/callbacks/desk?token=token0001\n" in said
    assert 'get-url = "https://texts.example/callbacks/desk?token=token0001&from=%q&' in said
    assert "{{" not in said
    assert "password-0001" not in said
    assert "Not set yet" not in said
    assert "Nothing proves" not in said


def test_a_connection_says_when_its_gateway_last_called(tmp_path: Path) -> None:
    assert "It has not called back yet." in shown("desk", tmp_path, "https://texts.example")
    journal = Journal.open(tmp_path / ".ringback" / "journal.db", SimulatedClock(NOW))
    for kind, at, word in (("ping", 1, ""), ("unknown_status", 2, "HELD"), ("unknown_status", 3, "HELD")):  # fmt: skip
        journal.write(
            partial(put_heard, connection="desk", kind=kind, now=NOW + at * 1000, word=word)
        )
    journal.close()
    said = shown("desk", tmp_path, "https://texts.example")
    assert "Set up connection desk" in said
    assert "Settings of a connection" not in said
    assert said.index("last called with a status that the connector does not know") < said.index("last called with a test or a handshake")  # fmt: skip
    assert re.search(r"“HELD” 2 times, last \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", said)
    assert "“HELD” 2 times" in shown("kannel", tmp_path, "https://texts.example")
    assert "It has not called back yet." in shown("twilio", tmp_path, "https://texts.example")


def test_what_is_not_set_is_named(tmp_path: Path) -> None:
    said = shown("twilio", tmp_path, "https://texts.example")
    assert "Not set yet: auth_token" in said
    assert "Nothing proves its callbacks yet" in said


@pytest.mark.parametrize(
    ("public_url", "local"),
    [
        ("http://127.0.0.1:8080", True), ("http://localhost:8080", True), ("http://192.168.1.7", True), ("http://[::1]:8080", True),
        ("https://texts.example", False), ("https://1.1.1.1", False),
    ],
)  # fmt: skip
def test_an_address_that_no_gateway_reaches_is_noted(
    public_url: str, local: bool, tmp_path: Path
) -> None:
    said = shown("twilio", tmp_path, public_url)
    assert ("is reached from this machine or its network alone" in said) == local


def test_a_connection_that_is_not_there_yet_in_a_project(tmp_path: Path) -> None:
    said = shown("plivo", tmp_path, "https://texts.example")
    assert "Set up a connection\n" in said
    assert "Message URL is https://texts.example/callbacks/front-desk with method POST" in said


@pytest.mark.parametrize("name", GATEWAYS)
def test_what_is_to_be_pasted_is_a_connection(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    said = shown(name, tmp_path)
    block = said.partition("under a name of your own:\n\n")[2].partition("\n\n")[0]
    written = yamltext.read(block, "ringback.yaml").data["connections"]["front-desk"]
    manifest = CATALOGUE.connectors[name]
    assert written["uses"] == name
    values.prepare(manifest.settings, written["with"])
    proofs = [line for line in block.splitlines() if "proves callbacks" in line]
    assert proofs or set(written["with"]) & set(verify.proof_settings(manifest))
    for variable in re.findall(
        r"\$\{(\w+)\}", "\n".join(block.splitlines()[: -len(proofs) or None])
    ):
        assert f"a line {variable}=…" in said


@pytest.mark.parametrize("name", GATEWAYS)
def test_the_steps_name_settings_that_there_are(name: str) -> None:
    manifest = CATALOGUE.connectors[name]
    said = "\n".join(manifest.steps(fields.ANY_CALLBACK_URL))
    for setting in re.findall(r"`(\w+): \$\{", said):
        assert setting in manifest.settings
    for setting in (key for key, one in manifest.settings.items() if one.required):
        assert re.search(rf"\b{setting}\b", said), f"no step says where {setting} comes from"
    assert any(re.search(rf"\b{one}\b", said) for one in verify.proof_settings(manifest))
    assert "/callbacks/" in said


def test_hosts_without_a_dot_are_of_the_own_network() -> None:
    assert connecting._is_local("http://gateway:8080")
