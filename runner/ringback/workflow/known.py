"""What is under a name that a template reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ringback.expressions import is_template
from ringback.workflow.check_values import FREE
from ringback.workflow.model import FieldLike, UsableLike
from ringback.workflow.surroundings import Data, mapping

Shape = Any
"""A `FieldLike`, a mapping of names to shapes, or None: anything may be there."""

FILE = dict.fromkeys(("name", "size", "media_type", "sha256"))
MESSAGE = dict.fromkeys(
    (
        "id", "to", "text", "status", "connection", "gateway_id", "segments", "encoding", "sent_at", "cost",
        "currency",
    )
)  # fmt: skip
_METHODS = frozenset({"get", "items", "keys", "values"})


class OneOf(NamedTuple):
    """The shape of a text that is one of some words."""

    words: tuple[str, ...]


class Unknown(NamedTuple):
    """A name that is not there: its position in the path, and what is."""

    at: int
    names: tuple[str, ...]


def outputs(usable: UsableLike, given: Data) -> Shape:
    """What a step that uses an action, or a trigger, yields when it is given these inputs."""
    known: dict[str, Shape] = {
        name: field for name, field in usable.outputs.items() if name != FREE
    }
    if FREE in usable.outputs:
        return None
    for name, field in usable.outputs.items():
        named = _named_by_inputs(usable, name, field, given)
        if named is not None:
            known[name] = named
    if usable.outputs_from is None:
        return known
    if usable.outputs_from == FREE and not usable.inputs:
        return None
    source = given if usable.outputs_from == FREE else given.get(usable.outputs_from)
    if source is None:
        return known
    if not isinstance(source, Mapping):
        return None
    return {**dict.fromkeys(source), **known}


def _named_by_inputs(usable: UsableLike, name: str, field: FieldLike, given: Data) -> Shape:
    """The names in an output that an input determines: `files` by the `files` asked for, `body` by `body_schema`."""
    if field.type == "object" and field.additional is not None and field.additional.type == "file":
        asked = given.get(name)
        if name in usable.inputs and isinstance(asked, Mapping):
            return dict.fromkeys(asked, field.additional)
    if f"{name}s" in usable.inputs and isinstance(given.get(f"{name}s"), Mapping):
        # `keyword` is the name of one of the sets in `keywords`, or what a `pattern` beside them found
        return field if given.get("pattern") is not None else OneOf(tuple(given[f"{name}s"]))
    if f"{name}_schema" in usable.inputs:
        return by_json_schema(given.get(f"{name}_schema"))
    return None


def by_json_schema(schema: Any) -> Shape:
    """The names that a JSON Schema allows; None where it allows others."""
    said = mapping(schema)
    if said.get("additionalProperties") is not False or not isinstance(
        said.get("properties"), Mapping
    ):
        return None
    return {name: by_json_schema(inner) for name, inner in said["properties"].items()}


def children(shape: Shape) -> Mapping[str, Shape] | None:
    """What is under a shape by name; None where anything may be."""
    if shape is None:
        return None
    if isinstance(shape, OneOf):
        return None
    if isinstance(shape, Mapping):
        return shape
    field: FieldLike = shape
    if field.schema is not None:
        allowed: Mapping[str, Shape] | None = by_json_schema(field.schema)
        return allowed
    if field.type == "file":
        return FILE
    if field.type == "message":
        return field.properties or MESSAGE
    if field.type == "object" and field.properties and field.additional is None:
        return field.properties
    return None


def unknown_part(shape: Shape, path: Sequence[str], start: int) -> Unknown | None:
    """The first name of a path, from `start` on, that is not under `shape`; None where all may be."""
    for at in range(start, len(path)):
        name = path[at]
        known = children(shape)
        if known is None:
            return None
        if name not in known:
            return None if name in _METHODS else Unknown(at, tuple(known))
        shape = known[name]
    return None


def words_of(shape: Shape, path: Sequence[str]) -> tuple[str, ...]:
    """The words of which the value at a path is one; empty where it may be others."""
    for name in path:
        known = children(shape)
        if known is None or name not in known:
            return ()
        shape = known[name]
    if isinstance(shape, OneOf):
        return tuple(map(str, shape.words))
    if shape is None or isinstance(shape, Mapping):
        return ()
    field: FieldLike = shape
    return tuple(map(str, field.choices)) if field.type == "choice" else ()


def constant(value: Any) -> bool:
    """Whether a value holds no template at its top."""
    return not (isinstance(value, str) and is_template(value))
