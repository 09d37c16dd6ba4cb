from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator

from ringback.workflow.shape import schema

NAMES: list[Literal["workflow", "project"]] = ["workflow", "project"]


def fields(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every field of a schema: each property, and each definition that one may refer to."""
    if not isinstance(node, Mapping):
        return
    for key in ("properties", "$defs"):
        for name, inner in node.get(key, {}).items():
            yield f"{path}/{name}", inner
            yield from fields(inner, f"{path}/{name}")
    for key in ("items", "additionalProperties"):
        yield from fields(node.get(key), f"{path}/*")


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name: Literal["workflow", "project"]) -> None:
    Draft202012Validator.check_schema(dict(schema(name)))


@pytest.mark.parametrize("name", NAMES)
def test_every_field_has_title_description_and_a_fitting_example(
    name: Literal["workflow", "project"],
) -> None:
    whole = schema(name)
    for path, node in fields(whole):
        if "$ref" in node:
            continue
        assert node.get("title"), path
        assert node.get("description"), path
        assert node.get("examples"), path
        validator = Draft202012Validator({**node, "$defs": whole.get("$defs", {})})
        for example in node["examples"]:
            assert not list(validator.iter_errors(example)), path
