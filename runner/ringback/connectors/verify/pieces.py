"""What a signature is made over: the pieces that `signed` may name, as bytes, from the request as it came.

    {body}            the raw body                       {body_sha256}   its SHA-256, the 32 bytes themselves
    {timestamp}       the timestamp_header's text        {nonce}         the nonce_header's
    {method}          GET, POST                          {url}           the public address with its query
    {address}         the public address without it      {query}         the query, sorted and encoded again
    {fields}          each form field's name and value, one after the other, sorted by name; repeated values
                      once each, sorted. Nothing for a request without a body
    {sorted_request}  the address, "?", the query's sorted name=value pairs joined by "&"; for a POST then "." and
                      the form fields as above, but every value counts; "?" and "." only where they part something

A piece that leaves a body unsigned refuses a request that has one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.verify.refused import Refused

_NETLOC = re.compile(r"^([a-z][a-z0-9+.-]*)://([^/?#]*?)(?::(\d+))?(?=[/?#]|$)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def pairs_of(text: str) -> list[tuple[str, str]]:
    """Name and value of each `name=value`, decoded; bytes that are not UTF-8 survive being encoded again."""
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape")


def is_form(request: IncomingRequest) -> bool:
    """Whether the body says that it is a form's."""
    kind = request.content_type.partition(";")[0].strip().lower()
    return kind == "application/x-www-form-urlencoded"


def form_of(request: IncomingRequest) -> list[tuple[str, str]]:
    """The form fields of a request; none where it has no body. Raises `Refused` for a body of another kind."""
    if not request.body:
        return []
    if not is_form(request):
        raise Refused(
            "The callback has a body that is not a form, and its signature would not cover that."
        )
    return pairs_of(bytes(request.body).decode("utf-8", "surrogateescape"))


def query_of(url: str) -> list[tuple[str, str]]:
    """The parameters of an address's query."""
    return pairs_of(url.partition("?")[2].partition("#")[0])


def url_variants(url: str) -> list[str]:
    """An address in the spellings by which one gateway may sign it.

    With its port, without any, and with the one that its scheme implies; each with an apostrophe in the query as
    it is and as %27. The first is the address as given.
    """
    found = _NETLOC.match(url)
    if found is None:
        return [url]
    scheme, host, port = found[1], found[2], found[3]
    rest = url[found.end() :]
    implied = _DEFAULT_PORTS.get(scheme.lower())
    ports = dict.fromkeys([port, None, port or implied])
    before, mark, query = rest.partition("?")
    rests = [rest, f"{before}{mark}{query.replace(chr(39), '%27')}"]
    rests.append(f"{before}{mark}{query.replace('%27', chr(39))}")
    return list(
        dict.fromkeys(
            f"{scheme}://{host}{f':{one}' if one else ''}{tail}" for one in ports for tail in rests
        )
    )


def _carried(option: str) -> Callable[[Mapping[str, Any], IncomingRequest], bytes]:
    def read(options: Mapping[str, Any], request: IncomingRequest) -> bytes:
        name = str(options.get(option) or "")
        return request.headers.get(name.lower(), "").encode("latin-1", "replace")

    return read


def _body_sha256(options: Mapping[str, Any], request: IncomingRequest) -> bytes:  # noqa: ARG001
    return hashlib.sha256(request.body).digest()


def _query(options: Mapping[str, Any], request: IncomingRequest) -> bytes:  # noqa: ARG001
    return urlencode(sorted(query_of(request.url)), errors="surrogateescape").encode()


def _fields(options: Mapping[str, Any], request: IncomingRequest) -> bytes:
    if body_is_hashed(options, request):
        return b""
    return _joined([(name, value) for name, value in sorted(set(form_of(request)))])


def _sorted_request(options: Mapping[str, Any], request: IncomingRequest) -> bytes:  # noqa: ARG001
    form = sorted(form_of(request))
    if form and request.method.upper() == "GET":
        raise Refused("The callback is a GET with a body, which its signature would not cover.")
    query = "&".join(f"{name}={value}" for name, value in sorted(query_of(request.url)))
    address = request.url.partition("?")[0] + ("?" if query or form else "") + query
    return _encoded(address + ("." if query and form else "")) + _joined(form)


def body_is_hashed(options: Mapping[str, Any], request: IncomingRequest) -> bool:
    """Whether the signed address carries the hash of the body, in place of signed fields.

    Raises `Refused` where it does and the body is another one.
    """
    name = options.get("body_hash")
    carried = dict(query_of(request.url)).get(str(name)) if name else None
    if carried is None:
        return False
    made = hashlib.sha256(request.body).hexdigest().encode()
    if not hmac.compare_digest(made, carried.lower().encode("utf-8", "surrogateescape")):
        raise Refused(f"The body is not the one whose hash the address carries as {name}.")
    return True


def _joined(pairs: list[tuple[str, str]]) -> bytes:
    return _encoded("".join(name + value for name, value in pairs))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


PIECES: dict[str, Callable[[Mapping[str, Any], IncomingRequest], bytes]] = {
    "body": lambda _, request: request.body,
    "body_sha256": _body_sha256,
    "timestamp": _carried("timestamp_header"),
    "nonce": _carried("nonce_header"),
    "method": lambda _, request: request.method.upper().encode(),
    "url": lambda _, request: _encoded(request.url),
    "address": lambda _, request: _encoded(request.url.partition("?")[0]),
    "query": _query,
    "fields": _fields,
    "sorted_request": _sorted_request,
}
_PIECE = re.compile(r"(\{[a-z0-9_]+\})")


def signed_bytes(
    options: Mapping[str, Any], request: IncomingRequest, default: str = "{body}"
) -> list[bytes]:
    """What is signed, in pieces: a large body is not copied to be joined with a few bytes."""
    written = _PIECE.split(str(options.get("signed") or default))
    unknown = [one for one in written[1::2] if one[1:-1] not in PIECES]
    if unknown:
        names = ", ".join(f"{{{name}}}" for name in PIECES)
        raise Refused(f"What is signed names {unknown[0]}, which is not one of {names}.")
    return [
        PIECES[one[1:-1]](options, request) if number % 2 else one.encode()
        for number, one in enumerate(written)
    ]
