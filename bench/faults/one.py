"""Faults of one process on SQLite: killed, full disks, a jumping clock, a moody gateway, poison, junk, slow senders."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench import house
from bench.faults.gateway import MOODS, Gateway
from bench.faults.stage import PATIENT_S, POISONED, Nurse, Row, Stage

WEBHOOKS = 200
JUNK = 10_000


@contextmanager
def staged(folder: Path, more: str = "", **workflows: str) -> Iterator[Stage]:
    stage = Stage(folder, more, workflows)
    try:
        yield stage
    finally:
        stage.close()


@contextmanager
def running(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    server = stage.serve()
    try:
        yield server
    finally:
        server.terminate()
        server.wait(60)


def killed(folder: Path, tries: int) -> Row:
    """kill -9 at random moments under load."""
    with staged(folder) as stage:
        server = stage.serve()
        load = threading.Thread(target=stage.send, args=(WEBHOOKS * tries,))
        load.start()
        luck, recovery, before = random.Random(tries), [], {}
        for _ in range(tries):
            more = len(stage.fingerprint()) + luck.randrange(WEBHOOKS // 2)
            house.wait_until(lambda more=more: len(stage.fingerprint()) >= more, "more runs", 120)  # type: ignore[misc]
            server.send_signal(signal.SIGKILL)
            server.wait()
            before.update(stage.fingerprint())
            began = time.monotonic()
            server = stage.serve()
            recovery.append(time.monotonic() - began)
        load.join()
        stage.settle()
        row = stage.judge("kill -9 of the one process", tries, recovery, before)
        server.terminate()
        server.wait(60)
    return row


def moody_gateway(folder: Path, tries: int) -> Row:
    """Every mood there is, by lot, text after text."""
    with staged(folder) as stage, running(stage):
        with stage.gateway.in_mood(*MOODS):
            stage.send(WEBHOOKS * tries)
            stage.settle()
        before = stage.fingerprint()
        row = stage.judge("gateway slow, hanging, resetting, 500, 429, late", tries, [stage.recover()], before)  # fmt: skip
        row.said = counted(stage.gateway)
    return row


def counted(gateway: Gateway) -> str:
    return ", ".join(f"{count} {mood}" for mood, count in sorted(gateway.moods.items()))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own in memory, which can be filled. Needs root."""
    at = folder / "disk"
    at.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(at)], check=True
    )
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def fill(disk: Path) -> Path:
    """Take all that is left of a disk."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast
    return ballast


def full_disk(folder: Path, tries: int) -> Row:
    """The disk of the journal is full under load, then has room again."""
    with small_disk(folder, 64) as disk, staged(disk) as stage, running(stage):
        recovery: list[float] = []
        refused = 0
        for _ in range(tries):
            stage.send(WEBHOOKS // 4)
            ballast = fill(disk)
            give_up = threading.Event()
            load = threading.Thread(target=stage.send, args=(WEBHOOKS // 4,))
            load.start()
            for number in range(20):
                status, _ = stage.post("/hooks/bench", "{}", {"X-Id": f"full{number}"})
                refused += status == 503
                if status not in (0, 202, 503):
                    raise SystemExit(f"a full disk is answered {status}, not 503")
            ballast.unlink()
            load.join()
            recovery.append(stage.recover())
            give_up.set()
        stage.settle()
        row = stage.judge("disk of the journal full", tries, recovery)
        row.said = f"{refused} of {20 * tries} webhooks answered 503 meanwhile"
        if not refused:
            raise SystemExit("the disk was never full: the fault did not come about")
    return row


UPLOADS = """\
name: Uploads
trigger: {uses: webhook.received, with: {path: uploads}}
steps:
  - uses: text.render
    with: {text: "{{ trigger.file.size }} bytes"}
