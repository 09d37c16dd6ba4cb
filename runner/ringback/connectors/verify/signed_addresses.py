"""The addresses by which a gateway may have known us, when the one that we know does not verify."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ringback.connectors.incoming import IncomingRequest

_ADDRESS = re.compile(
    r"^(https?)://([^/?#]*?)(?::(\d+))?(/[^?#]*)?(\?.*)?$", re.IGNORECASE | re.DOTALL
)
_HOST = re.compile(r"^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?$")
_PREFIX = re.compile(r"^(/[A-Za-z0-9._~-]+){1,5}$")
_IMPLIED = {"http": "80", "https": "443"}


@dataclass(frozen=True)
class SignedAddress:
    """One address that may have been signed.

    `words` says how it differs ("https and without the port"); `public_url` is the setting that makes it ours, None
    where the path or the query differs, which no setting mends.
    """

    url: str
    words: str
    public_url: str | None


@dataclass(frozen=True)
class _Parts:
    scheme: str
    host: str
    port: str | None
    path: str
    query: str


def signed_addresses(request: IncomingRequest, most: int) -> list[SignedAddress]:
    """The addresses worth a try, those that differ least first, at most so many; never the request's own."""
    own = _parts(request.url)
    if own is None:
        return []
    hosts = list(dict.fromkeys([(own.host, own.port), *_told_hosts(request)]))
    schemes = list(
        dict.fromkeys([own.scheme, _first(request, "x-forwarded-proto"), "https", "http"])
    )
    told_port = _first(request, "x-forwarded-port")
    found: dict[str, tuple[int, SignedAddress]] = {}
    for scheme, (host, port), path in product(schemes, hosts, _paths(request, own.path)):
        if scheme not in _IMPLIED:
            continue
        ports = dict.fromkeys(
            [port, None, _IMPLIED[scheme], told_port if told_port.isdigit() else None]
        )
        for one, query in product(ports, _queries(own.query)):
            parts = _Parts(scheme, host, one, path, query)
            made = _described(own, parts, request.path)
            if made.url not in found and made.url != request.url:
                found[made.url] = (_distance(own, parts), made)
    ranked = sorted(found.values(), key=lambda pair: pair[0])
    return [made for _, made in ranked[:most]]


def _parts(url: str) -> _Parts | None:
    found = _ADDRESS.match(url)
    if found is None:
        return None
    return _Parts(found[1].lower(), found[2], found[3], found[4] or "", found[5] or "")


def _first(request: IncomingRequest, header: str) -> str:
    return request.headers.get(header, "").partition(",")[0].strip().lower()


def _told_hosts(request: IncomingRequest) -> Iterator[tuple[str, str | None]]:
    """What the headers of proxies, and the request itself, say the host is."""
    forwarded = re.search(
        r'host="?([^";,\s]+)', request.headers.get("forwarded", ""), re.IGNORECASE
    )
    told = [_first(request, one) for one in ("x-forwarded-host", "x-original-host", "host")]
    for text in [*told, forwarded[1] if forwarded else ""]:
        found = _HOST.match(text)
        if found:
            yield found[1], found[2]


def _paths(request: IncomingRequest, own: str) -> list[str]:
    turned = own[:-1] if own.endswith("/") else own + "/"
    paths = [own, turned]
    prefix = request.headers.get("x-forwarded-prefix", "").partition(",")[0].strip().rstrip("/")
    if _PREFIX.match(prefix):
        paths.append(prefix + own)
    if own.endswith(request.path) and own != request.path:
        paths.append(request.path)
    return list(dict.fromkeys(paths))


def _queries(own: str) -> list[str]:
    turned = [own.replace("'", "%27"), own.replace("%27", "'"), own.replace("%20", "+")]
    return list(dict.fromkeys([own, *turned, ""]))


def _distance(own: _Parts, other: _Parts) -> int:
    """How unlikely an address is: a query that was lost is the last that comes to mind."""
    weights = (
        (own.scheme != other.scheme, 2),
        (own.host != other.host, 3),
        (own.port != other.port, 2),
        (own.path != other.path, 4),
        (own.query != other.query, 6),
    )
    return sum(weight for differs, weight in weights if differs)


def _described(own: _Parts, other: _Parts, path: str) -> SignedAddress:
    said = []
    if other.scheme != own.scheme:
        said.append(f"with {other.scheme}")
    if other.host != own.host:
        said.append(f"with the host {other.host}")
    if other.port != own.port:
        said.append(f"with the port {other.port}" if other.port else "without the port")
    base = f"{other.scheme}://{other.host}{f':{other.port}' if other.port else ''}"
    prefix: str | None = other.path[: -len(path)] if path and other.path.endswith(path) else None
    if other.path != own.path:
        said.append(_path_words(own.path, other.path, prefix))
    if other.query != own.query:
        said.append("with its query written otherwise" if other.query else "without its query")
        prefix = None
    setting = None if prefix is None else base + prefix
    return SignedAddress(base + other.path + other.query, " and ".join(said), setting)


def _path_words(own: str, other: str, prefix: str | None) -> str:
    if other == own + "/":
        return "with a slash at the end of the path"
    if own == other + "/":
        return "without the slash at the end of the path"
    return f"with {prefix} before the path" if prefix else "without what stands before the path"
