"""What is special about text messages: numbers, segments, statuses, reports."""

from __future__ import annotations
