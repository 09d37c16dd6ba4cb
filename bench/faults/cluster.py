"""Faults of many processes on PostgreSQL and a broker: killed, frozen, poisoned, servers stopped, a host's clock off."""

from __future__ import annotations

import functools
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import house
from bench.faults import one, services
from bench.faults.gateway import MOODS
from bench.faults.hosts import Hosts, hosts, loaded
from bench.faults.services import Postgres
from bench.faults.stage import POISONED, Nurse, Row

DOWN_S = 3.0
"""How long a server stays stopped."""
LATER_S = 120


def some_more(stage: Hosts, luck: random.Random) -> None:
    """Wait for a random number of receipts."""
    wanted = len(stage.receipts) + luck.randrange(50, 200)
    house.wait_until(lambda: len(stage.receipts) >= wanted, "more receipts", LATER_S)


def killed(folder: Path, tries: int, broker: str) -> Row:
    """kill -9 of a web, a worker and the leading clock, one after the other, at random moments under load."""
    luck, recovery, before = random.Random(tries), [], {}
    slowest: dict[str, float] = {}
    with hosts(folder, broker) as stage:
        with loaded(stage):
            for number in range(tries):
                for kind in ("web", "worker", "clock"):
                    some_more(stage, luck)
                    name = stage.leader() if kind == "clock" else f"{kind} {number % 2 + 1}"
                    pid = stage.kill(name)
                    began = time.monotonic()
                    before.update(stage.fingerprint())
                    stage.start(name)
                    house.wait_until(functools.partial(stage.is_forgotten, pid), f"what {name} held to be taken over", LATER_S)  # fmt: skip
                    stage.recover()
                    recovery.append(time.monotonic() - began)
                    slowest[kind] = max(slowest.get(kind, 0), recovery[-1])
                    stage.await_ready(name)
        stage.settle()
        row = stage.judge(f"kill -9 of web, worker, clock ({broker})", 3 * tries, recovery, before)
    return told(row, "taken over at the latest after " + ", ".join(f"{took:.1f} s ({kind})" for kind, took in slowest.items()))  # fmt: skip


def broker_stopped(folder: Path, tries: int, broker: str) -> Row:
    """The broker is stopped under load and started again."""
    luck, recovery, before = random.Random(tries), [], {}
    with hosts(folder, broker) as stage:
        with loaded(stage):
            for number in range(tries):
                some_more(stage, luck)
                taken = len(stage.receipts)
                stage.broker.stop(signal.SIGKILL if number % 2 else signal.SIGTERM)
                threading.Event().wait(DOWN_S)
                before.update(stage.fingerprint())
                if len(stage.receipts) == taken:
                    raise SystemExit("no webhook was taken in while the broker was down")
                stage.broker.start()
                recovery.append(stage.recover())
        stage.settle()
        return stage.judge(f"{broker} stopped for {DOWN_S:g} s and more", tries, recovery, before)


def postgres_restarted(folder: Path, tries: int, mode: str) -> Row:
    """PostgreSQL is stopped under load and started again."""
    luck, recovery, before = random.Random(tries), [], {}
    with hosts(folder, "redis") as stage:
        with loaded(stage):
            for _ in range(tries):
                some_more(stage, luck)
                before.update(stage.fingerprint())
                stage.database.stop(Postgres.FAST if mode == "fast" else Postgres.IMMEDIATE)
                threading.Event().wait(DOWN_S)
                stage.database.start()
                recovery.append(stage.recover())
                before.update(stage.fingerprint())
        stage.settle()
        return stage.judge(f"PostgreSQL stopped, {mode}, for {DOWN_S:g} s", tries, recovery, before)  # fmt: skip


ICY = ("worker 1", "worker 2")


