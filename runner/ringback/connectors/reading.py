"""Reads a connector.yaml and finds all that is wrong with it at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from ringback import paths, yamltext
from ringback.connectors import references
from ringback.connectors.building import build
from ringback.connectors.manifest import Manifest, Origin
from ringback.problems import Problem

Place = tuple[str | int, ...]

MESSAGE_FIELDS = (
    "id", "to", "to_digits", "to_national", "text", "coding", "unicode", "sender", "sender_digits", "reference",
    "gateway_id",
)  # fmt: skip
"""What a gateway's request may read of a message; `to` has the plus, `to_digits` has not."""


def read_manifest(
    source: str, folder: Path, file: str, origin: Origin, parent: Mapping[str, Any] | None = None
) -> tuple[Manifest | None, list[Problem]]:
    """The manifest that a text says, and every problem found in it; no manifest where one is an error.

    `parent` is the data of the connector named by `extends`, over which this one's keys are laid.
    """
    document = yamltext.read(source, file)
    found = list(document.problems)
    if _clean(found):
        data = document.data if parent is None else lay_over(parent, document.data)
        found += _shape_problems(data, document)
        if _clean(found):
            try:
                manifest = build(data, folder, file, origin)
            except ValueError as wrong:
                found.append(document.problem("manifest", str(wrong)))
            else:
                found += _meaning_problems(manifest, data, document)
                if _clean(found):
                    return manifest, found
    return None, found


def _clean(found: list[Problem]) -> bool:
    return not any(problem.severity == "error" for problem in found)


def lay_over(below: Any, above: Any) -> Any:
    """One level of `extends`: mappings are merged, of everything else the upper one wins."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = lay_over(below[key], value) if key in below else value
        return merged
    return above


@cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of a connector.yaml."""
    text = (paths.shelf("schemas") / "connector.schema.json").read_text("utf-8")
    read: Mapping[str, Any] = json.loads(text)
    return read


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def _shape_problems(data: Any, document: yamltext.Document) -> list[Problem]:
    errors = sorted(_validator().iter_errors(data), key=lambda error: error.json_path)
    return [
        document.problem("manifest", message, advice, place, part=part)
        for error in errors
        for message, advice, place, part in _said(error)
    ]


_Said = tuple[str, str, Place, Literal["value", "key"]]


def _said(error: ValidationError) -> Iterator[_Said]:
    place: Place = tuple(error.absolute_path)
    shape = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(shape.get("properties", {}))
        patterns = list(shape.get("patternProperties", {}))
        for key in error.instance:
            if key not in known and not any(re.search(p, str(key)) for p in patterns):
                near = get_close_matches(str(key), known, 1)
                advice = (
                    f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}."
                )
                yield f"`{key}` is not a key here.", advice, (*place, key), "key"
    elif error.validator == "required":
        missing = str(error.message).split("'")[1]
        yield f"`{missing}` is missing.", "Add it.", place, "key"
    elif shape.get("title") == "Action" and error.validator == "oneOf":
        advice = "Keep one of python, request and engine."
        yield "An action does its work in exactly one way.", advice, place, "key"
    else:
        advice = str(shape.get("description", ""))
        yield f"This does not fit: {str(error.message)[:200]}.", advice, place, "value"


def _meaning_problems(
    manifest: Manifest, data: Mapping[str, Any], document: yamltext.Document
) -> list[Problem]:
    """What a schema cannot say: the folder's name, the Python files, what the references name."""
    found = []
    if manifest.id != manifest.folder.name:
        message = f"The id `{manifest.id}` is not the folder's name, `{manifest.folder.name}`."
        found.append(document.problem("manifest", message, "Rename one of them.", ("id",)))
    for place, file in _files(manifest):
        if not (manifest.folder / file).is_file():
            message = f"{file} is not in the connector's folder."
            found.append(document.problem("manifest", message, "Add the file.", place))
    settings = {f"settings.{name}" for name in manifest.settings}
    sent = settings | {"callback_url", "context.idempotency_key"}
    for name, action in manifest.actions.items():
        known = sent | {f"message.{field}" for field in MESSAGE_FIELDS}
        known |= {f"inputs.{field}" for field in action.inputs}
        request = data["actions"][name].get("request")
        found += _reference_problems(request, ("actions", name, "request"), known, document)
    steps = data.get("setup")
    found += _reference_problems(steps, ("setup",), {"callback_url", "callback_url_more"}, document)
    callbacks = data.get("callbacks") or {}
    found += _media_problems(callbacks.get("inbound"), settings, document)
    verify = callbacks.get("verify")
    return found + _reference_problems(verify, ("callbacks", "verify"), settings, document)


def _media_problems(
    inbound: Any, settings: set[str], document: yamltext.Document
) -> Iterator[Problem]:
    """What is wrong with how files of incoming messages are fetched."""
    above: Place = ("callbacks", "inbound")
    shapes = enumerate(inbound) if isinstance(inbound, list) else [(None, inbound or {})]
    for number, shape in shapes:
        place = (*above, "media") if number is None else (*above, number, "media")
        media = shape.get("media") or {}
        for key in ("auth", "hosts"):
            yield from _reference_problems(media.get(key), (*place, key), settings, document)
        if "python" in media.get("auth", {}):
            message = "Files are not fetched with a signature in Python."
            advice = "Use bearer, basic or header."
            yield document.problem("manifest", message, advice, (*place, "auth", "python"))


def _files(manifest: Manifest) -> Iterator[tuple[Place, str]]:
    """Every file that the manifest names, with the place where it does."""
    if manifest.icon:
        yield ("icon",), manifest.icon
    for action in manifest.actions.values():
        place = ("actions", action.name)
        if action.python:
            yield (*place, "python"), f"{action.python}.py"
        if action.request is not None and "python" in action.request.auth:
            yield (*place, "request", "auth", "python"), f"{action.request.auth['python']}.py"


def _reference_problems(
    written: Any, place: Place, known: set[str], document: yamltext.Document
) -> list[Problem]:
    found = []
    for inner, text in references.texts(written, place):
        more = references.beyond(text)
        if more is not None:
            message = f"`{more}` is more than a plain reference."
            advice = "A request holds only names, such as {{ settings.api_key }}; write a Python action for more."
            found.append(document.problem("manifest", message, advice, inner))
        for name in map(".".join, references.names(text)):
            if name not in known:
                near = get_close_matches(name, known, 1)
                advice = (
                    f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(sorted(known))}."
                )
                found.append(
                    document.problem("manifest", f"`{name}` is not known here.", advice, inner)
                )
    return found
