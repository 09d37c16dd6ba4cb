"""`ringback connectors`: what there is, with inputs and outputs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringback.cli import connecting, console, fields, project
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.connectors.catalogue import Catalogue
    from ringback.connectors.manifest import Action, Field, Manifest, Trigger
    from ringback.connectors.matrix import Cell


@click.command()
@click.argument("name", required=False, metavar="[ID]")
@click.option(
    "--matrix", "as_matrix", is_flag=True, help="What each gateway can do, by its examples."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
def command(name: str | None, as_matrix: bool, as_json: bool, where: Path | None) -> None:
    """Show the connectors; with ID, one connector's settings, actions and triggers with their fields.

    ID is a connector (`http`), one action or trigger (`sms.send`), or one of the project's connections, of
    which is shown how it is set up and when its gateway last called. --matrix runs every recorded example of
    every gateway, or of ID, and shows what they prove.

    \b
    Example:
      ringback connectors
      ringback connectors sms.send
      ringback connectors front-desk
      ringback connectors --matrix
    """
    from ringback.connectors.catalogue import load_catalogue

    folder = project.find(where)
    catalogue = load_catalogue(folder)
    if catalogue.problems:
        console.problems(catalogue.problems, err=True)
    if as_matrix:
        _matrix(catalogue, name, as_json)
    elif name is None:
        _list(catalogue, as_json)
    else:
        _show(catalogue, name, as_json, folder)


def _list(catalogue: Catalogue, as_json: bool) -> None:
    manifests = sorted(catalogue.connectors.values(), key=lambda one: (one.kind, one.id))
    if as_json:
        console.as_json([_summary(manifest) for manifest in manifests])
        return
    console.table(
        ["connector", "kind", "offers", "what it is"],
        [[one.id, one.kind, ", ".join(_offers(one)) or "-", one.description] for one in manifests],
    )


def _matrix(catalogue: Catalogue, name: str | None, as_json: bool) -> None:
    """The matrix; exits with 1 where an example does not hold."""
    from ringback.connectors.matrix import COLUMNS, matrix

    rows = [row for row in matrix(catalogue) if name in (None, row.gateway)]
    if not rows:
        raise Failure("not_found", f"There is no gateway `{name}`.", "`ringback connectors --matrix` lists them.")  # fmt: skip
    if as_json:
        console.as_json([asdict(row) for row in rows])
    else:
        console.table(
            ["gateway", *COLUMNS],
            [[row.gateway, *(_cell(row.cells[one]) for one in COLUMNS)] for row in rows],
        )
        for row in rows:
            for column in COLUMNS:
                if row.cells[column].lacks:
                    console.say(f"{row.gateway} has no {column}: {row.cells[column].lacks}")
        for row in rows:
            for said in row.failing:
                console.say(f"{row.gateway}: {said}")
    if any(row.failing for row in rows):
        raise click.exceptions.Exit(1)


def _cell(cell: Cell) -> str:
    """A cell in the table; a dash is what nobody has shown or ruled out."""
    return cell.says or ("none" if cell.lacks else "-")


def _offers(manifest: Manifest) -> list[str]:
    return [one.full for one in fields.offers(manifest)]


def _summary(manifest: Manifest) -> dict[str, object]:
    return {
        "id": manifest.id,
        "name": manifest.name,
        "kind": manifest.kind,
        "description": manifest.description,
        "origin": manifest.origin,
        "actions": [action.full for action in manifest.actions.values()],
        "triggers": [trigger.full for trigger in manifest.triggers.values()],
    }


def _show(catalogue: Catalogue, name: str, as_json: bool, folder: Path | None) -> None:
    manifest = catalogue.connectors.get(name)
    one = None if manifest else catalogue.action(name) or catalogue.trigger(name)
    connection = None
    if one is None and manifest is None and (uses := connecting.connector_of(name, folder)):
        connection, manifest = name, catalogue.connectors.get(uses)
    if one is None and manifest is None:
        known = [*catalogue.connectors, *catalogue.actions, *catalogue.triggers]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else "`ringback connectors` lists them."
        raise Failure("not_found", f"There is no connector, action or trigger `{name}`.", hint)
    if one is not None:
        console.as_json(_part(one)) if as_json else _say_part(one)
    elif manifest is not None:
        console.as_json(_full(manifest)) if as_json else _say_connector(
            manifest, folder, connection
        )


def _full(manifest: Manifest) -> dict[str, object]:
    return {
        **_summary(manifest),
        "settings": _json_fields(manifest.settings),
        "actions": [_part(action) for action in manifest.actions.values()],
        "triggers": [_part(trigger) for trigger in manifest.triggers.values()],
    }


def _part(one: Action | Trigger) -> dict[str, object]:
    return {
        "name": one.full,
        "title": one.title,
        "description": one.description,
        "inputs": _json_fields(one.inputs),
        "outputs": _json_fields(one.outputs),
        "outputs_from": one.outputs_from,
    }


def _json_fields(found: Mapping[str, Field]) -> list[dict[str, object]]:
    return [row._asdict() for row in fields.rows(found)]


def _say_connector(manifest: Manifest, folder: Path | None, connection: str | None) -> None:
    console.heading(f"{manifest.name} ({manifest.id}, {manifest.kind})")
    console.say(manifest.description)
    if manifest.docs:
        console.say(manifest.docs)
    connecting.say(manifest, folder, connection)
    if connection is not None:
        return
    if manifest.settings:
        console.say()
        console.heading("Settings of a connection")
        _say_fields(manifest.settings)
    for one in fields.offers(manifest):
        console.say()
        _say_part(one)


def _say_part(one: Action | Trigger) -> None:
    effect = getattr(one, "effect", None)
    console.heading(f"{one.full} ({'trigger' if effect is None else 'action'})")
    console.say(one.description or one.title)
    if effect is not None:
        console.say(f"effect {fields.say_effect(effect)}")
    if one.inputs:
        console.say()
        console.say("Inputs:")
        _say_fields(one.inputs)
    if one.outputs or one.outputs_from:
        console.say()
        console.say("Outputs:")
        if one.outputs:
            console.table(
                ["name", "type", "what it is"],
                [[row.name, row.type, _what(row)] for row in fields.rows(one.outputs)],
            )
        if one.outputs_from:
            console.say(fields.free_outputs(one))


def _say_fields(found: Mapping[str, Field]) -> None:
    console.table(
        ["name", "type", "", "what it is"],
        [
            [
                row.name,
                row.type,
                "required" if row.required else f"default {row.default}" if row.default else "",
                _what(row),
            ]
            for row in fields.rows(found)
        ],
    )


def _what(row: fields.Row) -> str:
    return row.description or row.title
