"""Which addresses on the network an outgoing call may reach."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ringback.problems import Failure

Address = IPv4Address | IPv6Address
_NAT64 = ip_network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, and not a private, local, link-local or metadata one.

    An IPv6 address that carries an IPv4 one inside (mapped, 6to4, Teredo, NAT64) is judged by both.
    """
    inner = _inside(address)
    if inner is not None and not is_public(inner):
        return False
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address in _NAT64):
        return True  # nothing but another way to write the address inside, which was judged
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inside(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def is_allowed(host: str, address: Address, allowed: Sequence[str]) -> bool:
    """Whether an address may be reached: it is public, or the operator allowed the host or its network.

    `allowed` holds host names and networks (`10.0.0.0/8`, `192.168.1.20`).
    """
    if is_public(address):
        return True
    name = host.lower().rstrip(".")
    return any(one.lower().rstrip(".") == name or _holds(one, address) for one in allowed)


def _holds(network: str, address: Address) -> bool:
    try:
        return address in ip_network(network.strip(), strict=False)
    except ValueError:
        return False


def resolve(host: str, port: int, allowed: Sequence[str] | None) -> list[str]:
    """The numeric addresses of a host that may be reached; `allowed` None lets every one through.

    The caller connects to one of these and resolves no second time, so that a name cannot mean another
    address after it was checked. Raises `Failure`: `blocked_address` where none may be reached,
    `unreachable` where there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Failure(
            "unreachable", f"The address {host} is not known to the network.", "Check its spelling."
        ) from None
    numeric = [str(entry[4][0]) for entry in found]
    if allowed is None:
        return numeric
    open_ones = [
        one for one in numeric if is_allowed(host, ip_address(one.partition("%")[0]), allowed)
    ]
    if not open_ones:
        raise Failure(
            "blocked_address",
            f"{host} is an address inside the private network, which this call may not reach.",
            "If it is meant, add it to allow_private under http in ringback.yaml.",
        )
    return open_ones
