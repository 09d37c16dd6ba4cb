"""The one way in which a callback is turned away, and how a scheme's options are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS = ("not_set_up", "no_proof", "wrong_proof", "too_old")
"""Why a callback is not believed, in words that figures can be counted by."""


class Refused(Exception):
    """A callback did not prove where it comes from; `reason` is a sentence for the operator, `kind` one of KINDS."""

    def __init__(self, reason: str, kind: str = "wrong_proof") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


def secrets_of(options: Mapping[str, Any], key: str = "secret") -> list[str]:
    """The live secrets of a scheme's options: one text or several, empty ones left out."""
    return texts_of(options, key)


def texts_of(options: Mapping[str, Any], key: str) -> list[str]:
    """An option that is one text or several, as a list; empty ones left out."""
    given = options.get(key)
    listed = given if isinstance(given, list | tuple) else [given]
    return [str(one) for one in listed if one not in (None, "")]
