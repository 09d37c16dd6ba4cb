"""The connector schema explains itself: whatever it offers has a title, a description and an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from ringback.connectors.manifest import FIELD_TYPES, STATUSES, Effect
from ringback.connectors.reading import schema
from ringback.connectors.verify import SCHEMES
from ringback.connectors.verify.pieces import PIECES
from ringback.problems import CODES


def offered(node: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(node, Mapping):
        return
    for name, inner in node.get("properties", {}).items():
        yield f"{place}.{name}", inner
        yield from offered(inner, f"{place}.{name}")
    for key in ("items", "additionalProperties"):
        yield from offered(node.get(key), place)
    for one in (*node.get("oneOf", ()), *node.get("patternProperties", {}).values()):
        yield from offered(one, place)
    for name, inner in node.get("$defs", {}).items():
        yield f"${name}", inner
        yield from offered(inner, f"${name}")


OFFERED = list(offered(schema()))


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(dict(schema()))
    assert len(OFFERED) > 100


@pytest.mark.parametrize(("place", "node"), OFFERED, ids=lambda one: one if isinstance(one, str) else "")  # fmt: skip
def test_everything_has_words_and_an_example(place: str, node: Mapping[str, Any]) -> None:
    assert node.get("title"), place
    assert str(node.get("description", "")).rstrip().endswith((".", "…")), place
    assert node.get("examples") or place == "$when", place


def test_its_words_are_the_programs() -> None:
    defs = schema()["$defs"]
    assert defs["field"]["properties"]["type"]["enum"] == list(FIELD_TYPES)
    assert defs["error"]["properties"]["code"]["enum"] == list(CODES)
    assert sorted(defs["verify"]["properties"]["scheme"]["enum"]) == sorted(SCHEMES)
    pattern = defs["verify"]["properties"]["signed"]["pattern"]
    assert f"({'|'.join(PIECES)})" in pattern
    statuses = defs["report"]["properties"]["statuses"]["additionalProperties"]["enum"]
    assert statuses == list(STATUSES)
    effects = defs["action"]["properties"]["effect"]["oneOf"][0]["enum"]
    assert effects == list(get_args(Effect))


def test_a_gateways_manifest_stays_small() -> None:
    """About thirty keys; a gateway that needs a thirty-first is a Python action."""
    defs = schema()["$defs"]
    blocks = ("request", "response", "callbacks", "report", "inbound")
    keys = {key for block in blocks for key in defs[block]["properties"]}
    assert len(keys) <= 40, sorted(keys)
