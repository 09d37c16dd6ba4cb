"""Fetches files that callbacks name, and shows who we are to the gateway alone.

The address comes from a callback and may name any host. Credentials go only to the hosts that the manifest
calls the gateway's own; each redirect is looked at anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from ringback.connectors import references, request
from ringback.connectors.manifest import Manifest
from ringback.connectors.transport import Call, Sender
from ringback.problems import Failure

MOST_REDIRECTS = 3
TIMEOUT_S = 20.0
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_COMES_LATER = (404, 408, 409, 425)
"""Answers of a gateway that may not have the file ready yet; 429 and 5xx come besides."""


def fetch(
    url: str,
    manifest: Manifest | None,
    settings: Mapping[str, Any],
    transport: Sender,
    *,
    limit: int,
    allow_private: Sequence[str] = (),
) -> bytes:
    """The bytes at an address, at most `limit`.

    An address that is not the gateway's own is guarded and gets no credentials. Raises the `Failure` of the transport;
    `server_error` where another try may help, else `unauthorized` or `refused`.
    """
    for _ in range(MOST_REDIRECTS + 1):
        own = own_headers(url, manifest, settings) if manifest is not None else None
        call = Call(
            "GET",
            url,
            {"Accept": "*/*", **(own or {})},
            timeout_s=TIMEOUT_S,
            guard=own is None,
            allow_private=tuple(allow_private),
            max_answer=limit,
        )
        answer = transport.send(call)
        target = answer.headers.get("location")
        if answer.status not in _REDIRECTS or not target:
            if answer.status == 200:
                return answer.body
            raise _refusal(answer.status, known=own is not None)
        url = urljoin(url, target)
    raise Failure("refused", f"It was redirected more than {MOST_REDIRECTS} times.")


def own_headers(url: str, manifest: Manifest, settings: Mapping[str, Any]) -> dict[str, str] | None:
    """The headers that show who we are, where the address is one of the gateway's own; None where it is not.

    The address is read by the parser that opens the connection, so that both see the same host.
    """
    asked = _place(url)
    if asked is None or manifest.callbacks is None:
        return None
    scope = {"settings": settings}
    for spec in manifest.callbacks.inbound:
        if spec.media is None or not spec.media.auth:
            continue
        hosts = (str(references.fill(host, scope) or "") for host in spec.media.hosts)
        if any(_place(host if "://" in host else f"https://{host}") == asked for host in hosts):
            return request.auth_headers(spec.media.auth, scope)
    return None


def _place(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what is no plain address."""
    try:
        read: Url = parse_url(url)
        same = (urlsplit(url).hostname or "").lower() == (read.host or "").strip("[]").lower()
    except (LocationParseError, ValueError):
        return None
    if read.auth is not None or not same or not read.host or read.scheme not in _PORTS:
        return None
    return read.scheme, read.host.lower(), read.port or _PORTS[read.scheme]


def _refusal(status: int, *, known: bool) -> Failure:
    said = f"The address answered {status}."
    if status in _COMES_LATER or status == 429 or status >= 500:
        return Failure("server_error", said)
    if status in (401, 403):
        advice = (
            "Compare the credentials of the connection with the gateway's dashboard."
            if known
            else "The manifest names no credentials for this address: media.auth and media.hosts of callbacks.inbound."
        )
        return Failure("unauthorized", said, advice)
    return Failure("refused", said)
