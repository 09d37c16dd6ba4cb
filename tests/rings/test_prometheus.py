"""A real Prometheus and promtool: they take the rules, each alert fires where it should, and every question has an answer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.rings import prometheus
from tests.rings.garage import Garage, served
from tests.rings.kannel import until
from tests.rings.needed import absent

from ringback.cli.demo import _free_ports, _process

pytestmark = pytest.mark.ring

SCENES = Path(__file__).parent.parent / "observe" / "alerts.yml"
PROJECT = """\
project: {{ name: Riverside Garage, country: GB, timezone: Europe/London }}
public_url: http://127.0.0.1:{port}
send_through: front-desk
connections:
  front-desk:
    uses: mysmsgate
    with: {{ api_key: ring-key-0123456789, base_url: "http://127.0.0.1:{gateway}", callback_token: ring-callback-token }}
serve: {{ port: {port}, workers: 4 }}
api: {{ tokens: [ring-api-token-0123456789] }}
"""
WORKFLOWS = {
    "ready": """\
name: Vehicle ready
trigger: { uses: webhook.received, with: { path: ready } }
steps:
  - { id: text, uses: sms.send, with: { to: "{{ trigger.body.phone }}", text: "Your car {{ trigger.body.car }} is ready." } }
""",
    "later": """\
name: Later
trigger: { uses: webhook.received, with: { path: later } }
steps:
  - { uses: flow.wait, with: { for: 1 hour } }
""",
}
QUIET = {"ringback_silent_messages_total"}
"""Told only after hours of silence."""
ALARMED = {"RingbackRunsFail", "RingbackGatewayRefuses", "RingbackCallbacksRefused"}
"""What the traffic of this ring gives cause for."""


@pytest.fixture(autouse=True)
def needed() -> None:
    if reason := prometheus.missing():
        absent(reason)


def test_promtool_takes_the_rules_and_the_documented_configuration(tmp_path: Path) -> None:
    prometheus.promtool("check", "rules", prometheus.RULES)
    (tmp_path / prometheus.RULES.name).write_text(prometheus.RULES.read_text())
    (tmp_path / "prometheus.yml").write_text(prometheus.as_documented())
    prometheus.promtool("check", "config", tmp_path / "prometheus.yml")


def test_each_alert_fires_where_it_should_and_nowhere_else() -> None:
    prometheus.promtool("test", "rules", SCENES)


def test_every_question_is_answered(tmp_path: Path) -> None:
    port, gateway, looker = _free_ports(3)
    project = tmp_path / "garage"
    (project / "workflows").mkdir(parents=True)
    (project / "ringback.yaml").write_text(PROJECT.format(port=port, gateway=gateway))
    for name, text in WORKFLOWS.items():
        (project / "workflows" / f"{name}.yaml").write_text(text)
    rehearse = ["rehearse", "--port", str(gateway), "--delay", "100 ms"]
    try:
        with (
            (tmp_path / "rehearse.log").open("wb") as log,
            _process(rehearse, project, log),
            served(project, port) as garage,
            prometheus.running(tmp_path / "prometheus", looker, port) as it,
        ):
            until("Ringback is scraped", lambda: it.values("ringback_build_info"))
            garage.session.post(f"{garage.address}/hooks/later", json={})
            for cars in (range(12), range(12, 24)):
                busy(garage, it, cars)
            until("the run that waits is told", lambda: it.values("ringback_waits"))
            for expression in questions():
                values = it.values(expression)
                named = set(re.findall(r"ringback_\w+", expression))
                assert values or named <= QUIET, expression
                assert not any(map(math.isnan, values)), expression
            rules = it.ask("rules")["groups"][0]["rules"]
            assert {one["name"]: one.get("lastError") for one in rules if one["health"] != "ok"} == {}  # fmt: skip
            alarmed = {one["name"] for one in rules if one.get("state", "inactive") != "inactive"}
            # the disk is this machine's own affair
            assert {name for name in alarmed if not name.startswith("RingbackDisk")} == ALARMED
    except BaseException:
        for one in sorted(tmp_path.rglob("*.log")):
            print(f"== {one.name}", one.read_text("utf-8", "replace")[-4000:], sep="\n")
        raise


def busy(garage: Garage, it: prometheus.Prometheus, cars: range) -> None:
    """Texts that arrive, texts that the gateway refuses, forged callbacks; until Prometheus has seen them."""
    for car in cars:
        phone = f"+447700{car:02d}{'0007' if car % 3 == 0 else '0077'}"
        garage.session.post(f"{garage.address}/hooks/ready", json={"car": car, "phone": phone})
    for _ in cars:
        assert not requests.post(f"{garage.address}/callbacks/front-desk", json={}).ok
    seen = {
        'ringback_receipts_total{workflow="ready"}': cars.stop,
        'ringback_runs_finished_total{state="failed"}': cars.stop // 3,
        'ringback_message_statuses_total{status="delivered"}': cars.stop - cars.stop // 3,
    }
    for figure, count in seen.items():
        until(figure, lambda f=figure, n=count: it.values(f"sum({f})") == [n])  # type: ignore[misc]


def questions() -> Iterator[str]:
    """Every expression of the dashboard and of the page."""
    page = prometheus.OBSERVING
    for panel in json.loads((page.parent / "observing/ringback.dashboard.json").read_text())["panels"]:  # fmt: skip
        yield from (target["expr"] for target in panel["targets"])
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("| ") and "ringback_" in line:
            yield from re.findall(r"`([^`]*ringback_[^`]*)`", line)
