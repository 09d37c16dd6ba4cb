"""`none`: callbacks without proof, let in only where the operator says so. Options: allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ringback.connectors.incoming import IncomingRequest

_YES = frozenset({"true", "yes", "on", "1"})


def configured(options: Mapping[str, Any]) -> bool:
    """The operator lets unproven callbacks in."""
    return str(options.get("allowed", "")).strip().casefold() in _YES


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:
    """Nothing is checked: `configured` was the question."""


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:  # noqa: ARG001
    """The request as it is."""
    return request
