"""The log: one line an event, to standard error, with every secret blacked out."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import IO

from ringback.masks import Masks


class MaskingFormatter(logging.Formatter):
    """`2026-06-28T14:30:00.125Z INFO ringback.web: …`; the line and its traceback go through the masks."""

    def __init__(self, masks: Masks) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._masks = masks

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.strftime(datefmt or "%Y-%m-%dT%H:%M:%S.") + f"{int(record.msecs):03d}Z"

    def format(self, record: logging.LogRecord) -> str:
        return self._masks.text(super().format(record))


def set_up(masks: Masks, level: str = "INFO", stream: IO[str] | None = None) -> logging.Handler:
    """Send everything that the program and its libraries log through one masking handler.

    Returns the handler, for who wants it away again.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(MaskingFormatter(masks))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for chatty in ("apscheduler", "urllib3", "alembic", "_granian", "granian"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return handler
