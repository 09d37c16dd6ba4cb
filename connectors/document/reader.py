"""Opening a document of any kind that is read here. What it is, its first bytes say; a name or a claim never does."""

from __future__ import annotations

from pathlib import Path

from . import docx, plain
from .content import Content
from .package import MAX_FILE, ole_reason, other_kind, refuse


def read_document(path: Path, comments: bool = False) -> Content:
    """Read a .docx, a PDF or a text file into one shape.

    Raises:
        Failure: `document_refused`, with the reason in one sentence.
    """
    size = path.stat().st_size
    if size > MAX_FILE:
        raise refuse("too_large", size=f"{size / 1024 / 1024:.0f} MB")
    with path.open("rb") as stream:
        kind = other_kind(stream.read(4096), size)
    if kind is None:
        return docx.read(path, comments)
    if kind == "pdf":
        from .pdf import read  # slow to import, and most documents are not PDFs

        return read(path)
    if kind == "text":
        return plain.read(path)
    raise refuse(ole_reason(path) if kind == "ole" else kind)
