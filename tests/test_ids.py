"""Ids: unlike each other, and in order."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

from ringback.ids import first_id, new_id


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    made = [new_id("run") for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(re.fullmatch(r"run_[0-9a-hjkmnp-tv-z]{26}", name) for name in made)


def test_threads_never_make_the_same_one() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id("evt"), range(4000)))
    assert len(set(made)) == 4000


def test_a_moment_parts_the_ids_before_it_from_those_after() -> None:
    now = time.time_ns() // 1_000_000
    assert first_id("msg", now - 60_000) < new_id("msg") < first_id("msg", now + 60_000)
    assert first_id("msg", -5) == first_id("msg", 0)
