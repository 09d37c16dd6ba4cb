"""Whether a callback comes from where it says: one module per scheme, each named in `SCHEMES`.

A scheme is a module with three functions over its options (the manifest's `verify` entry, with the
connection's settings filled in):

    configured(options) -> bool                  the operator gave what the scheme needs
    check(options, request, now_ms) -> None      raises `Refused` with a sentence for the operator
    sign(options, request, now_ms) -> request    the same backwards: the rehearsal gateway signs with it

Checks look at raw bytes before anything parses them, and compare in constant time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from ringback.connectors import references, values
from ringback.connectors.incoming import IncomingRequest, incoming
from ringback.connectors.manifest import Manifest
from ringback.connectors.verify import basic, signature, standard_webhooks, unproven, url_token
from ringback.connectors.verify.refused import Refused

__all__ = ["SCHEMES", "Refused", "Scheme", "check", "options", "sign", "with_token"]


class Scheme(Protocol):
    """What a scheme's module offers."""

    def configured(self, options: Mapping[str, Any]) -> bool: ...

    def check(self, options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None: ...

    def sign(
        self, options: Mapping[str, Any], request: IncomingRequest, now_ms: int
    ) -> IncomingRequest: ...


SCHEMES: dict[str, Scheme] = {
    "basic": basic,
    "hmac": signature,
    "none": unproven,
    "standard_webhooks": standard_webhooks,
    "token": url_token,
}


def options(manifest: Manifest, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The connector's `verify` entries with the connection's settings filled in."""
    if manifest.callbacks is None:
        return []
    scope = {"settings": values.with_defaults(manifest.settings, settings)}
    return [references.fill(dict(entry), scope) for entry in manifest.callbacks.verify]


def check(
    manifest: Manifest,
    settings: Mapping[str, Any],
    request: IncomingRequest,
    public_url: str,
    now_ms: int,
) -> None:
    """Let a callback pass, or raise `Refused`.

    Every scheme whose secret the operator gave must hold. Where there is none, only a scheme `none` that is
    allowed lets it in. `public_url` is the project's address as the gateway knows it; proxies change what
    arrives here, and some schemes sign the address.
    """
    if public_url:
        after = request.url.partition("?")
        address = public_url.rstrip("/") + request.path + after[1] + after[2]
        request = replace(request, url=address)
    entries = options(manifest, settings)
    live = [entry for entry in entries if SCHEMES[entry["scheme"]].configured(entry)]
    if not live:
        raise Refused(
            f"Nothing is set by which a callback of {manifest.name} could prove where it comes from: "
            + _missing(manifest)
        )
    proven = [entry for entry in live if entry["scheme"] != "none"]
    for entry in proven or live:
        SCHEMES[entry["scheme"]].check(entry, request, now_ms)


def sign(
    manifest: Manifest, settings: Mapping[str, Any], request: IncomingRequest, now_ms: int
) -> IncomingRequest:
    """The request as the gateway would send it: with the proof of every scheme that is configured."""
    for entry in options(manifest, settings):
        scheme = SCHEMES[entry["scheme"]]
        if scheme.configured(entry):
            request = scheme.sign(entry, request, now_ms)
    return request


def with_token(manifest: Manifest, settings: Mapping[str, Any], address: str) -> str:
    """The callback address as a gateway is told it: with the token, where one is looked for in the address."""
    request = incoming("POST", address, {})
    for entry in options(manifest, settings):
        if entry["scheme"] == "token" and url_token.configured(entry) and not entry.get("header"):
            request = url_token.sign(entry, request, 0)
    return request.url


def _missing(manifest: Manifest) -> str:
    entries = manifest.callbacks.verify if manifest.callbacks else ()
    names = [
        name[-1]
        for entry in entries
        for _, text in references.texts(entry.get("secret"))
        for name in references.names(text)
    ]
    if not names:
        return "its manifest names no secret."
    return f"set {' or '.join(dict.fromkeys(names))} of the connection."
