"""Measurements: ratios of what was run side by side, in one go, on one machine."""

from __future__ import annotations
