"""Log lines written by a thread of their own: in order, all of them, and nobody waits for the stream."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ringback.masks import Masks
from ringback.observe import behind
from ringback.observe.behind import Behind
from ringback.observe.here import working
from ringback.observe.logs import Lines

SECRET = "planted-secret-0123456789"


class Stuck(io.StringIO):
    """A stream that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def write(self, text: str) -> int:
        self.asked.set()
        self.let_go.wait()
        return super().write(text)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO) -> Iterator[logging.Logger]:
    yield from logging_to(stream)


@pytest.fixture
def stuck() -> Stuck:
    return Stuck()


@pytest.fixture
def stuck_log(stuck: Stuck) -> Iterator[logging.Logger]:
    yield from logging_to(stuck)


def logging_to(stream: io.StringIO) -> Iterator[logging.Logger]:
    handler = Behind(stream)
    handler.setFormatter(Lines(Masks([SECRET]), "json"))
    made = logging.Logger("ringback.test", logging.INFO)
    made.addHandler(handler)
    yield made
    if isinstance(stream, Stuck):
        stream.let_go.set()
    handler.close()


def lines(log: logging.Logger, stream: io.StringIO) -> list[dict[str, str]]:
    log.handlers[0].flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_of_many_threads_are_all_written_each_threads_in_order(
    log: logging.Logger, stream: io.StringIO
) -> None:
    def say(who: int) -> None:
        for at in range(200):
            log.info("%d %d", who, at)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(say, range(16)))
    said = [tuple(map(int, line["message"].split())) for line in lines(log, stream)]
    assert sorted(said) == [(who, at) for who in range(16) for at in range(200)]
    for who in range(16):
        assert [at for by, at in said if by == who] == list(range(200))


def test_a_line_is_what_was_so_when_it_was_said(log: logging.Logger, stream: io.StringIO) -> None:
    held = {"state": "queued"}
    with working(run="run_1", request="req_1"):
        log.info("it is %s", held)
    held["state"] = f"ended {SECRET}"
    try:
        raise ValueError(f"no way with {SECRET}")
    except ValueError as error:
        log.exception("it broke")
        error.args = ("something else",)
    first, second = lines(log, stream)
    assert (first["message"], first["run"], first["request"]) == ("it is {'state': 'queued'}", "run_1", "req_1")  # fmt: skip
    assert "ValueError: no way" in second["error"]
    assert SECRET not in stream.getvalue()


def test_other_handlers_have_the_record_as_it_was(log: logging.Logger) -> None:
    seen: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    log.addHandler(Keeping())
    log.info("to %s", "you")
    assert (seen[0].msg, seen[0].args) == ("to %s", ("you",))


def test_nobody_waits_for_a_stream_that_takes_nothing(
    stuck_log: logging.Logger, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "_MANY", 10)
    monkeypatch.setattr(behind, "_FLUSH_S", 0.01)
    stuck_log.info("first")
    assert stuck.asked.wait(20)
    for at in range(50):
        stuck_log.info("info %d", at)
    for at in range(50):
        stuck_log.error("error %d", at)
    stuck_log.handlers[0].flush()
    stuck.let_go.set()
    monkeypatch.setattr(behind, "_FLUSH_S", 20)
    said = [line["message"] for line in lines(stuck_log, stuck)]
    assert said[:11] == ["first", *(f"info {at}" for at in range(10))]
    assert said[11:-1] == [f"error {at}" for at in range(10)]
    assert said[-1] == "80 log lines were left out: what reads the log was too slow"


def test_a_line_that_cannot_be_made_is_told_of_and_the_next_is_written(
    log: logging.Logger, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    log.info("%d", "no number")
    log.info("next")
    assert [line["message"] for line in lines(log, stream)] == ["next"]
    assert "Logging error" in capsys.readouterr().err


def test_after_its_end_lines_are_written_at_once(log: logging.Logger, stream: io.StringIO) -> None:
    log.info("before")
    log.handlers[0].close()
    log.info("after")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["before", "after"]  # fmt: skip


ENDS = {
    "sys.exit": "sys.exit(0)",
    "crash": "raise RuntimeError('crash')",
    "left": "logging.shutdown(); os._exit(0)",
    "forked": "os.fork() or log.info('child'); os.wait() if os.getpid() == parent else None",
}


@pytest.mark.parametrize("how", ENDS)
def test_every_end_writes_what_was_said(how: str) -> None:
    program = f"""
import logging, os, sys
from ringback.masks import Masks
from ringback.observe.logs import set_up
set_up(Masks())
log, parent = logging.getLogger("ringback.test"), os.getpid()
for at in range(500):
    log.info("line %d.", at)
{ENDS[how]}
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)  # fmt: skip
    said = [line.split(": ", 1)[1] for line in ended.stderr.splitlines() if " INFO " in line]
    assert [line for line in said if line != "child"] == [f"line {at}." for at in range(500)]
    assert ("child" in said) == (how == "forked")
