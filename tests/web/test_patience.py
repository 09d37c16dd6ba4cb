"""Slow bodies are given up, honest ones are not, and nothing is both taken and given up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.observe.metrics import Metrics
from ringback.web import patience as module
from ringback.web.errors import Refusal
from ringback.web.patience import PIECE, Patience, reader
from ringback.web.streams import open_body


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


class Sender:
    """One request's body, sent as the test says; answering it ends the wait, as the server's closing does."""

    def __init__(self, patience: Patience) -> None:
        self.asked = threading.Semaphore(0)
        self.answers: list[tuple[int, Any]] = []
        self._pieces: list[bytes] = []
        self._sent = threading.Semaphore(0)
        self.environ = {
            "REQUEST_METHOD": "POST",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input_terminated": True,
            "wsgi.input": self,
            "ringback.patience": patience,
            "ringback.protocol": self,
        }

    def read(self, size: int) -> bytes:
        self.asked.release()
        self._sent.acquire()
        return self._pieces.pop(0)

    def send(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._sent.release()

    def response_iter(self, status: int, headers: list[tuple[str, str]], body: Any) -> None:
        said = next(body)
        assert int(dict(headers)["Content-Length"]) == len(said) + 1
        with pytest.raises(StopIteration):
            next(body)
        self.answers.append((status, json.loads(said)["error"]))
        self.send(b"")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def reading(threads: ThreadPoolExecutor, sender: Sender) -> Future[bytes]:
    made = threads.submit(open_body(sender.environ, 10_000_000, "/hooks/x").read, 1_000_000)
    sender.asked.acquire()
    return made


def test_who_says_nothing_more_is_given_up_and_told(
    clock: Clock, threads: ThreadPoolExecutor
) -> None:
    metrics = Metrics()
    patience = Patience(100, metrics)
    sender = Sender(patience)
    body = reading(threads, sender)
    sender.send(b"half of it")
    sender.asked.acquire()
    assert patience.look(clock.now + 19) == 0
    assert patience.look(clock.now + 21) == 1
    with pytest.raises(Refusal) as caught:
        body.result(20)
    assert (caught.value.status, caught.value.code) == (408, "timed_out")
    assert [(status, error["where"]) for status, error in sender.answers] == [(408, "/hooks/x")]
    assert metrics.registry.get_sample_value("ringback_slow_bodies_total") == 1
    assert patience.look(clock.now + 99) == 0


def test_given_up_stays_given_up(clock: Clock, threads: ThreadPoolExecutor) -> None:
    patience = Patience(100, Metrics())
    sender = Sender(patience)
    read = reader(sender.environ, "/hooks/x")
    first = threads.submit(read, 10)
    sender.asked.acquire()
    patience.look(clock.now + 21)
    with pytest.raises(Refusal):
        first.result(20)
    sender.send(b"more")
    with pytest.raises(Refusal, match="too slowly"):
        read(10)


def test_a_body_that_has_come_is_not_given_up(clock: Clock, threads: ThreadPoolExecutor) -> None:
    patience = Patience(100, Metrics())
    sender = Sender(patience)
    body = reading(threads, sender)
    clock.now += 19
    sender.send(b"all of it")
    sender.asked.acquire()
    sender.send(b"")
    assert body.result(20) == b"all of it"
    assert patience.look(clock.now + 99) == 0
    assert sender.answers == []


def test_there_is_less_patience_while_many_wait_and_only_as_long(
    clock: Clock, threads: ThreadPoolExecutor
) -> None:
    patience = Patience(8, Metrics())
    senders = [Sender(patience) for _ in range(6)]
    bodies = []
    for sender in senders:
        bodies.append(reading(threads, sender))
        clock.now += 0.125
    assert patience.look(clock.now + 2) == 0
    assert patience.look(clock.now + 4) == 2
    assert [len(sender.answers) for sender in senders] == [1, 1, 0, 0, 0, 0]
    assert patience.look(clock.now + 4) == 0
    for sender in senders[2:]:
        sender.send(b"")
    assert [body.exception(20) is not None for body in bodies] == [True, True] + [False] * 4


PACES = st.lists(st.tuples(st.floats(0.01, 8.0), st.booleans()), max_size=40)


@given(PACES)
def test_nobody_who_keeps_the_pace_is_ever_given_up(paces: list[tuple[float, bool]]) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "time", clock)
        patience = Patience(2, Metrics())
        sender = Sender(patience)

        def paced(size: int) -> bytes:
            clock.now += pauses.pop(0)
            assert patience.look(clock.now) == 0
            return b"x" * size

        pauses = [pause for pause, _ in paces]
        sender.read = paced  # type: ignore[method-assign]
        read = reader(sender.environ, "/hooks/x")
        for _ in paces:
            assert len(read(PIECE * 4)) == PIECE


def test_speed_at_first_earns_no_slowness_later(clock: Clock, threads: ThreadPoolExecutor) -> None:
    patience = Patience(100, Metrics())
    sender = Sender(patience)
    body = reading(threads, sender)
    for _ in range(100):
        sender.send(b"x" * PIECE)
        sender.asked.acquire()
    assert patience.look(clock.now + 21) == 1
    assert body.exception(20) is not None


def test_the_time_that_we_take_is_not_the_senders(
    clock: Clock, threads: ThreadPoolExecutor
) -> None:
    patience = Patience(100, Metrics())
    sender = Sender(patience)
    read = reader(sender.environ, "/hooks/x")
    sender.send(b"x")
    read(1)
    clock.now += 60
    second = threads.submit(read, 1)
    sender.asked.acquire()
    sender.asked.acquire()
    assert patience.look(clock.now + 1) == 0
    sender.send(b"y")
    assert second.result(20) == b"y"
