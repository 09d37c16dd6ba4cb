"""Small connectors for tests, made of YAML."""

from __future__ import annotations

from pathlib import Path

from ringback.connectors.manifest import Manifest
from ringback.connectors.reading import read_manifest

GATEWAY = """\
id: stand-in
name: Stand-in
kind: sms-gateway
description: A gateway for tests.
settings:
  key: { type: secret, title: Key, description: A key. }
  secret: { type: secret, title: Secret, description: A secret. }
  token: { type: secret, title: Token, description: A token. }
  base_url: { type: url, title: Address, description: Where it is., default: "https://gateway.example" }
"""


def gateway(callbacks: str = "", verify: str = "{ scheme: none, allowed: true }", more: str = "") -> Manifest:  # fmt: skip
    """A gateway whose callbacks, or actions (`more`), are these."""
    text = GATEWAY.replace("stand-in", "standin") + more
    if callbacks:
        text += f"callbacks:\n  verify: {verify}\n{callbacks}\n"
    manifest, problems = read_manifest(text, Path("/nowhere/standin"), "connector.yaml", "project")
    assert manifest is not None, "\n".join(map(str, problems))
    return manifest
