"""From where a request comes, also where a reverse proxy stands between."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any


def client_address(environ: Mapping[str, Any], trusted: Sequence[str]) -> str:
    """The caller's address.

    `X-Forwarded-For` counts only as far as it was written by proxies of `trusted` networks: it is read from its
    end, and the first address that is no trusted proxy is the caller. What stands before that, anybody can write.
    """
    address = str(environ.get("REMOTE_ADDR") or "")
    if not trusted or not _within(address, trusted):
        return address
    hops = [hop.strip() for hop in str(environ.get("HTTP_X_FORWARDED_FOR") or "").split(",")]
    for hop in reversed(hops):
        known = _address(hop)
        if known is None:
            return address
        address = known
        if not _within(address, trusted):
            return address
    return address


def _address(hop: str) -> str | None:
    """The address of a hop, without the port that some proxies add; None where it is none."""
    bare = hop[1:].partition("]")[0] if hop.startswith("[") else hop
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None


def _within(address: str, networks: Sequence[str]) -> bool:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    return any(known in ipaddress.ip_network(network) for network in networks)
