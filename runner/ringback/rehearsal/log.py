"""A list on disk of the texts that were taken: one JSON object a line, there before the sender gets its answer."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TextLog:
    """Appends lines and waits until they are on the disk; threads that wait together share one fsync."""

    def __init__(self, path: Path) -> None:
        """Open for appending; a last line that a crash cut short is left out of the way.

        Raises OSError where the file cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._written = self._synced = 0
        if not _ends_whole(path):
            self._file.write(b"\n")

    def add(self, entry: Mapping[str, Any]) -> None:
        """Append one entry; it is on the disk when this returns."""
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            self._file.write(line)
            self._file.flush()
            self._written += 1
            mine = self._written
        with self._syncing:
            if self._synced < mine:
                covered = self._written
                os.fsync(self._file.fileno())
                self._synced = covered

    def close(self) -> None:
        self._file.close()


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return True
        file.seek(size - 1)
        return file.read(1) == b"\n"
