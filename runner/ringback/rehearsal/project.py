"""A project as it is rehearsed: a stand-in for each gateway, and no secret needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ringback.clock import Clock
from ringback.connectors import verify
from ringback.connectors.catalogue import Catalogue
from ringback.connectors.manifest import Field, Manifest
from ringback.problems import Failure
from ringback.rehearsal.gateway import DELAY_MS, ROLE, Rehearsal
from ringback.rehearsal.mail import Mailbox
from ringback.rehearsal.scripts import Script, script_for
from ringback.settings import Connection, Settings

MAIL_ROLE = "email.send"
"""A connector of this role has the settings host, port, security, username and password."""
STAND_IN = "rehearsal"
"""What the connection is called that a project without a gateway gets."""


def rehearsals_of(
    settings: Settings,
    catalogue: Catalogue,
    clock: Clock,
    *,
    connections: Sequence[str] = (),
    delay_ms: int = DELAY_MS,
    seed: int | None = None,
    script: Callable[[str], Script] = script_for,
) -> list[Rehearsal]:
    """A stand-in for each of the project's gateways, or for the named connections.

    Raises `Failure` for a name that is no connection, a connection that is no gateway, or a project without one.
    """
    gateways = _connections_for(settings, catalogue, ROLE)
    for name in connections:
        if name not in gateways:
            known = ", ".join(gateways) or "none"
            message = f"{name} is not a connection to an SMS gateway."
            raise Failure("not_found", message, f"Those of this project: {known}.")
    chosen = connections or tuple(gateways)
    if not chosen:
        message = "This project has no connection to an SMS gateway."
        raise Failure("not_found", message, "Add one under `connections` in ringback.yaml.")
    return [
        Rehearsal(
            catalogue.connectors[gateways[name].uses],
            gateways[name].settings,
            f"{settings.public_url.rstrip('/')}/callbacks/{name}",
            clock,
            connection=name,
            delay_ms=delay_ms,
            seed=seed,
            script=script,
        )
        for name in chosen
    ]


def rehearsed(settings: Settings, catalogue: Catalogue, mailbox: Mailbox | None = None) -> Settings:
    """The settings with nothing missing: secrets that are not set get a stand-in, email goes to `mailbox`.

    A project without a gateway gets a connection `rehearsal` to one that can be played backwards; without
    `send_through`, sends go through the first gateway.
    """
    connections = {
        name: _complete(one, catalogue.connectors.get(one.uses))
        for name, one in settings.connections.items()
    }
    if not any(_plays(catalogue.connectors.get(one.uses)) for one in connections.values()):
        chosen = _simplest(catalogue)
        if chosen is not None:
            made = Connection(STAND_IN, chosen.id, {})
            connections[STAND_IN] = _complete(made, chosen)
    if mailbox is not None:
        connections |= _to_mailbox(connections, catalogue, mailbox)
    changed = replace(settings, connections=connections)
    through = settings.send_through or tuple(_connections_for(changed, catalogue, ROLE))[:1]
    return replace(changed, send_through=through)


def stand_in_settings(manifest: Manifest, given: Mapping[str, Any]) -> dict[str, Any]:
    """A connection's settings with a made-up value for each secret and each required setting that is not set."""
    filled = dict(given)
    for name, field in manifest.settings.items():
        needed = _is_secret(field) or (field.required and field.default is None)
        if needed and not _set(filled.get(name)):
            filled[name] = _stand_in(name) if _is_secret(field) else field.example
    return filled | verify.stand_ins(manifest)


def _connections_for(settings: Settings, catalogue: Catalogue, role: str) -> dict[str, Connection]:
    return {
        name: one
        for name, one in settings.connections.items()
        if one.uses in catalogue.connectors
        and catalogue.connectors[one.uses].implementing(role) is not None
    }


def _simplest(catalogue: Catalogue) -> Manifest | None:
    """The gateway that can be played backwards and whose connection has the least to set; by id where several do."""
    gateways = [action.connector for action in catalogue.implementing(ROLE)]
    return min(filter(_plays, gateways), key=_to_set, default=None)


def _to_set(manifest: Manifest) -> tuple[int, str]:
    needed = sum(one.required and one.default is None for one in manifest.settings.values())
    return needed, manifest.id


def _plays(manifest: Manifest | None) -> bool:
    action = manifest.implementing(ROLE) if manifest is not None else None
    return action is not None and action.request is not None


def _complete(connection: Connection, manifest: Manifest | None) -> Connection:
    if manifest is None:
        return connection
    return replace(connection, settings=stand_in_settings(manifest, connection.settings))


def _to_mailbox(
    connections: Mapping[str, Connection], catalogue: Catalogue, mailbox: Mailbox
) -> dict[str, Connection]:
    """The email connections, or a new one where there is none, with the mailbox for a server."""
    own = {
        "host": mailbox.host,
        "port": mailbox.port,
        "security": "none",
        "username": None,
        "password": None,
    }
    found = {}
    for action in catalogue.implementing(MAIL_ROLE):
        connector = action.connector
        named = {name: one for name, one in connections.items() if one.uses == connector.id}
        fresh = Connection(f"{STAND_IN}-{connector.id}", connector.id, {})
        for name, one in (named or {fresh.name: _complete(fresh, connector)}).items():
            found[name] = replace(one, settings={**one.settings, **own})
    return found


def _stand_in(name: str) -> str:
    """A made-up secret that any scheme takes: it reads as text, as hex and as base64."""
    return hashlib.sha256(f"rehearsal {name}".encode()).hexdigest()[:32]


def _is_secret(field: Field) -> bool:
    return field.type == "secret" or (field.items is not None and field.items.type == "secret")


def _set(value: Any) -> bool:
    return any(value) if isinstance(value, list) else bool(value)
