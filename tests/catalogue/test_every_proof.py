"""How each gateway proves its callbacks: rotation, replays, and the public address behind a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ringback.connectors import references, verify
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.manifest import Manifest
from ringback.rehearsal import calling_back
from ringback.rehearsal.project import stand_in_settings

NOW_MS = 1_782_657_005_000
PUBLIC = "https://texts.example"
PATH = "/callbacks/front-desk"
GATEWAYS = [one for one in load_catalogue().connectors.values() if one.kind == "sms-gateway"]
AGING = {"aws", "bird", "gammu", "httpsms", "messagebird", "sinch", "smsgate", "telnyx", "vonage"}
"""Whose proof says when it was made; the others' schemes have no time in them, so that dedupe is all there is."""
ADDRESSED = {"bird", "httpsms", "messagebird", "plivo", "twilio"}
"""Whose proof covers the address."""
ENTRIES = [
    pytest.param(manifest, number, id=f"{manifest.id}-{entry['scheme']}-{number}")
    for manifest in GATEWAYS
    for number, entry in enumerate(manifest.callbacks.verify if manifest.callbacks else ())
    if entry["scheme"] != "none"
]


def called(manifest: Manifest, settings: Mapping[str, Any], public_url: str = PUBLIC) -> IncomingRequest:  # fmt: skip
    """A report as it arrives behind a proxy: the address inside is another one than the gateway called."""
    told = f"{public_url.rstrip('/')}{PATH}"
    facts = calling_back.Facts("g-1", "+447700900077", "delivered", NOW_MS, "msg_01")
    made = calling_back.report(manifest, settings, told, facts)
    assert made is not None
    query = made.url.partition("?")[2]
    inside = f"http://127.0.0.1:8080{PATH}" + (f"?{query}" if query else "")
    return replace(made, url=inside, path=PATH)


def check(manifest: Manifest, settings: Mapping[str, Any], request: IncomingRequest, public_url: str = PUBLIC, now_ms: int = NOW_MS) -> None:  # fmt: skip
    verify.check(manifest, settings, request, public_url, now_ms)


def proofs_of(entry: Mapping[str, Any]) -> list[str]:
    """The settings from which one scheme takes its secrets."""
    keys = ("secret", "public_key", "topic")
    texts = [text for key in keys for _, text in references.texts(entry.get(key))]
    return [name[-1] for text in texts for name in references.names(text)]


def others(manifest: Manifest, entry: Mapping[str, Any]) -> dict[str, None]:
    """The proofs of the other schemes, switched off, where the connection can do without them."""
    every = set(verify.proof_settings(manifest)) - set(proofs_of(entry))
    return {name: None for name in every if not manifest.settings[name].required}


@pytest.mark.parametrize(("manifest", "number"), ENTRIES)
def test_two_secrets_are_live_while_one_replaces_the_other(manifest: Manifest, number: int) -> None:
    assert manifest.callbacks is not None
    entry = manifest.callbacks.verify[number]
    kind = "rehearsal:" if entry["scheme"] == "ed25519" else "0123456789abcdef0123456789abcde"
    first, second, third = (f"{kind}{number}" for number in (1, 2, 3))
    names = proofs_of(entry)
    several = [name for name in names if manifest.settings[name].type == "list"]
    if several:
        ways: list[dict[str, Any]] = [{several[0]: [one]} for one in (first, second, third)]
        both: dict[str, Any] = {several[0]: [first, second]}
    else:
        assert len(names) > 1, "a scheme with one setting for one secret cannot be rotated"
        ways = [dict.fromkeys(names, one) for one in (first, second, third)]
        both = {names[0]: first, names[1]: second}
    base = {**stand_in_settings(manifest, {}), **others(manifest, entry)}
    for way in ways[:2]:
        check(manifest, {**base, **both}, called(manifest, {**base, **way}))
    with pytest.raises(verify.Refused):
        check(manifest, {**base, **both}, called(manifest, {**base, **ways[2]}))


@pytest.mark.parametrize("manifest", GATEWAYS, ids=lambda one: one.id)
@pytest.mark.parametrize(
    "public_url",
    ["https://texts.example:8443", "https://texts.example/base", "https://texts.example/base/", "http://texts.example", "https://texts.example/"],
)  # fmt: skip
def test_the_public_address_counts_and_not_the_one_inside(
    manifest: Manifest, public_url: str
) -> None:
    settings = stand_in_settings(manifest, {})
    request = called(manifest, settings, public_url)
    check(manifest, settings, request, public_url)
    if manifest.id in ADDRESSED:
        with pytest.raises(verify.Refused):
            check(manifest, settings, request, "https://other.example")
    else:
        check(manifest, settings, request, "https://other.example")


@pytest.mark.parametrize("manifest", GATEWAYS, ids=lambda one: one.id)
def test_an_old_proof_does_not_count_again(manifest: Manifest) -> None:
    settings = stand_in_settings(manifest, {})
    request = called(manifest, settings)
    check(manifest, settings, request, now_ms=NOW_MS + 50_000)
    for now_ms in (NOW_MS + 8_000_000, NOW_MS - 8_000_000):
        if manifest.id in AGING:
            with pytest.raises(verify.Refused):
                check(manifest, settings, request, now_ms=now_ms)
        else:
            check(manifest, settings, request, now_ms=now_ms)
