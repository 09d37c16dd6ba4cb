"""Examines a set-up, everything at once: what is well, what is not, and what to do about it."""

from __future__ import annotations

from ringback.doctor.examine import examine
from ringback.doctor.finding import Finding

__all__ = ["Finding", "examine"]
