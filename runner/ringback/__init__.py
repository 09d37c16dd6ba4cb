"""Ringback runs text-message automations that people write in plain YAML."""

from __future__ import annotations

__version__ = "0.1.0"
