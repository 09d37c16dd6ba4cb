"""What happens: an event is accepted, its run walks the steps, each step is performed."""

from __future__ import annotations
