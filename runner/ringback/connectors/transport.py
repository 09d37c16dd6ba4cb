"""Sends HTTP requests: pooled connections, timeouts, a cap on answers, a guard on where they go.

Built on urllib3, which `requests` itself stands on: the guard has to sit where a connection is opened, and
a call costs about half as much processor time without the session around it. Each place that is called has a
pool of its own here, because finding one through urllib3's manager takes as long again as writing the request.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn, Protocol
from urllib.parse import urljoin, urlsplit

import certifi
import urllib3
from urllib3 import exceptions as broken
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import parse_url

from ringback import __version__
from ringback.connectors import addresses
from ringback.problems import Failure

# urllib3 logs every address with its query at DEBUG, and some gateways want their key there.
logging.getLogger("urllib3").setLevel(logging.INFO)

MAX_ANSWER = 10_000_000
"""Bytes of an answer, after unpacking, that are read."""
_CONNECT_S = 10.0
_CHUNK = 65_536
_PLACES = 100
_SHORT = 16_384
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_OWN_HOST_ONLY = ("authorization", "cookie", "proxy-authorization")


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. `timeout_s` is for the whole of it.

    `guard`: refuse addresses that are not of the open internet, unless `allow_private` (host names and
    networks) has them; connections that an operator configured are not guarded. `redirects` is how many
    are followed; 0 gives the redirect itself as the answer. `tell_trace`: where the run is traced, the other
    side is told of its trace.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = 30.0
    guard: bool = False
    allow_private: Sequence[str] = ()
    redirects: int = 0
    max_answer: int = MAX_ANSWER
    tell_trace: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `headers` have lower-case names, `url` is the address that answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""


class Sender(Protocol):
    """Anything that sends calls: the network, or a rehearsal."""

    def send(self, call: Call) -> Answer:
        """The answer, whatever its status.

        Raises `Failure`: `unreachable` (known not to have arrived), `no_answer` (it may have),
        `blocked_address`, `invalid_input` (not an address).
        """
        ...


class _Opening:
    """How our connections open: resolve once, check, and connect to the very address that was checked. And how they write."""

    guard: Sequence[str] | None = None
    _held: list[bytes] | None = None

    def request(self, *args: Any, **named: Any) -> None:
        """Head and body go out in one piece where they are short: a second one costs as much as all that is in it."""
        self._held = []
        try:
            super().request(*args, **named)  # type: ignore[misc]
            self._let_go()
        finally:
            self._held = None

    def send(self, data: Any) -> None:
        if self._held is None or not isinstance(data, bytes) or len(data) > _SHORT:
            self._let_go()
            super().send(data)  # type: ignore[misc]
        else:
            self._held.append(data)

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held:
            super().send(b"".join(held))  # type: ignore[misc]

    def _new_conn(self: Any) -> socket.socket:
        found = addresses.resolve(self._dns_host, self.port, self.guard)
        for address in found:
            try:
                return urllib3.util.connection.create_connection(
                    (address, self.port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as refused:
                reason = refused
        if isinstance(reason, TimeoutError):
            raise Failure("unreachable", f"{self.host} took no connection in time.")
        said = reason.strerror or str(reason)
        raise Failure("unreachable", f"{self.host} could not be reached: {said}.")


class _PlainConnection(_Opening, HTTPConnection):
    pass


class _SecureConnection(_Opening, HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (ssl.SSLError, ssl.CertificateError) as wrong:
            said = (
                getattr(wrong, "verify_message", "") or getattr(wrong, "reason", "") or str(wrong)
            )
            raise Failure(
                "unreachable",
                f"No secure connection to {self.host} could be made: {said}.",
                "Check the address, and that it begins with https:// only where the other side offers it.",
            ) from wrong
        except OSError as wrong:  # the connection was open, but nothing had been sent yet
            raise Failure(
                "unreachable", f"{self.host} did not complete a secure connection."
            ) from wrong


Guard = tuple[str, ...] | None
_Key = tuple[str, str, int, Guard]


class _Pools:
    """Open connections by place, of the places called last. One that is guarded by other rules is another place."""

    def __init__(self, connections_per_host: int) -> None:
        self._per_host = connections_per_host
        self._pools: OrderedDict[_Key, HTTPConnectionPool] = OrderedDict()
        self._trust: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def get(self, key: _Key) -> HTTPConnectionPool:
        """The pool of a place."""
        with self._lock:
            found = self._pools.get(key)
            if found is None:
                found = self._pools[key] = self._make(*key)
            self._pools.move_to_end(key)
            oldest = self._pools.popitem(last=False)[1] if len(self._pools) > _PLACES else None
        if oldest is not None:
            oldest.close()
        return found

    def clear(self) -> None:
        """Close all connections that are open."""
        with self._lock:
            dropped = list(self._pools.values())
            self._pools.clear()
        for pool in dropped:
            pool.close()

    def _make(self, scheme: str, host: str, port: int, guard: Guard) -> HTTPConnectionPool:
        if scheme == "http":
            plain = HTTPConnectionPool(host, port, maxsize=self._per_host)
            plain.ConnectionCls = type("Plain", (_PlainConnection,), {"guard": guard})
            return plain
        self._trust = self._trust or _trust()
        secure = HTTPSConnectionPool(host, port, maxsize=self._per_host, ssl_context=self._trust)
        secure.ConnectionCls = type("Secure", (_SecureConnection,), {"guard": guard})
        return secure


def _trust() -> ssl.SSLContext:
    """The system's own authorities, and the published ones for images that come without any."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Transport:
    """Sends calls over the network. One serves a whole process; it may be used from any thread."""

    def __init__(self, *, connections_per_host: int = 32) -> None:
        self._pools = _Pools(connections_per_host)

    def send(self, call: Call) -> Answer:
        """See `Sender.send`."""
        left = call.redirects
        ends_at = time.monotonic() + call.timeout_s
        while True:
            answer = self._once(call, ends_at)
            target = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not target or left <= 0:
                return answer
            left -= 1
            call = _redirected(call, answer.status, target)

    def close(self) -> None:
        """Close the connections that are open."""
        self._pools.clear()

    def _once(self, call: Call, ends_at: float) -> Answer:
        place = _place(call.url)
        left = ends_at - time.monotonic()
        if left <= 0:
            raise Failure(
                "no_answer", f"{place.said} did not answer within {call.timeout_s:g} seconds."
            )
        try:
            response = self._asked(call, place, left)
            try:
                body = _body(response, call, ends_at, place.said)
            except BaseException:
                response.close()
                raise
        except (broken.HTTPError, OSError, ValueError) as error:
            _fail(error, call, place.said)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers, body, call.url)

    def _asked(self, call: Call, place: _Place, left: float) -> urllib3.BaseHTTPResponse:
        guard = tuple(call.allow_private) if call.guard else None
        key = (place.scheme, place.name, place.port, guard)
        while True:
            try:
                return self._pools.get(key).urlopen(
                    call.method,
                    place.target,
                    body=call.body,
                    headers=_headers(call),
                    redirect=False,
                    retries=False,
                    timeout=urllib3.Timeout(connect=min(_CONNECT_S, left), total=left),
                    preload_content=False,
                )
            except broken.ClosedPoolError:  # another place took its room in between
                continue


