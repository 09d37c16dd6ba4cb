"""Worker threads and their ticker, on the real clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.engine.bench import NUMBER, PROJECT, Gateway, catalogue, workflow, workflows

from ringback.chores import sweep
from ringback.clock import SystemClock
from ringback.engine import accept
from ringback.engine.runtime import Runtime, open_runtime
from ringback.engine.senders import MANY
from ringback.journal import runs
from ringback.settings import load_settings
from ringback.worker import LocalExecutor

SEND = {"uses": "sms.send", "with": {"to": NUMBER, "text": "{{ trigger.body.n }}"}}
SOURCES = {
    "plain": workflow([SEND]),
    "waits": workflow([{"uses": "flow.wait", "with": {"for": "200 ms"}}, SEND]),
    "delivery": workflow(
        [{"id": "m", **SEND}, {"uses": "sms.wait_for_delivery", "with": {"message": "{{ m }}"}}]
    ),
}
SOON_MS = 20_000


class Served:
    """A runtime with threads."""

    def __init__(self, folder: Path, threads: int = 4) -> None:
        (folder / "ringback.yaml").write_text(PROJECT, encoding="utf-8")
        settings = load_settings(folder, {})
        self.gateway = Gateway()
        self.found = workflows(settings, SOURCES)
        self.executor = LocalExecutor(threads)
        self.runtime: Runtime = open_runtime(
            settings,
            clock=SystemClock(),
            transport=self.gateway,
            executor=self.executor,
            catalogue=catalogue(),
            workflows=self.found,
        )

    def begin(self, name: str, n: Any) -> str:
        return accept.accept(
            self.runtime,
            self.found.by_id[name],
            0,
            {"body": {"n": n}},
            source="hook",
            key=None,
            kind="webhook",
        ).run_id

    def ends(self, run_id: str) -> bool:
        return accept.wait_finished(self.runtime, run_id, SOON_MS)

    def state(self, run_id: str) -> str:
        with self.runtime.journal.read() as conn:
            run = runs.get_run(conn, run_id)
        assert run is not None
        return run.state


def until(holds: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + SOON_MS / 1000
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    it = Served(tmp_path)
    it.runtime.start()
    yield it
    it.runtime.close(5_000)


def test_many_runs_at_once(served: Served) -> None:
    ids = [served.begin("plain", n) for n in range(50)]
    assert all(served.ends(one) for one in ids)
    assert {served.state(one) for one in ids} == {"succeeded"}
    assert sorted(int(text) for _, text in served.gateway.texts) == list(range(50))


def test_the_ticker_wakes_a_wait_in_time(served: Served) -> None:
    began = time.monotonic()
    run_id = served.begin("waits", 1)
    assert served.ends(run_id)
    assert 0.2 <= time.monotonic() - began < 5


def test_a_report_wakes_a_run(served: Served) -> None:
    from tests.engine.bench import heard

    run_id = served.begin("delivery", 1)
    until(lambda: served.state(run_id) == "waiting")
    accept.accept_report(served.runtime, "front-desk", heard("gw-1", "delivered"), {})
    assert served.ends(run_id)


def test_runs_give_way_to_a_burst_of_senders(served: Served) -> None:
    with ExitStack() as burst:
        for _ in range(MANY):
            burst.enter_context(served.runtime.senders.one())
        run = served.begin("plain", 1)
        assert not accept.wait_finished(served.runtime, run, 100)
    assert accept.wait_finished(served.runtime, run, SOON_MS)


def test_a_burst_without_end_delays_a_run_and_no_more(served: Served) -> None:
    with ExitStack() as burst:
        for _ in range(MANY):
            burst.enter_context(served.runtime.senders.one())
        run = served.begin("plain", 1)
        assert accept.wait_finished(served.runtime, run, SOON_MS)


def test_without_room_a_run_waits_in_the_journal(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringback.worker.MOST_HELD", 0)
    run_id = served.begin("plain", 1)
    assert served.state(run_id) == "queued"
    monkeypatch.undo()
    assert served.ends(run_id)


def test_a_stop_lets_a_send_finish_and_gives_back_the_rest(tmp_path: Path) -> None:
    it = Served(tmp_path, threads=1)
    inside, go_on = threading.Event(), threading.Event()

    def slow(_call: Any) -> None:
        inside.set()
        go_on.wait(SOON_MS / 1000)

    it.gateway.on_call = slow
    it.runtime.start()
    first, second = it.begin("plain", 1), it.begin("plain", 2)
    assert inside.wait(SOON_MS / 1000)
    stopping = threading.Thread(target=it.runtime.close, args=(SOON_MS,))
    stopping.start()
    go_on.set()
    stopping.join()
    again = Served(tmp_path, threads=1)
    assert (again.state(first), again.state(second)) == ("succeeded", "queued")
    again.runtime.start()
    assert again.ends(second)
    again.runtime.close(SOON_MS)
    assert [text for _, text in (*it.gateway.texts, *again.gateway.texts)] == ["1", "2"]


def test_what_a_dead_process_held_goes_on(tmp_path: Path) -> None:
    dead = Served(tmp_path, threads=0)
    run_id = dead.begin("plain", 1)
    dead.runtime.journal.close()
    it = Served(tmp_path)
    it.runtime.start()
    assert it.ends(run_id)
    it.runtime.close(SOON_MS)


def test_two_workers_share_the_runs(tmp_path: Path) -> None:
    one, two = Served(tmp_path), Served(tmp_path)
    one.runtime.start()
    two.runtime.start()
    ids = [(it, it.begin("waits", n)) for n in range(10) for it in (one, two)]
    until(lambda: all(it.state(run_id) == "succeeded" for it, run_id in ids))
    assert len(one.gateway.texts) + len(two.gateway.texts) == 20
    two.runtime.close(SOON_MS)
    one.runtime.close(SOON_MS)


def test_the_sweep_deletes_what_is_past_its_time(served: Served) -> None:
    from dataclasses import replace

    run_id = served.begin("plain", 1)
    assert served.ends(run_id)
    served.runtime.settings = replace(served.runtime.settings, keep_ms=-1_000)
    sweep(served.runtime)
    with served.runtime.journal.read() as conn:
        assert runs.get_run(conn, run_id) is None
