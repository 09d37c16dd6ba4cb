"""The settings of the locks: trusted proxies, sessions, the audit trail, keys, and references to kept secrets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from ringback.settings.model import Locks

KEPT = re.compile(r"\$\{secret:([^}]*)\}")
"""A reference to a secret that the journal keeps. It is filled in when the journal is open (`access.vault`)."""
SECRET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
KEY_VARIABLE = "RINGBACK_SECRET_KEY"

_MAY_REFER = ("connections", "secrets")
"""The parts of ringback.yaml whose values may be kept secrets."""

Place = tuple[str | int, ...]


class Reader(Protocol):
    """What takes values out of ringback.yaml."""

    kept_secrets: set[str]
    secrets: set[str]

    def report(self, code: str, message: str, next_step: str, path: Place) -> None: ...
    def get(self, *path: str | int) -> Any: ...
    def words(self, *path: str | int) -> tuple[str, ...]: ...
    def read(self, default: int, convert: Callable[[Any], int], *path: str | int) -> int: ...
    def variable(self, name: str) -> str | None: ...


def read(folder: Path, reader: Reader, duration: Callable[[Any], int]) -> Locks:
    """What the project says of its locks; `kept_secrets` are known once the rest of the file is read."""
    usual = Locks()
    return Locks(
        trusted_proxies=tuple(_networks(reader)),
        session_idle_ms=reader.read(usual.session_idle_ms, duration, "api", "sessions", "idle"),
        session_longest_ms=reader.read(
            usual.session_longest_ms, duration, "api", "sessions", "longest"
        ),
        audit_keep_ms=reader.read(usual.audit_keep_ms, duration, "audit", "keep"),
        secret_keys=_keys(folder, reader),
    )


def referred(text: str, path: Place, reader: Reader) -> Iterator[str]:
    """The kept secrets that a text refers to; where it may not, or by a name that is none, that is reported."""
    for match in KEPT.finditer(text):
        name = match[1]
        if not SECRET_NAME.fullmatch(name):
            reader.report("bad_variable", f"“{name}” is not a secret's name.", "Write letters, digits, dots and dashes, such as ${secret:front-desk.api_key}.", path)  # fmt: skip
        elif path[:1] not in {(part,) for part in _MAY_REFER}:
            reader.report("bad_variable", f"A kept secret cannot be used in `{path[0]}`.", "It can in connections and secrets; elsewhere write ${NAME} and put NAME into .env.", path)  # fmt: skip
        else:
            yield name


def _networks(reader: Reader) -> Iterator[str]:
    path = ("serve", "trusted_proxies")
    for said in reader.words(*path):
        try:
            yield str(ipaddress.ip_network(said, strict=False))
        except ValueError:
            reader.report("wrong_value", f"“{said}” is neither an address nor a network.", "Write one such as 127.0.0.1 or 10.0.0.0/8.", path)  # fmt: skip


def _keys(folder: Path, reader: Reader) -> tuple[str, ...]:
    """The keys of the environment, else of the key file: several are separated by spaces, commas or lines."""
    text = reader.variable(KEY_VARIABLE) or ""
    file = reader.get("vault", "key_file")
    if not text and file:
        text = _key_file(folder / str(file), reader)
    keys = tuple(one for one in re.split(r"[\s,]+", text) if one)
    reader.secrets.update(keys)
    return keys


def _key_file(path: Path, reader: Reader) -> str:
    place = ("vault", "key_file")
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is not a text of letters and digits"
        reader.report("no_key", f"The key file {path} cannot be read: {said}.", f"Make one with: ringback secrets new-key > {path}", place)  # fmt: skip
        return ""
    if mode & 0o077:
        reader.report("open_key", f"Others than its owner may read the key file {path}.", f"Close it with: chmod 600 {path}", place)  # fmt: skip
    return text
