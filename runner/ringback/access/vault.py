"""Secrets that the journal keeps: encrypted, with the key outside of it.

Each secret has a key of its own, which seals its value (AES-256-GCM) and is itself wrapped with the operator's
key. Name and purpose are part of what is authenticated, so a row put under another name does not open. Changing the
operator's key wraps the small keys anew; the values stay as they are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from ringback.journal import audit, sealed
from ringback.journal.audit import Actor
from ringback.journal.journal import Journal
from ringback.journal.sealed import Sealed
from ringback.paths import PROJECT_FILE
from ringback.problems import Failure, Mistakes, Problem
from ringback.settings import Settings
from ringback.settings.locks import KEPT, KEY_VARIABLE, SECRET_NAME

_PREFIX = "rbk_"
_KEY_BYTES, _NONCE_BYTES = 32, 12
LONGEST = 16_384
"""Characters of a secret; a private key in PEM takes a few thousand."""


class Key(NamedTuple):
    """An operator's key; `id` tells it from others and says nothing about it."""

    id: str
    material: bytes


def new_key() -> str:
    """A fresh operator's key, as it stands in the environment or the key file."""
    encoded = base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return _PREFIX + encoded.rstrip("=")


def read_keys(texts: Sequence[str]) -> list[Key]:
    """The operator's keys. Raises `Failure` where there is none, or one is not whole."""
    if not texts:
        raise Failure(
            "invalid_input",
            "There is no key for the secrets that the journal keeps.",
            f"Make one with `ringback secrets new-key` and put it into {KEY_VARIABLE}, or into a file that vault.key_file of {PROJECT_FILE} names.",
            "vault",
        )
    return [_read_key(text, at) for at, text in enumerate(texts, start=1)]


def _read_key(text: str, at: int) -> Key:
    bare = text.removeprefix(_PREFIX)
    try:
        material = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        material = b""
    if not text.startswith(_PREFIX) or len(material) != _KEY_BYTES:
        raise Failure(
            "invalid_input",
            f"Key {at} for the kept secrets is not whole: it begins with {_PREFIX} and has {len(_PREFIX) + 43} characters.",
            "Copy it anew from where it is kept; `ringback secrets new-key` makes another.",
            "vault",
        )
    return Key(hashlib.sha256(b"ringback key id" + material).hexdigest()[:12], material)


def put(
    conn: Connection, keys: Sequence[Key], name: str, value: str, by: Actor, now: int
) -> Sealed:
    """Keep a secret, over what its name held. Raises `Failure` for a name or a value that cannot be."""
    _check_name(name)
    if not value or len(value) > LONGEST:
        raise Failure("invalid_input", f"A secret has 1 to {LONGEST} characters.", "Check what was pasted.", name)  # fmt: skip
    own = AESGCM.generate_key(8 * _KEY_BYTES)
    row = Sealed(
        name,
        keys[0].id,
        _seal(keys[0].material, own, _about("key", name)),
        _seal(own, value.encode(), _about("value", name)),
        now,
        by.name,
    )
    sealed.put(conn, row)
    audit.add(conn, by, "secret.set", name, now)
    return row


def remove(conn: Connection, name: str, by: Actor, now: int) -> None:
    """A secret goes. Raises `Failure("not_found")`."""
    if not sealed.remove(conn, name):
        raise Failure("not_found", f"There is no secret {name}.", "`ringback secrets` lists them.")
    audit.add(conn, by, "secret.removed", name, now)


def open_secret(keys: Sequence[Key], row: Sealed) -> str:
    """A secret's value. Raises `Failure` where no key opens it, or the row is not as it was written."""
    return _open(_unwrap(keys, row), row.value, _about("value", row.name), row).decode()


def rotate(conn: Connection, keys: Sequence[Key], by: Actor, now: int) -> int:
    """Wrap every secret's key with the first of the operator's; how many were with another.

    Raises `Failure` where one cannot be opened, and changes nothing.
    """
    others = [row for row in sealed.every(conn) if row.key_id != keys[0].id]
    for row in others:
        wrapped = _seal(keys[0].material, _unwrap(keys, row), _about("key", row.name))
        sealed.put(conn, row._replace(key_id=keys[0].id, wrapped=wrapped))
    audit.add(conn, by, "secrets.rotated", keys[0].id, now, {"secrets": len(others)})
    return len(others)


def fill(settings: Settings, journal: Journal) -> Settings:
    """The settings with `${secret:NAME}` filled in, and the values among the settings' secrets.

    Raises `Mistakes` naming every secret that is not kept or does not open.
    """
    wanted = sorted(settings.locks.kept_secrets)
    if not wanted:
        return settings
    values, problems = _values(settings.locks.secret_keys, wanted, journal)
    if problems:
        raise Mistakes(problems)
    connections = {
        name: replace(one, settings=_filled(one.settings, values))
        for name, one in settings.connections.items()
    }
    return replace(
        settings,
        connections=connections,
        hook_secrets={
            name: tuple(_filled(one, values) for one in several)
            for name, several in settings.hook_secrets.items()
        },
        secrets=settings.secrets | frozenset(values.values()),
    )


def _values(
    texts: Sequence[str], wanted: Sequence[str], journal: Journal
) -> tuple[dict[str, str], list[Problem]]:
    try:
        keys = read_keys(texts)
    except Failure as failure:
        return {}, [Problem("no_key", failure.message, failure.next, PROJECT_FILE)]
    values: dict[str, str] = {}
    problems = []
    with journal.read() as conn:
        rows = {name: sealed.get(conn, name) for name in wanted}
    for name, row in rows.items():
        try:
            if row is None:
                raise Failure("not_found", f"The secret {name} is not kept.", f"Set it with: ringback secrets set {name}")  # fmt: skip
            values[name] = open_secret(keys, row)
        except Failure as failure:
            problems.append(Problem("no_secret", failure.message, failure.next, PROJECT_FILE))
    return values, problems


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return KEPT.sub(lambda found: values[found[1]], value)
    if isinstance(value, Mapping):
        return {key: _filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return value


def _check_name(name: str) -> None:
    if not SECRET_NAME.fullmatch(name):
        raise Failure("invalid_input", f"“{name}” is no name for a secret.", "Take letters, digits, dots and dashes, such as connections.front-desk.api_key.")  # fmt: skip


def _unwrap(keys: Sequence[Key], row: Sealed) -> bytes:
    for key in keys:
        if key.id == row.key_id:
            return _open(key.material, row.wrapped, _about("key", row.name), row)
    raise Failure(
        "unauthorized",
        f"The secret {row.name} was locked with the key {row.key_id}, and the keys here are {', '.join(key.id for key in keys)}.",
        f"Add the older key behind the new one in {KEY_VARIABLE} or the key file, or set the secret anew.",
        "vault",
    )


def _seal(key: bytes, content: bytes, about: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, about)


def _open(key: bytes, content: bytes, about: bytes, row: Sealed) -> bytes:
    try:
        return AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], about)
    except (InvalidTag, ValueError) as error:
        raise Failure(
            "refused",
            f"The secret {row.name} is not as it was written: its row was changed, or belongs to another name.",
            f"Set it anew with: ringback secrets set {row.name}",
            "vault",
        ) from error


def _about(purpose: str, name: str) -> bytes:
    """What is authenticated beside a content: for what, and under which name."""
    return f"ringback {purpose} {name}".encode()
