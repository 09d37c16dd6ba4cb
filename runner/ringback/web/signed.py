"""A webhook's body that has to be verified as it came before anything reads it."""

from __future__ import annotations

import io
import mmap
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.verify import SCHEMES, Refused
from ringback.web.hook_auth import refuse
from ringback.web.hookspec import Auth, Hook
from ringback.web.streams import CHUNK

IN_MEMORY = 1_000_000
"""A larger body waits on disk while its signature is checked, and is read from there."""


def verified_body(
    hook: Hook, headers: Mapping[str, str], stream: io.RawIOBase, now_ms: int, folder: Path
) -> io.RawIOBase:
    """The same body, once its signature holds. Raises `Refusal` 401.

    `folder` is where a large body is put aside; closing the stream leaves nothing there.
    """
    head = _at_most(stream, IN_MEMORY + 1)
    if len(head) <= IN_MEMORY:
        _check(hook, headers, head, now_ms)
        return cast("io.RawIOBase", io.BytesIO(head))
    aside = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  the caller closes it
    try:
        aside.write(head)
        while piece := stream.read(CHUNK):
            aside.write(piece)
        aside.flush()
        with mmap.mmap(aside.fileno(), 0, access=mmap.ACCESS_READ) as body:
            _check(hook, headers, cast("bytes", body), now_ms)
        aside.seek(0)
    except BaseException:
        aside.close()
        raise
    return _Aside(cast("BinaryIO", aside))


class _Aside(io.RawIOBase):
    """A file that was put aside; it goes when this is closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()
        super().close()


def _at_most(stream: io.RawIOBase, size: int) -> bytes:
    pieces: list[bytes] = []
    while size > 0 and (piece := stream.read(min(size, CHUNK))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _check(hook: Hook, headers: Mapping[str, str], body: bytes, now_ms: int) -> None:
    scheme = SCHEMES[hook.auth.type]
    said = _options(hook.auth)
    if not scheme.configured(said):
        raise refuse(
            hook.where,
            "This webhook wants a signature, but its secret is not set.",
            "Set it under `secrets` in ringback.yaml.",
        )
    asked = IncomingRequest("POST", "", hook.where, [], headers, body)
    try:
        scheme.check(said, asked, now_ms)
    except Refused as refused:
        reason = refused.reason.replace("callback", "request").replace(" of this connection", "")
        raise refuse(
            hook.where, reason, "Sign the raw body with the secret that both sides know."
        ) from None


def _options(auth: Auth) -> dict[str, Any]:
    return {
        "secret": list(auth.secrets),
        "header": auth.header or "x-signature",
        "algorithm": auth.algorithm,
        "encoding": auth.encoding,
        "prefix": auth.prefix,
        "timestamp_header": auth.timestamp_header,
        "signed": auth.signed,
        "tolerance": auth.tolerance_ms,
    }