class _Place(NamedTuple):
    """Where a request goes: `said` is the host as its address has it, `name` and `port` are connected to."""

    scheme: str
    said: str
    name: str
    port: int
    target: str


def _place(url: str) -> _Place:
    """Where an address leads; one with a query, where some gateways want their key, is not remembered."""
    return _placed.__wrapped__(url) if "?" in url else _placed(url)


@lru_cache(maxsize=256)
def _placed(url: str) -> _Place:
    scheme, said = _checked(url)
    try:
        parts = parse_url(url)
        if not parts.host:
            raise broken.LocationValueError("No host specified.")
    except ValueError as error:
        raise _unwritable(said, error) from error
    return _Place(scheme, said, parts.host, parts.port or _PORTS[scheme], parts.request_uri)


def _checked(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme.lower() not in ("http", "https"):
        raise Failure(
            "invalid_input", "The address does not start with https:// or http:// and a host."
        )
    return parts.scheme.lower(), host


def _headers(call: Call) -> dict[str, str]:
    headers = {"User-Agent": f"Ringback/{__version__}", "Accept-Encoding": "gzip, deflate"}
    named = {name.lower(): name for name in headers}
    for name, value in call.headers.items():
        headers.pop(named.get(name.lower(), name), None)
        headers[name] = value
    return headers


def _body(response: urllib3.BaseHTTPResponse, call: Call, ends_at: float, host: str) -> bytes:
    kept = bytearray()
    while chunk := response.read1(_CHUNK, decode_content=True):
        kept += chunk
        if len(kept) > call.max_answer:
            raise Failure("no_answer", f"{host} answered with more than {call.max_answer:,} bytes.")
        # what is all there counts, however late we come to read it: this process may have stood still
        if time.monotonic() > ends_at and response.length_remaining != 0:
            raise Failure("no_answer", f"{host} did not finish its answer in time.")
    response.release_conn()
    return bytes(kept)


def _redirected(call: Call, status: int, target: str) -> Call:
    url = urljoin(call.url, target)
    method, body, headers = call.method, call.body, dict(call.headers)
    if status == 303 or (status in (301, 302) and method == "POST"):
        method, body = ("HEAD" if method == "HEAD" else "GET"), None
        headers = {k: v for k, v in headers.items() if not k.lower().startswith("content-")}
    if _origin(url) != _origin(call.url):
        headers = {k: v for k, v in headers.items() if k.lower() not in _OWN_HOST_ONLY}
    return replace(call, url=url, method=method, body=body, headers=headers)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _unwritable(host: str, error: Exception) -> Failure:
    return Failure("invalid_input", f"The request to {host} cannot be written: {error}.")


def _fail(error: Exception, call: Call, host: str) -> NoReturn:
    if isinstance(error, broken.ConnectTimeoutError | broken.NewConnectionError):
        raise Failure("unreachable", f"{host} could not be reached.") from error
    if isinstance(error, broken.TimeoutError):
        raise Failure(
            "no_answer", f"{host} did not answer within {call.timeout_s:g} seconds."
        ) from error
    if isinstance(error, broken.LocationValueError | ValueError) and not isinstance(error, OSError):
        raise _unwritable(host, error) from error
    raise Failure("no_answer", f"{host} broke the connection off before it answered.") from error
