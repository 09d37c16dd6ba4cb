"""The caller's address: what a trusted proxy says counts, what anybody else says does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.web.address import client_address

PROXIES = ("127.0.0.1/32", "10.0.0.0/8", "::1/128")


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("203.0.113.7", None, PROXIES, "203.0.113.7"),
        ("203.0.113.7", "1.2.3.4", PROXIES, "203.0.113.7"),
        ("127.0.0.1", "1.2.3.4", (), "127.0.0.1"),
        ("127.0.0.1", "1.2.3.4", PROXIES, "1.2.3.4"),
        ("127.0.0.1", "6.6.6.6, 1.2.3.4", PROXIES, "1.2.3.4"),
        ("127.0.0.1", "6.6.6.6, 1.2.3.4, 10.1.2.3", PROXIES, "1.2.3.4"),
        ("127.0.0.1", "10.9.9.9, 10.1.2.3", PROXIES, "10.9.9.9"),
        ("127.0.0.1", "1.2.3.4:5678", PROXIES, "1.2.3.4"),
        ("::1", "[2001:db8::1]:443", PROXIES, "2001:db8::1"),
        ("::ffff:127.0.0.1", "1.2.3.4", PROXIES, "1.2.3.4"),
        ("127.0.0.1", "unknown", PROXIES, "127.0.0.1"),
        ("127.0.0.1", "1.2.3.4, unknown, 10.1.1.1", PROXIES, "10.1.1.1"),
        ("127.0.0.1", "", PROXIES, "127.0.0.1"),
        ("", "1.2.3.4", PROXIES, ""),
    ],
)
def test_the_address(peer: str, forwarded: str | None, trusted: tuple[str, ...], address: str) -> None:  # fmt: skip
    environ = {"REMOTE_ADDR": peer} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})  # fmt: skip
    assert client_address(environ, trusted) == address


@given(st.text())
def test_nobody_chooses_an_address_in_front_of_a_trusted_proxys_word(said: str) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": f"{said}, 1.2.3.4"}
    assert client_address(environ, PROXIES) == "1.2.3.4"
