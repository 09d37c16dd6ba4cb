"""Fields of manifests and of schemas, in words: for `ringback connectors` and for the reference pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ringback.connectors.manifest import Action, EffectBy, Field, Manifest, Trigger

EFFECTS = {
    "none": "computes only; may be done again",
    "repeatable": "safe to repeat",
    "once": "never repeated by itself",
}

ANY_CALLBACK_URL = "<public_url>/callbacks/<connection>"
"""The address that a gateway's callbacks go to, where no connection is meant."""


class Row(NamedTuple):
    """One field as a row of a table."""

    name: str
    type: str
    required: bool
    default: str
    title: str
    description: str
    example: str


def rows(fields: Mapping[str, Field], prefix: str = "") -> Iterator[Row]:
    """The fields in their order, those inside an object below it as `auth.header`."""
    for name, field in fields.items():
        shown = f"{prefix}{'(any name)' if name == '*' else name}"
        yield Row(
            shown,
            say_type(field),
            field.required,
            say(field.default),
            field.title,
            field.description,
            say(field.example),
        )
        yield from rows(field.properties, f"{shown}.")
        if field.items is not None and field.items.properties:
            yield from rows(field.items.properties, f"{shown}[].")
        if field.additional is not None:
            yield from rows({"*": field.additional}, f"{shown}.")


def offers(manifest: Manifest) -> list[Action | Trigger]:
    """Everything a connector offers, triggers first."""
    return [*manifest.triggers.values(), *manifest.actions.values()]


def say_type(field: Field) -> str:
    """`phone`, `list of text`, `one of GET, POST`."""
    if field.choices:
        return "one of " + ", ".join(say(choice) for choice in field.choices)
    if field.type == "list" and field.items is not None:
        return f"list of {say_type(field.items)}"
    return str(field.type)


def say(value: Any) -> str:
    """A value as one would write it in YAML on one line; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Mapping | list):
        import yaml

        written = yaml.safe_dump(
            value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=100_000
        )
        return str(written).strip()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def say_effect(effect: str | EffectBy) -> str:
    """What repeating an action means, in words."""
    if isinstance(effect, str):
        return f"{effect}: {EFFECTS[effect]}"
    table = ", ".join(f"{value} {one}" for value, one in effect.table.items())
    words = " or ".join(f"`{name}`" for name in effect.repeatable_with)
    keyed = f"; with {words}, repeatable" if words else ""
    return f"by `{effect.by}`: {table}, else {effect.otherwise}{keyed}"


def free_outputs(one: Action | Trigger) -> str:
    """The sentence about outputs that are named by an input, if there are such."""
    if one.outputs_from is None:
        return ""
    if one.outputs_from == "*":
        return "Also one output for each input, by its name."
    return f"Also one output for each entry of `{one.outputs_from}`, by its name."
