"""What can be seen of a running Ringback from outside: figures, log lines, traces. Everything may report here."""

from __future__ import annotations
