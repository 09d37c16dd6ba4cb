"""Signature vectors as requests: what a provider's own test suite signs, and the scheme that takes it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from ringback.connectors.incoming import IncomingRequest, incoming

CASES = Path(__file__).parent / "cases"
SCHEMES = json.loads((CASES / "schemes.json").read_text("utf-8"))["schemes"]
ADDRESS = "https://ringback.example/callbacks/front-desk"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Vector:
    """One vector, ready to be checked."""

    title: str
    options: Mapping[str, Any]
    request: IncomingRequest
    now_ms: int
    valid: bool


def load(path: Path) -> list[dict[str, Any]]:
    """The vectors of a file."""
    vectors: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["vectors"]
    return vectors


def title(vector: Mapping[str, Any]) -> str:
    return f"{vector['scheme']}: {vector.get('name', '')}"


def ready(vector: Mapping[str, Any]) -> Vector:
    """The request that a vector describes. A scheme that `schemes.json` does not know is a KeyError."""
    row = next((one for one in SCHEMES if fnmatchcase(vector["scheme"], one["names"])), None)
    if row is None:
        raise KeyError(f"{vector['scheme']} has no row in tests/catalogue/cases/schemes.json")
    headers = {**vector.get("headers", {})}
    params = dict(vector.get("params") or {})
    signature = vector.get("token", vector.get("expected"))
    if row["carry"].startswith("?"):
        params.setdefault(row["carry"][1:], signature)
    elif row["carry"] and row["carry"].lower() not in {name.lower() for name in headers}:
        headers.setdefault(row["carry"], _carried(row["carry"], signature))
    if vector.get("nonce") and row["options"].get("nonce_header"):
        headers.setdefault(row["options"]["nonce_header"], vector["nonce"])
    if vector.get("timestamp") and row["options"].get("timestamp_header"):
        headers.setdefault(row["options"]["timestamp_header"], str(vector["timestamp"]))
    headers = {name: value for name, value in headers.items() if value is not None}
    options = _options(vector, row["options"], headers, params)
    return Vector(title(vector), options, _request(vector, headers, params), _now(vector, headers, params), bool(vector["valid"]))  # fmt: skip


def _carried(header: str, signature: Any) -> Any:
    return f"Bearer {signature}" if header == "Authorization" else signature


def _request(
    vector: Mapping[str, Any], headers: dict[str, Any], params: Mapping[str, Any]
) -> IncomingRequest:
    url = vector.get("request_url") or vector.get("url") or vector.get("signed_url") or ADDRESS
    query = vector.get("query_params")
    method = vector.get("method") or ("GET" if query else "POST")
    raw = vector.get("raw_body")
    body = (raw or "").encode()
    if params and method == "GET":
        there = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        query = {name: value for name, value in params.items() if name not in there}
    elif params and raw is None:
        body = urlencode(params, doseq=True).encode()
    if (params and method != "GET") and not any(name.lower() == "content-type" for name in headers):
        headers = {**headers, "Content-Type": FORM}
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query, doseq=True)
    return incoming(method, url, headers, body)


def _options(
    vector: Mapping[str, Any],
    options: Mapping[str, Any],
    headers: Mapping[str, Any],
    params: Mapping[str, Any],
) -> dict[str, Any]:
    secret = vector.get("secret") or "no secret"
    filled = {**options, "secret": secret}
    for key in ("public_key", "topic", "certificate"):
        if vector.get(key):
            filled[key] = vector[key]
    if options["scheme"] == "ed25519":
        filled.setdefault("public_key", secret)
    if options["scheme"] == "parameters":
        filled["algorithm"] = vector.get("algorithm") or "md5hash"
        if "timestamp" not in params:
            filled["timestamp_parameter"] = ""
    if options["scheme"] == "standard_webhooks" and any(name.startswith("svix-") for name in headers):  # fmt: skip
        filled["header_prefix"] = "svix"
    if options["scheme"] == "sns":
        filled.setdefault("topic", json.loads(vector["raw_body"])["TopicArn"])
    return filled


def _now(vector: Mapping[str, Any], headers: Mapping[str, Any], params: Mapping[str, Any]) -> int:
    """When the vector was made: it says so, or its timestamp does, or its token."""
    stamps = [value for name, value in headers.items() if name.lower().endswith("timestamp")]
    for given in (vector.get("now"), *stamps, vector.get("timestamp"), params.get("timestamp")):
        if given is None:
            continue
        text = str(given)
        if text.isdigit():
            return int(text) * 1000
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    token = str(vector.get("token") or "").split(".")
    if len(token) == 3:
        claims = json.loads(base64.urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
        return int(claims.get("iat", claims.get("nbf", 0))) * 1000
    return 0
