"""Whether a callback comes from where it says: one module per scheme, each named in `SCHEMES`.

A scheme is a module with three functions over its options (the manifest's `verify` entry, with the
connection's settings filled in):

    configured(options) -> bool                  the operator gave what the scheme needs
    check(options, request, now_ms) -> None      raises `Refused` with a sentence for the operator, or a
                                                 `Failure` where it cannot be told now and may be later
    sign(options, request, now_ms) -> request    the same backwards: the rehearsal gateway signs with it

Checks look at raw bytes before anything parses them, and compare in constant time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import quote

from ringback.connectors import references, values
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.manifest import Manifest
from ringback.connectors.verify import (
    basic,
    certificates,
    ed25519,
    json_web_token,
    parameters,
    signature,
    sns,
    standard_webhooks,
    unproven,
    url_token,
)
from ringback.connectors.verify.refused import Refused

__all__ = [
    "SCHEMES", "Refused", "Scheme", "check", "options", "proof_headers", "proof_parameters", "proof_settings", "public_address",
    "sign", "stand_ins", "with_token",
]  # fmt: skip


class Scheme(Protocol):
    """What a scheme's module offers."""

    def configured(self, options: Mapping[str, Any]) -> bool: ...

    def check(self, options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None: ...

    def sign(
        self, options: Mapping[str, Any], request: IncomingRequest, now_ms: int
    ) -> IncomingRequest: ...


SCHEMES: dict[str, Scheme] = {
    "basic": basic,
    "ed25519": ed25519,
    "hmac": signature,
    "jwt": json_web_token,
    "none": unproven,
    "parameters": parameters,
    "sns": sns,
    "standard_webhooks": standard_webhooks,
    "token": url_token,
}


def options(manifest: Manifest, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The connector's `verify` entries with the connection's settings filled in."""
    return _filled(manifest.callbacks.verify if manifest.callbacks else (), manifest, settings)


def _filled(
    entries: Iterable[Mapping[str, Any]], manifest: Manifest, settings: Mapping[str, Any]
) -> list[dict[str, Any]]:
    scope = {"settings": values.with_defaults(manifest.settings, settings)}
    return [references.fill(entry, scope) for entry in entries]


def check(
    manifest: Manifest,
    settings: Mapping[str, Any],
    request: IncomingRequest,
    public_url: str,
    now_ms: int,
) -> None:
    """Let a callback pass, or raise `Refused`.

    Every scheme whose secret the operator gave must hold. Where there is none, only a scheme `none` that is
    allowed lets it in. What cannot be told now is a `Failure`, see the schemes. `public_url` is the project's address as the gateway knows it; proxies change what
    arrives here, and some schemes sign the address.
    """
    if public_url:
        request = replace(request, url=public_address(public_url, request))
    entries = options(manifest, settings)
    live = [entry for entry in entries if SCHEMES[entry["scheme"]].configured(entry)]
    if not live:
        raise Refused(
            f"Nothing is set by which a callback of {manifest.name} could prove where it comes from: "
            + _missing(manifest),
            "not_set_up",
        )
    proven = [entry for entry in live if entry["scheme"] != "none"]
    for entry in proven or live:
        SCHEMES[entry["scheme"]].check(entry, request, now_ms)


def public_address(public_url: str, request: IncomingRequest) -> str:
    """The address of a request under another public URL."""
    _, mark, query = request.url.partition("?")
    path = quote(request.path, safe="/%:@!$&'()*+,;=-._~")
    return public_url.rstrip("/") + path + mark + query


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
    for entry in _in_address(manifest, settings):
        address = url_token.told(entry, address)
    return address


def proof_headers(manifest: Manifest) -> set[str]:
    """The lower-case names of the headers in which a callback may carry its proof."""
    entries = manifest.callbacks.verify if manifest.callbacks else ()
    return {
        str(one).lower()
        for entry in entries
        for key in ("header", "timestamp_header", "nonce_header")
        for _, one in references.texts(entry.get(key))
    }


def proof_parameters(manifest: Manifest) -> set[str]:
    """The names of the parameters in which a callback may carry its proof."""
    names = set()
    for entry in manifest.callbacks.verify if manifest.callbacks else ():
        if entry.get("query"):
            names.add(str(entry["query"]))
        if entry.get("scheme") == "hmac" and entry.get("body_hash"):
            names.add(str(entry["body_hash"]))
        if entry.get("scheme") == "parameters":
            names.add(str(entry.get("parameter") or "sig"))
    return names


_REHEARSED = {"public_key": f"{ed25519.REHEARSAL}1", "certificate": certificates.REHEARSAL}


def stand_ins(manifest: Manifest) -> dict[str, str]:
    """Values for the settings that name a gateway's public key or certificate, so that a rehearsal can sign."""
    return {
        name[-1]: value
        for entry in (manifest.callbacks.verify if manifest.callbacks else ())
        for key, value in _REHEARSED.items()
        for _, text in references.texts(entry.get(key))
        for name in references.names(text)
    }


def proof_settings(manifest: Manifest) -> list[str]:
    """The settings of a connection by which a callback can prove where it comes from, in the manifest's order."""
    entries = manifest.callbacks.verify if manifest.callbacks else ()
    names = [
        name[-1]
        for entry in entries
        for key in ("secret", "public_key", "topic")
        for _, text in references.texts(entry.get(key))
        for name in references.names(text)
    ]
    return list(dict.fromkeys(names))


def _missing(manifest: Manifest) -> str:
    names = proof_settings(manifest)
    return (
        f"set {' or '.join(names)} of the connection." if names else "its manifest names no secret."
    )


def hide_token(manifest: Manifest, settings: Mapping[str, Any], address: str) -> str:
    """A callback's address to be kept: the connection's own token is not in it, but the place where it stood is."""
    for entry in _in_address(manifest, settings):
        address = url_token.hide(entry, address)
    return address


def restore_token(manifest: Manifest, settings: Mapping[str, Any], address: str) -> str:
    """An address that `hide_token` made, with the token of today; proof is asked of it as of any other."""
    for entry in _in_address(manifest, settings):
        address = url_token.restore(entry, address)
    return address


def _in_address(manifest: Manifest, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tokens that stand in the callback address."""
    written = manifest.callbacks.verify if manifest.callbacks else ()
    tokens = [entry for entry in written if entry["scheme"] == "token"]
    return [
        entry
        for entry in (_filled(tokens, manifest, settings) if tokens else ())
        if url_token.configured(entry) and not entry.get("header")
    ]
