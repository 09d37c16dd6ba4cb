"""When a failed step is tried again."""

from __future__ import annotations

import random

from ringback.problems import CODES
from ringback.workflow.model import Retry

LONGEST_RETRY_AFTER_MS = 24 * 3_600_000
"""However long the other side asks us to stay away, we look again after a day."""


def wait_ms(
    retry: Retry | None, attempt: int, code: str, retry_after_s: float | None, *, unsure_too: bool
) -> int | None:
    """Milliseconds until the next attempt, or None when there is none.

    Args:
        attempt: the attempt that has just failed, from 1.
        retry_after_s: how long the other side asked us to wait; a shorter wait of ours gives way to it.
        unsure_too: repeating does no harm, so a failure after which the effect may have happened counts too.

    An exponential wait doubles and is then spread over its upper half, so that many runs which failed
    together do not come back together.
    """
    if retry is None or attempt > retry.times:
        return None
    kind = CODES[code]
    if kind.unsure and not unsure_too:
        return None
    if not (kind.retry if retry.on is None else code in retry.on):
        return None
    wait = float(retry.delay_ms)
    if retry.backoff == "exponential":
        wait = min(wait * 2 ** min(attempt - 1, 40), retry.max_delay_ms)
        wait *= 0.5 + random.random() / 2
    asked = min((retry_after_s or 0) * 1000, LONGEST_RETRY_AFTER_MS)
    return round(max(wait, asked))
