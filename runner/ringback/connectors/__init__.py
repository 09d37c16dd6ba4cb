"""How any connector is read and called: the program asks here by role, never by a connector's id."""

from __future__ import annotations
