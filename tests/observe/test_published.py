"""The page, the alert rules and the dashboard speak of figures that there are."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from ringback.observe.figures import FIGURES
from ringback.paths import shelf

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


def test_the_rules_and_the_dashboard_can_be_read() -> None:
    rules = yaml.safe_load((DOCS / "observing/ringback.rules.yml").read_text())["groups"][0][
        "rules"
    ]
    assert all({"alert", "expr", "labels", "annotations"} <= set(rule) for rule in rules)
    assert all({"summary", "next"} == set(rule["annotations"]) for rule in rules)
    panels = json.loads((DOCS / "observing/ringback.dashboard.json").read_text())["panels"]
    assert all(target["expr"] for panel in panels for target in panel["targets"])
