"""JSON Schema of fields, for editors, the API and other platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ringback.connectors.manifest import FREE, Field

_FILE_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name"},
        "size": {"type": "integer", "title": "Size in bytes"},
        "media_type": {"type": "string", "title": "Media type"},
        "sha256": {"type": "string", "title": "SHA-256, hex"},
    },
    "required": ["sha256"],
}
_SHAPES: dict[str, dict[str, Any]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "email": {"type": "string", "format": "email"},
    "url": {"type": "string", "format": "uri"},
    "date": {"type": "string", "format": "date"},
    "file": _FILE_SCHEMA,
    "message": {"type": "object", "required": ["id"]},
    "list": {"type": "array"},
    "object": {"type": "object"},
    "any": {},
    "choice": {},
    "secret": {"type": "string", "writeOnly": True},
}


def json_schema(fields: Mapping[str, Field], *, templates: bool = False) -> dict[str, Any]:
    """JSON Schema of a set of fields. With `templates`, a text holding a template fits any field that fills them in."""
    named = {name: field for name, field in fields.items() if name != FREE}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: field_schema(one, templates=templates) for name, one in named.items()},
        "additionalProperties": field_schema(fields[FREE], templates=templates)
        if FREE in fields
        else False,
    }
    required = [name for name, one in named.items() if one.required and one.default is None]
    return schema | ({"required": required} if required else {})


def field_schema(field: Field, *, templates: bool = False) -> dict[str, Any]:
    """JSON Schema of one field, with its words for people."""
    said = {"title": field.title, "description": field.description, "default": field.default}
    said["examples"] = [field.example] if field.example is not None else None
    shown = {key: value for key, value in said.items() if value not in (None, "")}
    shape = _shape(field, templates=templates)
    if templates and field.template and shape and shape.get("type") != "string":
        return shown | {"anyOf": [shape, {"type": "string", "pattern": r"\{\{|\{%"}]}
    return shown | shape


def _shape(field: Field, *, templates: bool) -> dict[str, Any]:
    if field.schema is not None:
        return dict(field.schema)
    shape = dict(_SHAPES.get(field.type, {"type": "string"}))
    if field.choices:
        return {"enum": list(field.choices)}
    if field.items is not None:
        items = field_schema(field.items, templates=templates)
        return {"anyOf": [{"type": "array", "items": items}, items]}
    if field.type == "object" and (field.properties or field.additional is not None):
        free = {FREE: field.additional} if field.additional is not None else {}
        return json_schema({**field.properties, **free}, templates=templates)
    return shape
