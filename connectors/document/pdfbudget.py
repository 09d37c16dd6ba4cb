"""A bound on what pdfminer may unpack: it inflates any stream to the end, and a few kilobytes can hold gigabytes.

pdfminer.six has no setting for this, so its module's `zlib` is replaced by one that counts while a budget is
open in the calling thread, and is the real one otherwise.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pdfminer import pdftypes

from .package import refuse

MAX_STREAM = 24 * 1024 * 1024
MAX_ALL = 60 * 1024 * 1024
MAX_SLOW_INPUT = (
    512 * 1024
)  # of filters that pdfminer unpacks in Python, up to 64 times over or more


@dataclass(slots=True)
class _Budget:
    until: float
    left: int = MAX_ALL


_open: ContextVar[_Budget | None] = ContextVar("pdf_budget", default=None)


@contextmanager
def budget(until: float) -> Iterator[None]:
    """Count what is unpacked in this block; past the bound, or past `until` (monotonic seconds), refuse."""
    token = _open.set(_Budget(until))
    try:
        yield
    finally:
        _open.reset(token)


class CountedZlib:
    """The parts of `zlib` that pdfminer uses, with the bound."""

    error = zlib.error
    decompressobj = staticmethod(zlib.decompressobj)

    @staticmethod
    def decompress(data: bytes) -> bytes:
        held = _open.get()
        if held is None:
            return zlib.decompress(data)
        if time.monotonic() > held.until:
            raise refuse("pdf_slow", seconds=30)
        inflater = zlib.decompressobj()
        bound = min(MAX_STREAM, held.left)
        content = inflater.decompress(data, bound + 1)
        if len(content) > bound:
            raise refuse("expands", part="a stream of the PDF")
        if not inflater.eof:
            raise zlib.error("incomplete stream")
        held.left -= len(content)
        return content


def _bounded(unpack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def bounded(data: bytes) -> bytes:
        if _open.get() is not None and len(data) > MAX_SLOW_INPUT:
            raise refuse("expands", part="a stream of the PDF")
        return unpack(data)

    return bounded


def install() -> None:
    """Put the counting parts in place, once."""
    module: Any = pdftypes
    if isinstance(module.zlib, type):
        return
    module.zlib = CountedZlib
    module.lzwdecode = _bounded(module.lzwdecode)
    module.rldecode = _bounded(module.rldecode)


install()
