"""Web, workers and clocks as processes of their own, on PostgreSQL, over a real Redis and a real RabbitMQ.

Hundreds of webhooks come in, a worker and the leading clock are killed with -9 in the middle. Every receipt must
end as one run with one text; a text that was on its way in the killed worker may be uncertain, never doubled.
"""

from __future__ import annotations

import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from bench import crash, house
from bench.cluster import BROKERS, POSTGRES, cluster, forget_queue, send_all, verdict
from tests.rings.needed import absent

from ringback.distributed.broker import BrokerDown, Line, make_app
from ringback.engine.executor import FIRST, LATER, NORMAL
from ringback.settings import Work

pytestmark = pytest.mark.ring
WEBHOOKS = 300
LATER_EVERY = 6
"""Every sixth run waits two seconds, so that a clock has to wake it."""


def _needed(kind: str) -> None:
    kombu: Any = pytest.importorskip("kombu", reason="needs ringback[celery]")
    psycopg = pytest.importorskip("psycopg", reason="needs ringback[postgres]")
    try:
        with kombu.Connection(BROKERS[kind], connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except Exception as error:  # noqa: BLE001  every transport has its own
        absent(f"there is no {kind} at its address: {error}")
    try:
        psycopg.connect(POSTGRES, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        absent(f"there is no PostgreSQL at its address: {error}")


@pytest.mark.parametrize("kind", BROKERS)
def test_a_worker_and_the_leading_clock_are_killed(tmp_path: Path, kind: str) -> None:
    _needed(kind)
    names = ("web 1", "worker 1", "worker 2", "clock 1", "clock 2")
    receipts: dict[int, str] = {}
    with cluster(tmp_path, BROKERS[kind], POSTGRES, *names) as it:
        house.wait_until(lambda: bool(it.ask("SELECT 1 FROM leaders")), "a clock to lead")

        def kill() -> None:
            house.wait_until(lambda: len(receipts) >= WEBHOOKS // 3, "a third of the receipts")
            it.kill("worker 1")
            house.wait_until(lambda: len(receipts) >= WEBHOOKS // 2, "half of the receipts")
            it.kill(it.leader())

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()

        def door(number: int) -> tuple[int, str]:
            return it.ports[0], "later" if number % LATER_EVERY == 0 else "bench"

        send_all(range(WEBHOOKS), door, receipts)
        killer.join()
        house.wait_until(lambda: it.unfinished() == 0, "every run to end", 40)
        counts = verdict(it, receipts)
        fences = it.ask("SELECT fence FROM leaders")
    assert crash.not_held(counts, WEBHOOKS) == [], counts
    assert counts["uncertain"] <= 8, counts  # one a thread of the killed worker
    assert fences == [(2,)]


@pytest.mark.parametrize("kind", BROKERS)
def test_a_message_is_a_runs_id_and_the_first_goes_first(kind: str) -> None:
    _needed(kind)
    queue = f"ringback-ring-{uuid.uuid4().hex[:8]}"
    work = Work("celery", BROKERS[kind], queue)
    line = Line(work)
    sent = [("run_later", LATER), ("run_normal", NORMAL), ("run_first", FIRST)]
    try:
        for run_id, priority in sent * 2:
            line.send(run_id, priority)
        assert line.depth() == 6
        app = make_app(work)
        with app.connection_for_read() as connection:
            bound = app.amqp.queues[queue](connection.default_channel)
            came = [bound.get(no_ack=True, accept=["json"]).decode() for _ in range(6)]
        assert line.depth() == 0
    finally:
        line.close()
        forget_queue(BROKERS[kind], queue)
    assert [arguments for arguments, _, _ in came] == [
        [run_id] for run_id, _ in reversed(sent) for _ in range(2)
    ]
    assert all(named == {} for _, named, _ in came)


def test_a_broker_that_is_not_there_is_told_within_seconds() -> None:
    line = Line(Work("celery", f"redis://127.0.0.1:{house.free_port()}/0", "nowhere"))
    began = time.monotonic()
    with pytest.raises(BrokerDown, match="does not answer"):
        line.send("run_1", NORMAL)
    with pytest.raises(BrokerDown):
        line.depth()
    assert time.monotonic() - began < 20
