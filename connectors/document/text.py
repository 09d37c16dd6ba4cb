"""`document.text`: all that a document says, in reading order."""

from __future__ import annotations

from typing import Any

from ringback.sdk import Context

from .reader import read_document


def text(inputs: dict[str, Any], context: Context) -> dict[str, Any]:
    """The text of a document: one line a paragraph or cell line, and how many words and pages it has.

    `pages` is None where the document does not say. Raises `document_refused`.
    """
    content = read_document(context.path(inputs["file"]), bool(inputs.get("comments")))
    said = content.text()
    return {"text": said, "words": len(said.split()), "pages": content.pages}
