"""Senders who wait for their receipt go first, for a while that has an end."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from ringback.engine.senders import MANY, Senders


def test_nobody_waits_for_a_few_senders() -> None:
    senders = Senders()
    with ExitStack() as waiting:
        for _ in range(MANY - 1):
            waiting.enter_context(senders.one())
        senders.give_way(3_600_000)


def test_a_run_waits_until_the_burst_is_over() -> None:
    senders = Senders()
    gone_on = threading.Event()

    def run() -> None:
        senders.give_way(3_600_000)
        gone_on.set()

    with ExitStack() as burst:
        for _ in range(MANY):
            burst.enter_context(senders.one())
        thread = threading.Thread(target=run)
        thread.start()
        assert not gone_on.wait(0.05)
    assert gone_on.wait(10)
    thread.join()


def test_giving_way_ends_though_the_burst_does_not() -> None:
    senders = Senders()
    with ExitStack() as burst:
        for _ in range(MANY):
            burst.enter_context(senders.one())
        senders.give_way(1)
        senders.give_way(0)
        senders.give_way(-5)


def test_a_sender_whose_request_fails_is_gone_too() -> None:
    senders = Senders()
    for _ in range(MANY):
        try:
            with senders.one():
                raise ValueError
        except ValueError:
            pass
    with senders.one():
        senders.give_way(3_600_000)
