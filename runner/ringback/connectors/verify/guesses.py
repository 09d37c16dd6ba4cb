"""Other readings of a callback's proof, where the manifest's does not fit: which scheme it looks like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jwt

from ringback.connectors.incoming import IncomingRequest

_LENGTHS = {
    "hex": {32: "md5", 40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"},
    "base64": {24: "md5", 28: "sha1", 44: "sha256", 64: "sha384", 88: "sha512"},
}
_SHAPES = {"hex": re.compile(r"[0-9A-Fa-f]+"), "base64": re.compile(r"[A-Za-z0-9+/]+={0,2}")}
_PREFIX = re.compile(r"^((?:sha\d+|md5|v\d|hmac)[=:])(?=.)", re.IGNORECASE)
_NAMED = re.compile(r"signature|hmac|digest|-sig$")
_SIGNED = (
    "{body}",
    "{timestamp}.{body}",
    "{timestamp}{body}",
    "{body}{timestamp}",
    "{body}.{timestamp}",
    "{timestamp}\n{body}",
    "{nonce}{body}",
    "{body}.{nonce}.{timestamp}",
    "{url}{fields}",
    "{url}{body}",
    "{url}",
    "{address}{nonce}",
    "{sorted_request}.{nonce}",
    "{timestamp}\n{url}\n{body_sha256}",
    "{timestamp}\n{query}\n{body_sha256}",
)
"""What gateways are known to sign; a pattern counts where the request has what it names."""
_MOST_HEADERS = 3


def guesses(request: IncomingRequest) -> Iterator[dict[str, Any]]:
    """Options of schemes, without a secret, that the request looks like it was signed by."""
    for prefix in ("webhook", "svix"):
        if request.headers.get(f"{prefix}-signature"):
            yield {"scheme": "standard_webhooks", "header_prefix": prefix}
    for header in list(request.headers):
        algorithm = _token_algorithm(request.headers[header])
        if algorithm:
            yield {"scheme": "jwt", "header": header, "algorithm": algorithm}
    for name in ("sig", "signature"):
        if name in dict(request.query) or f"{name}=".encode() in request.body:
            for algorithm in ("md5hash", "md5", "sha1", "sha256", "sha512"):
                yield {"scheme": "parameters", "parameter": name, "algorithm": algorithm}
    yield from _keyed_hashes(request)


def read_signature(text: str) -> dict[str, str] | None:
    """Prefix, algorithm and encoding of a signature, told by its looks; None where it looks like none."""
    prefix = _PREFIX.match(text)
    bare = text[prefix.end() :] if prefix else text
    for encoding, lengths in _LENGTHS.items():
        if len(bare) in lengths and _SHAPES[encoding].fullmatch(bare):
            said = {"algorithm": lengths[len(bare)], "encoding": encoding}
            return {**said, "prefix": prefix[1]} if prefix else said
    return None


def _keyed_hashes(request: IncomingRequest) -> Iterator[dict[str, Any]]:
    named = [name for name in request.headers if _NAMED.search(name)][:_MOST_HEADERS]
    times = [name for name in request.headers if name.endswith("timestamp")][:1]
    nonces = [name for name in request.headers if name.endswith("nonce")][:1]
    for header in named:
        first = re.split(r"[,\s]+", request.headers[header].strip())[0]
        said = read_signature(first)
        if said is None:
            continue
        for pattern in _SIGNED:
            if ("{timestamp}" in pattern and not times) or ("{nonce}" in pattern and not nonces):
                continue
            options: dict[str, Any] = {
                "scheme": "hmac",
                "header": header,
                "signed": pattern,
                **said,
            }
            if "{timestamp}" in pattern:
                options["timestamp_header"] = times[0]
            if "{nonce}" in pattern:
                options["nonce_header"] = nonces[0]
            yield options


def _token_algorithm(text: str) -> str | None:
    bare = text.removeprefix("Bearer ").strip()
    if not bare.startswith("eyJ"):
        return None
    try:
        said = jwt.get_unverified_header(bare).get("alg")
    except jwt.PyJWTError:
        return None
    return said if said in ("HS256", "HS384", "HS512") else None


def describe(options: Mapping[str, Any], instead_of: Mapping[str, Any] | None = None) -> str:
    """Options as a manifest would write them, only those that differ."""
    before = instead_of or {}
    shown = {
        name: value
        for name, value in options.items()
        if name not in ("secret", "tolerance") and before.get(name) != value
    }
    return ", ".join(f"{name}: {_written(value)}" for name, value in shown.items())


def _written(value: Any) -> str:
    text = str(value).replace("\n", "\\n")
    return f'"{text}"' if re.search(r"[{}:\\ ]", text) else text
