"""What is kept: events, runs, step results, messages, reports, files."""

from __future__ import annotations
