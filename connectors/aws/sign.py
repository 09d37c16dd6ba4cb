"""Signs a request with AWS Signature Version 4.

As published by AWS (IAM User Guide, "Create a signed AWS API request"), whose own example the tests check.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from ringback.sdk import Context, Failure

SERVICE = "sms-voice"
_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"


def sign(request: dict[str, Any], context: Context) -> dict[str, str]:
    """The headers that prove a request to be ours. Raises `Failure` where region and address do not fit."""
    settings = request["settings"]
    region = str(settings["region"])
    host = urlsplit(request["url"]).hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and f".{region}." not in host:
        raise Failure(
            "invalid_input",
            f"The region {region} is not the one of the address {host}.",
            "Set region and base_url of this connection to the same region.",
        )
    headers = {"X-Amz-Date": context.now().strftime("%Y%m%dT%H%M%SZ")}
    if settings.get("session_token"):
        headers["X-Amz-Security-Token"] = str(settings["session_token"])
    signed = {**request, "headers": {**request["headers"], **headers}}
    keys = (str(settings["access_key_id"]), str(settings["secret_access_key"]))
    return {**headers, "Authorization": authorization(signed, keys, region, SERVICE)}


def authorization(
    request: Mapping[str, Any], keys: tuple[str, str], region: str, service: str
) -> str:
    """The Authorization header of a request that has its X-Amz-Date; `keys` are the access key and its secret."""
    address = urlsplit(request["url"])
    named = {name.lower(): " ".join(value.split()) for name, value in request["headers"].items()}
    named["host"] = address.netloc
    chosen = sorted(
        name for name in named if name in ("host", "content-type") or name.startswith("x-amz-")
    )
    listed = ";".join(chosen)
    pairs = sorted(
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in parse_qsl(address.query, keep_blank_values=True)
    )
    canonical = "\n".join(
        [
            request["method"],
            quote(address.path or "/", safe=f"/{_UNRESERVED}"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{named[name]}" for name in chosen),
            "",
            listed,
            hashlib.sha256(request["body"]).hexdigest(),
        ]
    )
    moment = named["x-amz-date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join([_ALGORITHM, moment, scope, digest])
    key = f"AWS4{keys[1]}".encode()
    for piece in scope.split("/"):
        key = hmac.digest(key, piece.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return (
        f"{_ALGORITHM} Credential={keys[0]}/{scope}, SignedHeaders={listed}, Signature={signature}"
    )
