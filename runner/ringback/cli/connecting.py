"""What an operator does to connect a service: what goes into ringback.yaml and .env, and the steps at its own side."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ringback.cli import console, fields
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.connectors.manifest import Field, Manifest
    from ringback.journal.heard import LastHeard
    from ringback.settings import Settings
    from ringback.settings.model import Connection

_NAME = "front-desk"
_FROM_ENV = re.compile(r"\$\{(\w+)\}")


def say(manifest: Manifest, folder: Path | None, connection: str | None = None) -> None:
    """The set-up of each of the project's connections of a connector, or of one; where there is none, of a new one."""
    settings = _settings(folder)
    named = settings.connections.values() if settings else ()
    own = [one for one in named if one.uses == manifest.id and connection in (None, one.name)]
    for one in own:
        assert settings is not None
        console.say()
        console.heading(f"Set up connection {one.name}")
        _say_steps(manifest, _address(manifest, settings, one), settings.public_url)
        for line in _lacking(manifest, one):
            console.say(f"  {line}")
        if manifest.callbacks is not None:
            _say_heard(settings, one.name)
    if not own:
        _say_new(manifest, settings)


def connector_of(name: str, folder: Path | None) -> str | None:
    """The connector that the project's connection of this name uses; None where there is no such connection."""
    settings = _settings(folder)
    known = settings.connections.get(name) if settings else None
    return known.uses if known else None


def _settings(folder: Path | None) -> Settings | None:
    from ringback.settings import load_settings

    if folder is None:
        return None
    settings = load_settings(folder, os.environ, allow_unset=True)
    console.hide(settings.secrets)
    return settings


def _say_heard(settings: Settings, connection: str) -> None:
    """When its gateway last called, and with what."""
    from ringback.cli.story import local
    from ringback.journal.heard import KINDS

    try:
        said = _heard(settings, connection)
    except Failure as failure:
        console.say(f"  Whether it has called back is not known. {failure.message}")
        return
    if not said.at:
        console.say("  It has not called back yet.")
    for kind, at in sorted(said.at.items(), key=lambda one: -one[1]):
        console.say(f"  {local(at):%Y-%m-%d %H:%M:%S}  last called with {KINDS[kind]}")
    for word in said.unknown_statuses:
        often = f"{word.times} times, last" if word.times > 1 else "once,"
        console.say(f"    “{word.status}” {often} {local(word.last_at):%Y-%m-%d %H:%M:%S}")


def _heard(settings: Settings, connection: str) -> LastHeard:
    """Raises `Failure` where the journal cannot be read."""
    from ringback.cli.runs import reading
    from ringback.journal.heard import LastHeard, last_heard

    if not settings.journal_url and not settings.journal_path.exists():
        return LastHeard({})
    with reading(settings) as journal:
        return journal.look(last_heard).get(connection, LastHeard({}))


def _address(manifest: Manifest, settings: Settings, one: Connection) -> str:
    from ringback.connectors import verify

    bare = f"{settings.public_url}/callbacks/{one.name}"
    return verify.with_token(manifest, one.settings, bare)


def _say_new(manifest: Manifest, settings: Settings | None) -> None:
    if not manifest.settings and not manifest.setup:
        return
    console.say()
    console.heading("Set up a connection")
    if manifest.settings:
        console.say("In ringback.yaml, under a name of your own:")
        console.say()
        for line in _written(manifest):
            console.say(f"    {line}")
        names = [name for field in _needed(manifest).values() for name in _FROM_ENV.findall(str(_example(field)))]  # fmt: skip
        if names:
            console.say()
            console.say(f"In .env beside it, a line {' and a line '.join(f'{one}=…' for one in names)}.")  # fmt: skip
        if manifest.setup or manifest.callbacks is not None:
            console.say()
    if settings is None:
        _say_steps(manifest, fields.ANY_CALLBACK_URL, "")
    else:
        _say_steps(manifest, f"{settings.public_url}/callbacks/{_NAME}", settings.public_url)


def _say_steps(manifest: Manifest, address: str, public_url: str) -> None:
    if manifest.callbacks is not None:
        if not public_url:
            console.say(f"<public_url> is public_url in ringback.yaml, the https address under which the service reaches this Ringback; <connection> is the connection's name, {_NAME} here.")  # fmt: skip
        elif _is_local(public_url):
            console.mark("note", f"{public_url} is reached from this machine or its network alone. Set public_url in ringback.yaml to the https address under which the service reaches this Ringback, then look here again.")  # fmt: skip
        if public_url:
            console.say(f"callbacks go to {address}")
    for step, said in enumerate(manifest.steps(address), start=1):
        console.say(f"  {step}. {said}")


def _is_local(public_url: str) -> bool:
    host = urlsplit(public_url).hostname or ""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host


def _written(manifest: Manifest) -> Iterator[str]:
    """The connection as YAML: what it must have, and each setting that proves callbacks as a comment."""
    from ringback.connectors import verify

    yield "connections:"
    yield f"  {_NAME}:"
    yield f"    uses: {manifest.id}"
    yield "    with:"
    needed = _needed(manifest)
    for name, field in needed.items():
        yield f"      {name}: {fields.say(_example(field))}"
    proofs = verify.proof_settings(manifest)
    for name in proofs if not needed.keys() & set(proofs) else ():
        example = fields.say(_example(manifest.settings[name]))
        yield f"      # {name}: {example}   proves callbacks"


def _needed(manifest: Manifest) -> dict[str, Field]:
    return {name: one for name, one in manifest.settings.items() if one.required}


def _example(field: Field) -> object:
    return field.example if field.items is None or field.example else [field.items.example]


def _lacking(manifest: Manifest, one: Connection) -> Iterator[str]:
    """What a connection has not yet, in sentences."""
    from ringback.connectors import verify

    empty = [name for name in _needed(manifest) if one.settings.get(name) in (None, "", [])]
    if empty:
        yield f"Not set yet: {', '.join(empty)} (a name in ${{…}} that .env lacks counts as not set)."
    entries = verify.options(manifest, one.settings)
    if entries and not any(verify.SCHEMES[entry["scheme"]].configured(entry) for entry in entries):
        names = " or ".join(verify.proof_settings(manifest))
        yield f"Nothing proves its callbacks yet, so that all are refused: set {names}."
