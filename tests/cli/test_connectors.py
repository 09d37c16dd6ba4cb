"""`ringback connectors`: every connector, action and trigger can be shown, for people and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringback.cli import commands
from ringback.connectors.catalogue import load_catalogue

CATALOGUE = load_catalogue()
NAMES = sorted({*CATALOGUE.connectors, *CATALOGUE.actions, *CATALOGUE.triggers})


def connectors(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["connectors", *arguments])


def test_the_list_names_all() -> None:
    shown = connectors()
    assert shown.exit_code == 0
    for name in NAMES:
        assert name in shown.output
    told = json.loads(connectors("--json").stdout)
    assert {one["id"] for one in told} == set(CATALOGUE.connectors)


@pytest.mark.parametrize("name", NAMES)
def test_one(name: str) -> None:
    shown = connectors(name)
    assert shown.exit_code == 0, shown.output
    assert name in shown.output
    assert json.loads(connectors(name, "--json").stdout)


def test_an_unknown_one_names_the_nearest() -> None:
    shown = connectors("sms.sned")
    assert shown.exit_code == 1
    assert "Did you mean `sms.send`?" in shown.output


def test_the_callback_address_of_a_connection(tmp_path: Path) -> None:
    CliRunner().invoke(commands, ["init", str(tmp_path)])
    shown = connectors("mysmsgate", "--project", str(tmp_path))
    assert "callbacks go to http://127.0.0.1:8080/callbacks/front-desk" in shown.output


def test_the_matrix_has_a_line_for_each_gateway() -> None:
    shown = connectors("--matrix")
    assert shown.exit_code == 0, shown.output
    gateways = [one.id for one in CATALOGUE.connectors.values() if one.kind == "sms-gateway"]
    assert len(gateways) > 0
    lines = shown.output.splitlines()
    assert {line.split()[0] for line in lines if line.split()} >= {"gateway", *gateways}
    told = json.loads(connectors("--matrix", "--json", gateways[0]).stdout)
    assert [row["gateway"] for row in told] == [gateways[0]]
    assert told[0]["cells"]["send"]["shown_by"]


def test_the_matrix_of_what_is_no_gateway() -> None:
    shown = connectors("--matrix", "http")
    assert shown.exit_code == 1
