from __future__ import annotations

from ipaddress import ip_address

import pytest

from ringback.connectors.addresses import is_allowed, is_public

INSIDE = [
    "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "64:ff9b::a9fe:a9fe", "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip
OUTSIDE = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", INSIDE)
def test_inside(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not is_allowed("name.example", ip_address(address), ())


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("allowed", "fits"),
    [
        ("10.0.0.0/8", True),
        ("10.1.2.3", True),
        ("erp.example", True),
        ("ERP.Example.", True),
        ("other", False),
        ("fd00::/8", False),
        ("", False),
    ],
)
def test_what_an_operator_allows(allowed: str, fits: bool) -> None:
    assert is_allowed("erp.example", ip_address("10.1.2.3"), (allowed,)) is fits
