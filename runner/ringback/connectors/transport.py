"""Sends HTTP requests: pooled connections, timeouts, a cap on answers, a guard on where they go.

Connections are opened by urllib3, which `requests` itself stands on: the guard has to sit there. What goes over them
is written and read by `wire`, since urllib3's pools and answers take most of the processor time of a short call.
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
from http.client import HTTPException
from typing import Any, NamedTuple, NoReturn, Protocol
from urllib.parse import urljoin, urlsplit

import certifi
import urllib3
from urllib3 import exceptions as broken
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url

from ringback import __version__
from ringback.connectors import addresses, wire
from ringback.problems import Failure

# urllib3 logs every address with its query at DEBUG, and some gateways want their key there.
logging.getLogger("urllib3").setLevel(logging.INFO)

MAX_ANSWER = 10_000_000
"""Bytes of an answer, after unpacking, that are read."""
_CONNECT_S = 10.0
_PLACES_KEPT = 100
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
    """How our connections open: resolve once, check, and connect to the very address that was checked."""

    guard: Sequence[str] | None = None

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


class _Place(NamedTuple):
    """Where a request goes: `said` is the host as its address has it, `name` and `port` are connected to."""

    scheme: str
    said: str
    name: str
    port: int
    host_header: str
    target: str


Line = _PlainConnection | _SecureConnection
_Key = tuple[str, str, int, tuple[str, ...] | None]


class _Kept:
    """Open connections that wait for their next call, of the places called last. One that is guarded by other
    rules is of another place."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._idle: OrderedDict[_Key, list[Line]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: _Key) -> Line | None:
        """One that is still open, if there is one."""
        dropped: list[Line] = []
        with self._lock:
            idle = self._idle.setdefault(key, [])
            self._idle.move_to_end(key)
            found = idle.pop() if idle else None
            if len(self._idle) > _PLACES_KEPT:
                dropped = self._idle.popitem(last=False)[1]
        for one in dropped:
            one.close()
        if found is None or found.is_connected:
            return found
        found.close()
        return None

    def give(self, key: _Key, line: Line) -> None:
        """Keep one for later, or close it where there are enough."""
        with self._lock:
            idle = self._idle.get(key)
            if idle is not None and len(idle) < self._each:
                idle.append(line)
                return
        line.close()

    def clear(self) -> None:
        """Close all that wait, and those that are given from now on."""
        with self._lock:
            dropped = [one for idle in self._idle.values() for one in idle]
            self._idle.clear()
        for one in dropped:
            one.close()


class Transport:
    """Sends calls over the network. One serves a whole process; it may be used from any thread."""

    def __init__(self, *, connections_per_host: int = 32) -> None:
        self._kept = _Kept(connections_per_host)
        self._trust: ssl.SSLContext | None = None

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
        self._kept.clear()

    def _once(self, call: Call, ends_at: float) -> Answer:
        place = _place(call.url)
        left = ends_at - time.monotonic()
        if left <= 0:
            _fail(TimeoutError(), call, place.said)
        try:
            pieces = wire.written(
                call.method, place.target, place.host_header, _headers(call), call.body
            )
            asked = wire.Asked(place.said, call.method, ends_at, call.max_answer)
            answer = self._exchange(place, call, pieces, asked, left)
        except (broken.HTTPError, HTTPException, OSError, ValueError) as error:
            _fail(error, call, place.said)
        return Answer(answer.status, answer.headers, answer.body, call.url)

    def _exchange(
        self, place: _Place, call: Call, pieces: list[bytes], asked: wire.Asked, left: float
    ) -> wire.Received:
        guard = tuple(call.allow_private) if call.guard else None
        key = (place.scheme, place.name, place.port, guard)
        began, within = time.monotonic(), min(_CONNECT_S, left)
        line = self._kept.take(key) or self._opened(place, guard, within)
        try:
            line.sock.settimeout(within)
            answer = wire.exchange(line.sock, pieces, asked, left - (time.monotonic() - began))
        except BaseException:
            line.close()
            raise
        if answer.stays:
            self._kept.give(key, line)
        else:
            line.close()
        return answer

    def _opened(self, place: _Place, guard: tuple[str, ...] | None, within: float) -> Line:
        line: Line
        if place.scheme == "https":
            self._trust = self._trust or _trust()
            line = _SecureConnection(
                place.name, place.port, timeout=within, ssl_context=self._trust
            )
        else:
            line = _PlainConnection(place.name, place.port, timeout=within)
        line.guard = guard
        line.connect()
        return line


def _trust() -> ssl.SSLContext:
    """The system's own authorities, and the published ones for images that come without any."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


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
    name = parts.host.removeprefix("[").removesuffix("]")
    port = parts.port or _PORTS[scheme]
    shown = name.rstrip(".")
    shown = f"[{shown}]" if ":" in shown else shown
    host_header = shown if port == _PORTS[scheme] else f"{shown}:{port}"
    return _Place(scheme, said, name, port, host_header, parts.request_uri)


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
    if isinstance(error, broken.TimeoutError | TimeoutError):
        raise Failure(
            "no_answer", f"{host} did not answer within {call.timeout_s:g} seconds."
        ) from error
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        raise _unwritable(host, error) from error
    raise Failure("no_answer", f"{host} broke the connection off before it answered.") from error
