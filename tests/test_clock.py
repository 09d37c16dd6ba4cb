"""A clock that several machines share: it follows its server, and nothing that this machine's own clock does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from ringback import clock
from ringback.clock import SharedClock, from_ms
from ringback.problems import Failure

HOUR_MS = 3_600_000


class Server:
    """A server whose clock goes ahead of ours; `down` makes it fail, and `takes_s` slow to answer."""

    def __init__(self) -> None:
        self.ahead_ms = HOUR_MS
        self.takes_s = 0.0
        self.down = False
        self.asked = threading.Event()

    def ask(self) -> int:
        self.asked.set()
        if self.down:
            raise Failure("internal", "The journal's database cannot be reached.")
        uptime.now += self.takes_s / 2
        said = round(uptime.now * 1000) + self.ahead_ms
        uptime.now += self.takes_s / 2
        return said


class Uptime:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


uptime = Uptime()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(clock, "uptime", uptime)
    return Server()


@pytest.fixture
def shared(server: Server) -> Iterator[SharedClock]:
    made = SharedClock(server.ask)
    yield made
    made.close()


def here_ms() -> int:
    return round(uptime.now * 1000)


def test_it_says_what_its_server_says(shared: SharedClock) -> None:
    assert shared.now_ms() == here_ms() + HOUR_MS
    assert shared.now() == from_ms(here_ms() + HOUR_MS)
    uptime.now += 5
    assert shared.now_ms() == here_ms() + HOUR_MS


def test_this_machines_clock_may_jump(shared: SharedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shared.now_ms()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert shared.now_ms() == before


def test_a_slow_answer_does_not_move_it(shared: SharedClock, server: Server) -> None:
    server.ahead_ms += 900
    server.takes_s = 2.0
    shared.adjust()
    assert shared.now_ms() == here_ms() + HOUR_MS


@pytest.mark.parametrize("by_ms", [40, -40, HOUR_MS, -24 * HOUR_MS])
def test_it_follows_a_server_whose_clock_was_set(
    shared: SharedClock, server: Server, by_ms: int
) -> None:
    server.ahead_ms += by_ms
    server.takes_s = 0.01
    shared.adjust()
    assert abs(shared.now_ms() - here_ms() - server.ahead_ms) <= 1


def test_it_asks_by_itself_and_goes_on_while_its_server_is_away(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clock, "ASK_EVERY_S", 0.01)
    it = SharedClock(server.ask)
    try:
        server.down = True
        server.asked.clear()
        for _ in range(2):  # the second time the first answer has been dealt with
            assert server.asked.wait(10)
            server.asked.clear()
        assert it.now_ms() == here_ms() + HOUR_MS
        assert "goes on by this machine" in caplog.text
    finally:
        it.close()


def test_a_server_that_cannot_be_asked_at_first_is_a_failure(server: Server) -> None:
    server.down = True
    with pytest.raises(Failure):
        SharedClock(server.ask)
