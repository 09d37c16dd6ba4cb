"""Ids: unlike each other, and in order."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from ringback.ids import new_id


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    made = [new_id("run") for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(re.fullmatch(r"run_[0-9a-hjkmnp-tv-z]{26}", name) for name in made)


def test_threads_never_make_the_same_one() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id("evt"), range(4000)))
    assert len(set(made)) == 4000
