"""The log: one line an event, to standard error, with secrets blacked out and phone numbers shortened."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import IO, Any

from ringback.masks import Masks
from ringback.observe.behind import Behind
from ringback.observe.here import Here, here

FORMATS = ("text", "json")
_NUMBER = re.compile(r"(?<![\w.:/-])\+?\d(?:[ ()-]{0,2}\d){7,13}\d(?![\w:-]|\.\d)")
"""What may be a phone number: 9 to 15 digits by themselves, as people and gateways write them."""
_QUIET = ("apscheduler", "urllib3", "alembic", "_granian", "granian", "opentelemetry")


def shortened(text: str) -> str:
    """The text with every phone number cut to its last four digits: `…0077`."""
    return _NUMBER.sub(lambda found: f"…{re.sub(r'[^0-9]', '', found[0])[-4:]}", text)


class Lines(logging.Formatter):
    """`2026-06-28T14:30:00.125Z INFO ringback.web: … [run=… step=…]`, or the same as JSON.

    Every part of a line goes through the masks, its traceback too; `numbers` leaves phone numbers whole.
    """

    def __init__(self, masks: Masks, form: str = "text", *, numbers: bool = False) -> None:
        super().__init__()
        self._masks = masks
        self._json = form == "json"
        self._numbers = numbers

    def format(self, record: logging.LogRecord) -> str:
        error = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        known: Here = getattr(record, "here", None) or here()
        about = {name: value for name, value in zip(Here._fields, known, strict=True) if value}
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "at": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": self._shown(record.getMessage()),
            **{name: self._masks.text(value) for name, value in about.items()},
        }
        if error:
            line["error"] = self._shown(error)
        if self._json:
            return json.dumps(line, ensure_ascii=False)
        said = f"{line['at']} {line['level']} {line['logger']}: {line['message']}"
        if about:
            said += f" [{' '.join(f'{name}={line[name]}' for name in about)}]"
        return f"{said}\n{line['error']}" if error else said

    def _shown(self, text: str) -> str:
        text = self._masks.text(text)
        return text if self._numbers else shortened(text)


def set_up(
    masks: Masks,
    level: str = "INFO",
    stream: IO[str] | None = None,
    *,
    form: str = "text",
    numbers: bool = False,
) -> logging.Handler:
    """Send everything that the program and its libraries log through one masking handler.

    `form` is one of FORMATS. The handler writes on a thread of its own; whoever leaves the process without the
    interpreter's own end calls `logging.shutdown()` first. Returns the handler, for who wants it away again.
    """
    handler = Behind(stream or sys.stderr)
    handler.setFormatter(Lines(masks, form, numbers=numbers))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        if isinstance(old, Behind):
            old.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for chatty in _QUIET:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return handler
