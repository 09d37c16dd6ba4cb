"""The certificates with which a cloud signs, fetched from its own hosts and kept."""

from __future__ import annotations

import datetime
import re
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ringback.clock import from_ms
from ringback.connectors.transport import Call, Sender, Transport
from ringback.connectors.verify.refused import Refused, texts_of
from ringback.problems import Failure

REHEARSAL = "rehearsal"
_LARGEST = 20_000
_KEPT = 50
_AGAIN_S = 60.0
_TIMEOUT_S = 5.0


class Certificates:
    """Certificates by address. What could not be had is not asked for again within a minute."""

    def __init__(self, sender: Sender | None = None) -> None:
        self._sender = sender
        self._held: dict[str, x509.Certificate] = {}
        self._failed: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def get(self, url: str) -> x509.Certificate:
        """The certificate at an address that was found to be the cloud's own.

        Raises `Failure("unreachable")` where it cannot be fetched now, `Refused` where what lies there is none.
        """
        held = self._held.get(url)
        if held is not None:
            return held
        with self._lock:
            held = self._held.get(url) or self._fetched(url)
            self._held[url] = held
            if len(self._held) > _KEPT:
                del self._held[next(iter(self._held))]
            return held

    def _fetched(self, url: str) -> x509.Certificate:
        failed = self._failed.get(url)
        if failed is not None and time.monotonic() - failed[0] < _AGAIN_S:
            raise Failure("unreachable", failed[1])
        self._sender = self._sender or Transport(connections_per_host=1)
        call = Call("GET", url, timeout_s=_TIMEOUT_S, guard=True, max_answer=_LARGEST)
        try:
            answer = self._sender.send(call)
            if answer.status != 200:
                host = urlsplit(url).hostname
                raise Failure("unreachable", f"{host} did not give its certificate.")
        except Failure as failure:
            if len(self._failed) >= _KEPT:
                self._failed.clear()
            said = f"The gateway's certificate cannot be had now: {failure.message}"
            self._failed[url] = (time.monotonic(), said)
            raise Failure("unreachable", said) from failure
        return read(answer.body)


_shared = Certificates()


def named(
    options: Mapping[str, Any], url: str, now_ms: int, certificates: Certificates | None = None
) -> x509.Certificate:
    """The certificate that a message names: the connection's own where it has one, else fetched.

    Options: certificate (PEM, or the word rehearsal), certificate_hosts (a pattern of the hosts that may give
    one). Raises `Refused` for any other address and for a certificate that has run out, `Failure` where it cannot
    be fetched now.
    """
    own = texts_of(options, "certificate")
    if own and own[0].strip() == REHEARSAL:
        return rehearsal()[1]
    if own:
        found = read(own[0].encode())
    else:
        _check_address(options, url)
        found = (certificates or _shared).get(url)
    if not found.not_valid_before_utc <= from_ms(now_ms) <= found.not_valid_after_utc:
        raise Refused("The certificate that the callback names is not valid today.")
    return found


def read(pem: bytes) -> x509.Certificate:
    """A certificate as PEM. Raises `Refused` where it is none."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise Refused("What should be a certificate is none.") from None


def _check_address(options: Mapping[str, Any], url: str) -> None:
    try:
        parts = urlsplit(url)
        host, odd = parts.hostname or "", parts.port or parts.username or parts.password
    except ValueError:
        host, odd = "", True
    pattern = str(options.get("certificate_hosts") or "")
    good = parts.scheme == "https" and parts.path.endswith(".pem") if host else False
    if odd or not good or not pattern or not re.fullmatch(pattern, host, re.ASCII):
        raise Refused("The callback names a certificate at an address that is not the gateway's.")


@lru_cache(maxsize=1)
def rehearsal() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """The key and certificate with which this very process rehearses; nobody else has them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rehearsal")])
    moment = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(moment)
        .not_valid_after(moment.replace(year=2100))
        .sign(key, hashes.SHA256())
    )
    return key, made