"""


def full_uploads(folder: Path, tries: int) -> Row:
    """The disk of the uploads is full; nothing of half a file stays."""
    with small_disk(folder, 16) as disk:
        more = f"journal: {{files: {disk}/files}}\n"
        with staged(folder / "stage", more, uploads=UPLOADS) as stage, running(stage):
            recovery, refused = [], 0
            for number in range(tries):
                ballast = fill(disk)
                status = upload(stage, 2_000_000, number)
                refused += status == 503
                stage.send(10)
                ballast.unlink()
                began = time.monotonic()
                house.wait_until(lambda at=number: upload(stage, 2_000_000, at) == 202, "an upload")  # type: ignore[misc]
                recovery.append(time.monotonic() - began)
            left = [path for path in disk.rglob("*") if path.is_file()]
            stage.settle()
            row = stage.judge("disk of the uploads full", tries, recovery)
            row.said = (
                f"{refused} of {tries} uploads answered 503; {len(left)} files kept of {tries} sent"
            )
            if refused != tries or len(left) != tries:
                raise SystemExit(row.said)
    return row


def upload(stage: Stage, size: int, number: int) -> int:
    with socket.create_connection(("127.0.0.1", stage.port), timeout=30) as client:
        body = b"%PDF-1.7\n" + number.to_bytes(8, "big") + bytes(size)
        client.sendall(
            f"POST /hooks/uploads HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/pdf\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        try:
            client.sendall(body)
            return int(client.recv(100)[9:12])
        except OSError:
            return 0


def faked(offset: Path) -> dict[str, str]:
    """The environment of a process whose wall clock is off by what stands in a file (`+3600`), read at each look."""
    library = next(Path("/usr/lib").rglob("libfaketime.so.1"), None)
    if library is None:
        raise SystemExit("libfaketime is not installed: apt-get install faketime")
    return {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip


def jumping_clock(folder: Path, tries: int) -> Row:
    """The clock jumps an hour forward and a day back under load (libfaketime)."""
    offset = folder / "offset"
    offset.write_text("+0")
    with staged(folder / "stage") as stage:
        stage.environment = faked(offset)
        with running(stage):
            recovery, before = [], {}
            for jump in ("+3600", "-86400", "+0", "+86400", "-3600")[: max(tries, 2)]:
                load = threading.Thread(target=stage.send, args=(WEBHOOKS // 4,))
                load.start()
                before.update(stage.fingerprint())
                offset.write_text(jump)
                recovery.append(stage.recover())
                load.join()
            stage.settle()
            row = stage.judge("clock jumps by hours and days", len(recovery), recovery, before)
    return row


def poisoned(folder: Path, tries: int) -> Row:
    """Runs that kill the process; it is started again at once, as systemd would."""
    with staged(folder, poisoned=POISONED) as stage:
        stage.revive("serve")
        nurse = Nurse(stage)
        nurse.start()
        load = threading.Thread(target=stage.send, args=(WEBHOOKS,))
        load.start()
        try:
            row = poison(stage, nurse, tries, load, "poisoned runs (one process)")
        finally:
            nurse.leave()
            stage.processes["serve"].terminate()
            stage.processes["serve"].wait(60)
    return row


def poison(stage: Stage, nurse: Nurse, tries: int, load: threading.Thread, name: str) -> Row:
    """Poisoned runs among the others, one after the other, each until it is put down."""
    runs, recovery = [], []
    for _ in range(tries):
        runs.append(stage.poison())
        began = time.monotonic()
        house.wait_until(lambda run=runs[-1]: stage.states()[run] == "uncertain", "the poisoned run to be put down", PATIENT_S)  # type: ignore[misc]  # fmt: skip
        stage.recover()
        recovery.append(time.monotonic() - began)
    load.join()
    stage.settle()
    return poison_told(stage.judge(name, tries, recovery), stage, runs, nurse.deaths)


def poison_told(row: Row, stage: Stage, runs: list[str], deaths: int) -> Row:
    """Poisoned runs are not counted as uncertain; SystemExit where one is not shown as what it is."""
    for run in runs:
        shown = stage.shown(run)["run"]
        if "worker stopped" not in str(shown.get("error")):
            raise SystemExit(f"{run} is not shown as a run that stops its worker: {shown}")
    row.uncertain -= len(runs)
    more = f"; {row.said}" if row.said else ""
    row.said = f"{len(runs)} runs put down and shown after {deaths} deaths{more}"
    return row


def junk_callbacks(folder: Path, _: int) -> Row:
    """10,000 callbacks of strangers beside the day's work."""
    with staged(folder) as stage, running(stage):
        refused: list[int] = []

        def knock(number: int) -> None:
            status, _ = stage.post(
                f"/callbacks/stub?token=guess{number}",
                '{"message_id": "1", "status": "delivered"}',
                {},
            )
            refused.append(status)

        load = threading.Thread(target=stage.send, args=(WEBHOOKS,))
        load.start()
        with ThreadPoolExecutor(8) as strangers:
            list(strangers.map(knock, range(JUNK)))
        recovery = [stage.recover()]
        load.join()
        stage.settle()
        row = stage.judge("10,000 junk callbacks", JUNK, recovery)
        size = sum(path.stat().st_size for path in (stage.project / ".ringback").glob("journal*"))
        counts = {status: refused.count(status) for status in sorted(set(refused))}
        row.said = f"answered {counts}; the journal holds {size / 1e6:.1f} MB"
        if set(refused) - {401, 403, 429}:
            raise SystemExit(row.said)
    return row


