"""What gateways say that a message costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ringback.connectors.fieldpaths import Pick, read


def money(pick: Pick | None, sources: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """An amount as text and its currency, each None where nothing says it; a charge written as a negative number is positive."""
    value = pick.read(sources) if pick is not None else None
    if pick is None or value is None or isinstance(value, bool | dict | list):
        return None, None
    told = pick.currency
    currency = told if isinstance(told, str) or told is None else read(told, sources)
    return str(value).strip().removeprefix("-"), str(currency).upper() if currency else None