def frozen(folder: Path, tries: int) -> Row:
    """Two of three workers are frozen in the middle of sends until their lease is over, then thawed."""
    names = ("web 1", "web 2", *ICY, "worker 3", "clock 1")
    luck, recovery, before, lapsed = random.Random(tries), [], {}, []
    left: list[str] = []
    with hosts(folder, "redis", *names) as stage:
        with stage.gateway.in_mood("slow"), loaded(stage):
            for _ in range(tries):
                some_more(stage, luck)
                pids = [stage.kill(name, signal.SIGSTOP) for name in ICY]
                began = time.monotonic()
                held = stage.held_by(*pids)
                for pid in pids:
                    house.wait_until(functools.partial(stage.is_forgotten, pid), "the frozen workers' lease to end", LATER_S)  # fmt: skip
                lapsed.append(time.monotonic() - began)
                left += stage.taken_from(held)
                before.update(stage.fingerprint())
                for name in ICY:
                    stage.kill(name, signal.SIGCONT)
                began = time.monotonic()
                house.wait_until(lambda: not any(map(stage.is_forgotten, pids)), "the thawed workers to live", LATER_S)  # noqa: B023  # fmt: skip
                stage.recover()
                recovery.append(time.monotonic() - began)
        house.wait_until(lambda: all(run in stage.log_of(*ICY) for run in left), "the thawed to say what became of their runs", LATER_S)  # fmt: skip
        stage.settle()
        row = stage.judge("2 of 3 workers frozen past their lease", tries, recovery, before)
    if not left:
        raise SystemExit("the frozen workers held no run: the fault did not come about")
    return told(row, f"{len(left)} runs were held by the frozen; taken over {min(lapsed):.0f} to {max(lapsed):.0f} s after they froze")  # fmt: skip


def poisoned(folder: Path, tries: int) -> Row:
    """Runs that kill their worker; dead processes are started again at once, as systemd would."""
    names = ("web 1", "web 2", "worker 1", "worker 2", "clock 1")
    with hosts(folder, "redis", *names, workflows={"poisoned": POISONED}) as stage:
        nurse = Nurse(stage)
        nurse.start()
        load = threading.Thread(target=stage.send, args=(one.WEBHOOKS,))
        load.start()
        try:
            return one.poison(stage, nurse, tries, load, "poisoned runs (cluster)")
        finally:
            nurse.leave()


def moody_gateway(folder: Path, tries: int) -> Row:
    """Every mood there is, by lot, text after text."""
    with hosts(folder, "redis", "web 1", "web 2", "worker 1", "worker 2", "clock 1") as stage:
        with stage.gateway.in_mood(*MOODS):
            stage.send(one.WEBHOOKS * tries)
            stage.settle()
        before = stage.fingerprint()
        recovery = [stage.recover()]
        row = stage.judge("gateway slow, hanging, … (cluster)", tries, recovery, before)
    return told(row, one.counted(stage.gateway))


def jumping_clock(folder: Path, tries: int) -> Row:
    """The clock of one of two hosts jumps by hours under load (libfaketime)."""
    folder.mkdir(exist_ok=True)
    offset = folder / "offset"
    offset.write_text("+0")
    fake = one.faked(offset)
    luck, recovery, before = random.Random(tries), [], {}
    other = dict.fromkeys(("web 2", "worker 2", "clock 2"), fake)
    with hosts(folder, "redis", of_one=other) as stage:
        jumps = ("+3600", "-3600", "+0", "-86400", "+86400")[: max(tries, 2)]
        with loaded(stage):
            for jump in jumps:
                some_more(stage, luck)
                before.update(stage.fingerprint())
                offset.write_text(jump)
                recovery.append(stage.recover())
                some_more(stage, luck)
            offset.write_text("+0")
        stage.settle()
        return stage.judge("the clock of one of two hosts jumps by hours", len(jumps), recovery, before)  # fmt: skip


def told(row: Row, *said: str) -> Row:
    row.said = "; ".join(one for one in (*said, row.said) if one)
    return row


def _with(fault: Callable[..., Row], **fixed: Any) -> Callable[[Path, int], Row]:
    made = functools.partial(fault, **fixed)
    functools.update_wrapper(made, fault)
    return made


FAULTS: dict[str, Callable[[Path, int], Row]] = {
    "hosts": _with(killed, broker="redis"),
    "hosts-rabbitmq": _with(killed, broker="rabbitmq"),
    "redis": _with(broker_stopped, broker="redis"),
    "rabbitmq": _with(broker_stopped, broker="rabbitmq"),
    "postgres-fast": _with(postgres_restarted, mode="fast"),
    "postgres-crash": _with(postgres_restarted, mode="immediate"),
    "frozen": frozen,
    "hosts-poison": poisoned,
    "hosts-gateway": moody_gateway,
    "hosts-clock": jumping_clock,
}


def missing(name: str) -> str:
    """Why a fault cannot be brought about here, or nothing."""
    broker = "rabbitmq" if "rabbitmq" in name else "redis"
    if why := services.missing("postgresql", broker):
        return why
    return one.missing("clock") if name == "hosts-clock" else ""
