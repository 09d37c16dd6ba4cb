"""text.render: a text, filled in by the program before it gets here, tidied."""

from __future__ import annotations

import re
from typing import Any

from ringback.sdk import Context


def render(inputs: dict[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """Return `text` and its `length` in characters."""
    text = inputs["text"]
    if inputs.get("tidy", True):
        text = tidied(text)
    return {"text": text, "length": len(text)}


def tidied(text: str) -> str:
    """The text without spaces before line ends, outer blank lines, and repeated blank lines."""
    text = re.sub(r"[ \t]+$", "", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n").strip(" \t")
