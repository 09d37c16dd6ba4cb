"""What an operator set, in ringback.yaml and .env."""

from __future__ import annotations

from ringback.settings.model import (
    Connection,
    Limits,
    MessageRules,
    Prices,
    QuietHours,
    Settings,
    WorkflowSettings,
)
from ringback.settings.reading import load_settings

__all__ = [
    "Connection",
    "Limits",
    "MessageRules",
    "Prices",
    "QuietHours",
    "Settings",
    "WorkflowSettings",
    "load_settings",
]