LORIS = (100, 200)
"""Slow connections: those that never finish the head, and those that never finish the body."""
HEAD = b"POST /hooks/bench HTTP/1.1\r\nHost: x\r\n"
BODY = HEAD + b"X-Id: slow\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
LORIS_S = 25


class Loris:
    """Connections that send a byte now and then; one that is cut is opened again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ended = threading.Event()
        self.opened = 0
        self._held = [self._open(begin) for begin, count in zip((HEAD, BODY), LORIS, strict=True) for _ in range(count)]  # fmt: skip
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()

    def _open(self, begin: bytes) -> tuple[socket.socket, bytes]:
        client = socket.create_connection(("127.0.0.1", self._port))
        client.sendall(begin)
        self.opened += 1
        return client, begin

    def _drip(self) -> None:
        while not self._ended.wait(0.5):
            for at, (client, begin) in enumerate(self._held):
                try:
                    client.sendall(b"X")
                except OSError:
                    client.close()
                    self._held[at] = self._open(begin)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        for client, _ in self._held:
            client.close()


def steady_upload(stage: Stage, size: int, rate: int) -> int:
    """An honest upload over a slow line, `rate` bytes a second; its status."""
    with socket.create_connection(("127.0.0.1", stage.port), timeout=60) as client:
        client.sendall(
            f"POST /hooks/uploads HTTP/1.1\r\nHost: x\r\nContent-Type: application/pdf\r\nContent-Length: {size}\r\n\r\n".encode()
        )
        pause = threading.Event()
        for sent in range(0, size, rate // 10):
            client.sendall((b"%PDF-1.7\n" if not sent else b"").ljust(min(rate // 10, size - sent), b"x"))  # fmt: skip
            pause.wait(0.1)
        return int(client.recv(100)[9:12])


def slow_loris(folder: Path, _: int) -> Row:
    """Connections that send a byte now and then, in the head and in the body, beside the day's work."""
    with staged(folder, uploads=UPLOADS) as stage, running(stage):
        loris = Loris(stage.port)
        with ThreadPoolExecutor(1) as beside:
            honest = beside.submit(steady_upload, stage, 5_000_000, 250_000)
            took: list[float] = []
            ends = time.monotonic() + LORIS_S
            while time.monotonic() < ends:
                began = time.monotonic()
                stage.send(20)
                took.append(time.monotonic() - began)
                threading.Event().wait(max(0, 1 - took[-1]))
            status = honest.result()
        loris.close()
        recovery = [stage.recover()]
        stage.settle()
        row = stage.judge(f"{sum(LORIS)} slow-loris connections", sum(LORIS), recovery)
        took.sort()
        row.said = (
            f"{20 * len(took)} webhooks in {LORIS_S} s beside them, 20 at a time: median {took[len(took) // 2]:.2f} s, at most "
            f"{took[-1]:.1f} s; {loris.opened - sum(LORIS)} connections cut and opened again; 5 MB at 250 kB/s: {status}"
        )
        if status != 202 or loris.opened == sum(LORIS):
            raise SystemExit(row.said)
    return row


FAULTS: dict[str, Callable[[Path, int], Row]] = {
    "killed": killed,
    "gateway": moody_gateway,
    "disk": full_disk,
    "uploads": full_uploads,
    "clock": jumping_clock,
    "poison": poisoned,
    "junk": junk_callbacks,
    "loris": slow_loris,
}


def missing(name: str) -> str:
    """Why a fault cannot be brought about here, or nothing."""
    if name in ("disk", "uploads") and os.geteuid() != 0:
        return "mounting a small disk needs root"
    if name == "clock" and not any(Path("/usr/lib").rglob("libfaketime.so.1")):
        return "libfaketime is not installed (apt-get install faketime)"
    if name in ("disk", "uploads") and shutil.which("mount") is None:
        return "mount is not installed"
    return ""
