"""The page, the alert rules and the dashboard speak of figures that there are."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest
import yaml

from ringback.observe.figures import FIGURES, NOT_TAKEN
from ringback.paths import shelf
from ringback.problems import CODES

DOCS = shelf("schemas").parent / "docs"
TOLD = {
    f"{figure.full(name)}{ending}"
    for name, figure in FIGURES.items()
    for ending in (("_bucket", "_sum", "_count") if figure.kind == "histogram" else ("",))
}


@pytest.mark.parametrize(
    "page", ["observing.md", "observing/ringback.rules.yml", "observing/ringback.dashboard.json"]
)
def test_every_figure_named_there_is_told(page: str) -> None:
    named = set(re.findall(r"\bringback_\w+", (DOCS / page).read_text()))
    assert named
    assert named <= TOLD


def test_labels_named_in_rules_and_dashboard_are_the_figures_own() -> None:
    labels = {label for figure in FIGURES.values() for label in figure.labels} | {"instance", "le"}
    for page in ("observing/ringback.rules.yml", "observing/ringback.dashboard.json"):
        for group in re.findall(r"\bby \(([^)]*)\)", (DOCS / page).read_text()):
            assert set(re.split(r",\s*", group)) <= labels


RULES = yaml.safe_load((DOCS / "observing/ringback.rules.yml").read_text())["groups"][0]["rules"]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    assert all({"expr", "labels", "annotations"} <= set(rule) for rule in ALERTS.values())
    assert all(rule["labels"]["severity"] in {"page", "ticket"} for rule in ALERTS.values())
    assert all({"summary", "next"} == set(rule["annotations"]) for rule in ALERTS.values())


def test_every_alert_has_a_scene_in_which_it_fires() -> None:
    scenes = yaml.safe_load(Path(__file__).with_name("alerts.yml").read_text())["tests"]
    fires = {
        found
        for scene in scenes
        for test in scene.get("promql_expr_test", [])
        for sample in test["exp_samples"]
        for found in re.findall(r'alertname="(\w+)"', sample["labels"])
    } | {
        test["alertname"]
        for scene in scenes
        for test in scene.get("alert_rule_test", [])
        if test["exp_alerts"]
    }
    assert fires == set(ALERTS)


def test_outcomes_that_alerts_speak_of_are_told_from_the_start() -> None:
    """Of a counter that appears with its first count Prometheus never sees that count."""
    (not_taken,) = [rule["expr"] for rule in RULES if "sends_not_taken" in rule.get("record", "")]
    assert re.findall(r'outcome=~"([^"]*)"', not_taken) == ["|".join(NOT_TAKEN)]
    assert set(NOT_TAKEN) <= {*CODES, "broke"}


def test_the_dashboard_is_one_that_grafana_can_show() -> None:
    board = json.loads((DOCS / "observing/ringback.dashboard.json").read_text())
    (source,) = board["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    covered: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": f"${{{source['name']}}}"}
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = set(product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert not cells & covered, panel["title"]
        covered |= cells
        targets = {target["refId"]: target["expr"] for target in panel["targets"]}
        assert len(targets) == len(panel["targets"])
        assert all(targets.values())
        assert panel["fieldConfig"]["defaults"]["unit"] in {"ops", "short", "s", "bytes"}
        for override in panel["fieldConfig"]["overrides"]:
            assert override["matcher"]["options"] in targets


def test_rates_are_of_counters_only() -> None:
    texts = [rule["expr"] for rule in RULES]
    board = json.loads((DOCS / "observing/ringback.dashboard.json").read_text())
    texts += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    grown = set(re.findall(r"(?:rate|increase)\((\w+)", " ".join(texts)))
    assert grown
    assert {name for name in grown if not name.endswith(("_total", "_bucket", "_sum", "_count"))} == set()  # fmt: skip
    bare = re.findall(r"(?<!rate\()(?<!increase\()\b(ringback_\w+(?:_total|_bucket|_sum|_count))\b", " ".join(texts))  # fmt: skip
    assert bare == []
