"""`ringback read`: what the document reader sees in a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ringback.cli import console, fields, project
from ringback.problems import Failure, Mistakes
from ringback.sdk import File, Reply

if TYPE_CHECKING:
    from ringback.connectors.catalogue import Catalogue
    from ringback.connectors.manifest import Action

LANGUAGE_OF = {"GB": "en-GB", "US": "en-US"}


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--fields",
    "wanted",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A YAML file with the fields to read, written as in a workflow's `fields:`.",
)
@click.option("--country", help="Where phone numbers are from. Default: the project's, else GB.")
@click.option(
    "--locale", help="How dates and numbers are written. Default: the project's, else en-GB."
)
@click.option("--json", "as_json", is_flag=True, help="Print values, found and problems as JSON.")
@project.option
def command(
    file: Path,
    wanted: Path | None,
    country: str | None,
    locale: str | None,
    as_json: bool,
    where: Path | None,
) -> None:
    """Show every label and value that is seen in a document, or the fields asked for.

    \b
    Example:
      ringback read agreement.docx
      ringback read agreement.docx --fields fields.yaml --json
    """
    from ringback.connectors.catalogue import load_catalogue

    folder = project.find(where)
    facts = _project_facts(folder, country, locale)
    action, inputs = _what_to_do(load_catalogue(folder), wanted)
    with console.busy(f"Reading {file.name}"):
        result = _perform(action, {**inputs, "file": _as_file(file)}, LocalContext(facts, file))
    named = inputs.get("fields")
    values = result["values"] if named is None else {name: result.get(name) for name in named}
    shown = {"values": values, "found": result["found"], "problems": result["problems"]}
    if as_json:
        console.as_json(shown)
    else:
        _say(file, shown)


@dataclass
class LocalContext:
    """What an action needs, for one file on this machine and outside of any run."""

    project: Mapping[str, Any]
    file: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str = "read"

    def now(self) -> datetime:
        return datetime.now(UTC)

    def path(self, file: File) -> Path:  # noqa: ARG002  there is one file
        return self.file

    def save(self, name: str, content: bytes | BinaryIO, media_type: str) -> File:  # noqa: ARG002
        raise Failure("refused", f"{name} cannot be kept: `ringback read` only reads.")

    def call(self, method: str, url: str, **_options: Any) -> Reply:
        raise Failure("refused", f"{method} {url}: `ringback read` calls nobody.")

    def log(self, message: str, **facts: Any) -> None:  # noqa: ARG002  the table says enough
        console.say(message, err=True)


def _project_facts(folder: Path | None, country: str | None, locale: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"country": "GB", "timezone": "Europe/London"}
    if folder is not None:
        from ringback.settings import load_settings

        settings = load_settings(folder, os.environ, allow_unset=True)
        console.hide(settings.secrets)
        facts |= {name: value for name, value in settings.project.items() if value is not None}
    if country:
        facts |= {"country": country, "locale": locale or LANGUAGE_OF.get(country, "en-GB")}
    if locale:
        facts["locale"] = locale
    return {"locale": "en-GB", **facts}


def _what_to_do(catalogue: Catalogue, wanted: Path | None) -> tuple[Action, dict[str, Any]]:
    """The action that reads documents, and its inputs beside the file."""
    role = "document.survey" if wanted is None else "document.extract"
    offered = catalogue.implementing(role)
    if not offered:
        raise Failure(
            "not_found",
            f"No connector offers {role}.",
            "`ringback connectors` shows those there are.",
        )
    action = offered[0]
    if wanted is None:
        return action, {}
    # What is missing is shown beside what was found, instead of ending the reading.
    lenient = {"when_missing": "continue"} if "when_missing" in action.inputs else {}
    return action, {"fields": _fields(wanted), **lenient}


def _fields(path: Path) -> dict[str, Any]:
    """The fields of a YAML file, with or without `fields:` above them. Raises `Mistakes`."""
    from ringback import yamltext

    document = yamltext.read(path.read_text("utf-8-sig"), str(path))
    mistakes = [problem for problem in document.problems if problem.severity == "error"]
    if mistakes:
        raise Mistakes(document.problems)
    found = document.data
    if isinstance(found, dict) and set(found) == {"fields"}:
        found = found["fields"]
    if not isinstance(found, dict) or not found:
        raise Failure(
            "invalid_input",
            f"{path} names no fields.",
            "Write one a line, such as `phone: { label: Phone, type: phone }`.",
        )
    return found


def _as_file(path: Path) -> File:
    from ringback.journal.mediatypes import EDGE, recognise

    size = path.stat().st_size
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        head = stream.read(EDGE)
        stream.seek(max(0, size - EDGE))
        media_type = recognise(head, stream.read(EDGE))
    return File(name=path.name, size=size, media_type=media_type, sha256=digest)


def _perform(action: Action, inputs: dict[str, Any], context: LocalContext) -> dict[str, Any]:
    from ringback.connectors import invoke, values
    from ringback.connectors.transport import Transport

    prepared = values.prepare(action.inputs, inputs, action.full)
    return invoke.perform(action, prepared, context, Transport())


def _say(file: Path, shown: dict[str, Any]) -> None:
    rows = [
        [name, _say_place(shown["found"].get(name)), _one_line(value)]
        for name, value in shown["values"].items()
    ]
    if rows:
        console.table(["name", "where", "value"], rows)
    else:
        console.say(f"{file.name}: no label with a value was seen.")
    for name, place in shown["found"].items():
        if isinstance(place, dict) and place.get("note"):
            console.mark("note", f"{name}: {place['note']}")
    for problem in shown["problems"]:
        console.mark("bad", " ".join(filter(None, [problem.get("message"), problem.get("next")])))


def _one_line(value: Any) -> str:
    """A value on one line; a table's rows with a stroke between them."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return " | ".join(", ".join(fields.say(cell) for cell in row.values()) for row in value)
    return " / ".join(fields.say(value).splitlines())


def _say_place(place: Any) -> str:
    """`table 1, row 3 (cell to the right)`."""
    if not isinstance(place, dict):
        return ""
    how = f" ({place['how']})" if place.get("how") else ""
    return f"{place.get('where', '')}{how}".strip()
