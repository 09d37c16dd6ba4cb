"""The nearest right word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 20


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None when nothing is like it. Case does not matter."""
    by_low = {name.lower(): name for name in known}
    low = str(word).lower()
    if low in by_low:
        return by_low[low]
    found = difflib.get_close_matches(low, by_low, n=1, cutoff=0.6)
    if not found:
        ends = [name for name in by_low if len(low) > 2 and name.endswith((f".{low}", f"_{low}"))]
        found = ends if len(ends) == 1 else []
    return by_low[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], whole: str = "There is") -> str:
    """The next step after an unknown word: the nearest one, else all there are.

    `whole` opens the list: `sms.send takes`, `A step has`.
    """
    names = list(known)
    near = nearest(word, names)
    if near is not None:
        return f"Did you mean `{near}`?"
    if not names:
        return ""
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return f"{whole}: {shown}."
