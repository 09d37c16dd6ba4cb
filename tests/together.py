"""Several threads that begin at the same moment, for tests of what happens then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def together(*several: Callable[[], T]) -> list[T]:
    """Call them all at once, each on a thread of its own; their results, in their order. Raises what one raised."""
    gate = threading.Barrier(len(several))

    def begin(one: Callable[[], T]) -> T:
        gate.wait(20)
        return one()

    with ThreadPoolExecutor(len(several)) as pool:
        futures = [pool.submit(begin, one) for one in several]
        return [future.result(60) for future in futures]
