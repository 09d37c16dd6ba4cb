"""What an operator set, in ringback.yaml and .env."""

from __future__ import annotations

from ringback.settings.model import (
    Connection,
    FilesAt,
    Limits,
    Locks,
    LogRules,
    MessageRules,
    Prices,
    QuietHours,
    Settings,
    Work,
    WorkflowSettings,
)
from ringback.settings.reading import load_settings

__all__ = [
    "Connection",
    "FilesAt",
    "Limits",
    "Locks",
    "LogRules",
    "MessageRules",
    "Prices",
    "QuietHours",
    "Settings",
    "Work",
    "WorkflowSettings",
    "load_settings",
]
