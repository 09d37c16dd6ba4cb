"""What may stand at a place of a workflow, and what it means: the schema first, connectors below `with`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ringback.workflow.check_values import FREE
from ringback.workflow.model import CatalogueLike, FieldLike, UsableLike
from ringback.workflow.outline import Outline, Place
from ringback.workflow.shape import schema

_KINDS = {"string": "text", "array": "list"}


@dataclass(frozen=True)
class Spot:
    """One place. `keys` are what may stand under it; `type` is a field type of the connectors."""

    title: str = ""
    description: str = ""
    type: str = ""
    example: Any = None
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    node: Any = None
    takes: Mapping[str, FieldLike] | None = None


def usable_at(path: Place, outline: Outline, catalogue: CatalogueLike) -> UsableLike | None:
    """The action or trigger of the step or trigger whose `with` a path goes through."""
    if "with" not in path:
        return None
    holder = path[: path.index("with")]
    uses = outline.value((*holder, "uses"))
    return catalogue.trigger(uses) if is_trigger(holder) else catalogue.action(uses)


def is_trigger(path: Place) -> bool:
    """Whether a path is that of a trigger."""
    return bool(path) and path[0] in {"trigger", "triggers"}


def spot(path: Place, outline: Outline, catalogue: CatalogueLike) -> Spot | None:
    """What is known of a place; None where the schema and the connectors say nothing."""
    here: Spot | None = _of_schema(schema("workflow"))
    for at, part in enumerate(path):
        if here is None:
            return None
        here = _child(here, part)
        if part == "with" and here is not None and at:
            usable = usable_at(path[: at + 1], outline, catalogue)
            if usable is None:
                return here if at == len(path) - 1 else None
            here = Spot(f"Inputs of {usable.full}", usable.description, takes=usable.inputs)
    return here


def keys(here: Spot) -> dict[str, Spot]:
    """What may stand under a place, by key."""
    if here.takes is not None:
        return {name: of_field(one) for name, one in here.takes.items() if name != FREE}
    if isinstance(here.node, Mapping):
        needed = here.node.get("required", ())
        return {
            name: _of_schema(one, name in needed)
            for name, one in here.node.get("properties", {}).items()
        }
    return {}


def _child(here: Spot, part: str | int) -> Spot | None:
    if here.takes is not None:
        if isinstance(part, int):
            return here
        field = here.takes.get(part, here.takes.get(FREE))
        return of_field(field) if field else None
    node = here.node
    if isinstance(node, Mapping):
        if isinstance(part, int):
            inner = node.get("items", mapping_of(node.get("else")).get("items"))
        else:
            inner = node.get("properties", {}).get(part, node.get("additionalProperties"))
        return _of_schema(inner) if isinstance(inner, Mapping) else None
    return None


def mapping_of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def of_field(field: FieldLike) -> Spot:
    """A connector's field."""
    takes: Mapping[str, FieldLike] | None = None
    below = field.items if field.type == "list" and field.items is not None else field
    if below.type == "object" and (below.properties or below.additional is not None):
        takes = {**below.properties, **({FREE: below.additional} if below.additional else {})}
    return Spot(
        field.title, field.description, field.type, field.example, field.required, field.default,
        tuple(below.choices), takes=takes,
    )  # fmt: skip


def _of_schema(node: Mapping[str, Any], required: bool = False) -> Spot:
    if "$ref" in node:
        node = schema("workflow")["$defs"][node["$ref"].rsplit("/", 1)[1]]
    kind = node.get("type", "")
    choices = node.get("enum") or mapping_of(node.get("then")).get("enum") or ()
    return Spot(
        title=node.get("title", ""),
        description=node.get("description", ""),
        type=_KINDS.get(kind, kind) if isinstance(kind, str) else "",
        example=next(iter(node.get("examples", ())), None),
        required=required,
        default=node.get("default"),
        choices=tuple(choices),
        node=node,
    )
