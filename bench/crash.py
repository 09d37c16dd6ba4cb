"""kill -9 the runner over and over while webhooks arrive, then count.

    python -m bench.crash [--webhooks 2000] [--kills 20] [--seed 1]

Every webhook carries its own X-Id (the workflow dedupes on it) and is sent again until it has a 202, as a careful
sender would. At the end: every 202 must have exactly one finished run, and the rehearsal gateway's own log must hold
each text exactly once, but for runs that say `uncertain`, which are counted and never sent twice.
Exit 0 when that holds, 1 when not.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import json
import os
import random
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import house

SENDERS = 16
FINISHED = ("succeeded", "failed", "stopped", "canceled", "skipped")


def phone(number: int) -> str:
    """A number for each of 90,000; none ends like those that the rehearsal gives a part to play."""
    return f"+4477009{number // 9000 % 10}{1000 + number % 9000}"


def deliver(port: int, number: int, give_up: threading.Event, path: str = "bench") -> str:
    """POST one webhook until it has its receipt; gives the run that the receipt names."""
    body = json.dumps({"name": "Amina", "order": number, "phone": phone(number)})
    headers = {"Content-Type": "application/json", "X-Id": str(number)}
    while not give_up.is_set():
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            client.request("POST", f"/hooks/{path}", body, headers)
            answer = client.getresponse()
            said = answer.read()
            if answer.status == 202:
                run: str = json.loads(said)["run"]
                return run
            if answer.status != 503:
                raise SystemExit(f"webhook {number} was answered {answer.status}: {said!r}")
        except (OSError, http.client.HTTPException):
            give_up.wait(0.05)
        finally:
            client.close()
    raise SystemExit("the senders were told to give up")


class Killer(threading.Thread):
    """Kills the runner at random counts of receipts and starts it again; `recoveries` are seconds until it listens."""

    def __init__(self, command: list[str], folder: Path, port: int, moments: list[int]) -> None:
        super().__init__(daemon=True)
        self.command, self.folder, self.port, self.moments = command, folder, port, moments
        self.recoveries: list[float] = []
        self.receipts: dict[int, str] = {}
        self.server = house.start(command, folder, port)

    def has(self, receipts: int) -> bool:
        return len(self.receipts) >= receipts

    def run(self) -> None:
        for moment in self.moments:
            house.wait_until(functools.partial(self.has, moment), "more receipts", 300)
            os.kill(self.server.pid, signal.SIGKILL)
            self.server.wait()
            began = time.monotonic()
            self.server = house.start(self.command, self.folder, self.port)
            self.recoveries.append(time.monotonic() - began)


def unfinished(journal: Path) -> int:
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=30)
    marks = ",".join("?" * (len(FINISHED) + 1))
    (count,) = db.execute(
        f"SELECT count(*) FROM runs WHERE state NOT IN ({marks})", (*FINISHED, "uncertain")
    ).fetchone()
    db.close()
    return int(count)


def verdict(journal: Path, log: Path, receipts: dict[int, str]) -> dict[str, int]:
    db = sqlite3.connect(journal, timeout=30)
    return count(dict(db.execute("SELECT id, state FROM runs")), log, receipts)


def count(state_of: dict[str, str], log: Path, receipts: dict[int, str]) -> dict[str, int]:
    """What became of each receipt, by the states of all runs and the gateway's own log."""
    texts = Counter(json.loads(line)["text"] for line in log.read_text().splitlines() if line)
    text_of = {number: f"Hi Amina, order {number} is on its way." for number in receipts}
    certain = {number: run for number, run in receipts.items() if state_of.get(run) in FINISHED}
    uncertain = {number for number, run in receipts.items() if state_of.get(run) == "uncertain"}
    return {
        "receipts": len(receipts),
        "receipts lost": sum(run not in state_of for run in receipts.values()),
        "runs": len(state_of),
        "runs beyond one a receipt": len(state_of) - len(set(receipts.values())),
        "finished": len(certain),
        "not succeeded": sum(state_of[run] != "succeeded" for run in certain.values()),
        "texts sent": sum(texts.values()),
        "finished, text sent other than once": sum(
            texts[text_of[number]] != 1 for number in certain
        ),
        "sent twice": sum(sent > 1 for sent in texts.values()),
        "uncertain": len(uncertain),
        "uncertain, had been sent": sum(texts[text_of[number]] == 1 for number in uncertain),
    }


MUST_BE_NOTHING = (
    "receipts lost",
    "runs beyond one a receipt",
    "not succeeded",
    "finished, text sent other than once",
    "sent twice",
)


def not_held(counts: dict[str, int], webhooks: int) -> list[str]:
    """What does not hold of what must."""
    wrong = [name for name in MUST_BE_NOTHING if counts[name]]
    if counts["finished"] + counts["uncertain"] != webhooks:
        wrong.append("finished + uncertain is not the number of webhooks")
    return wrong


def main() -> None:
    said = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    said.add_argument("--webhooks", type=int, default=2000)
    said.add_argument("--kills", type=int, default=20)
    said.add_argument("--seed", type=int, default=1)
    options = said.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        port, gateway_port = house.free_port(), house.free_port()
        log = folder / "texts.jsonl"
        project = house.project(folder, port, f"http://127.0.0.1:{gateway_port}")
        rehearse = house.ringback(
            "rehearse", "--project", str(project), "--port", str(gateway_port), "--log", str(log)
        )
        with house.served(rehearse, folder, gateway_port):
            luck = random.Random(options.seed)
            moments = sorted(luck.randrange(options.webhooks) for _ in range(options.kills))
            killer = Killer(
                house.ringback("serve", "--project", str(project)), folder, port, moments
            )
            killer.start()
            receipts = send_all(port, options.webhooks, killer)
            killer.join()
            journal = project / ".ringback/journal.db"
            began = time.monotonic()
            house.wait_until(lambda: unfinished(journal) == 0, "every run to end", 180)
            settled = time.monotonic() - began
            killer.server.terminate()
            killer.server.wait(30)
        counts = verdict(journal, log, receipts)
    print(f"kills: {len(killer.recoveries)}; back and listening after {max(killer.recoveries):.2f} s at most; "
          f"all runs ended {settled:.2f} s after the last receipt")  # fmt: skip
    for name, count in counts.items():
        print(f"{count:8}  {name}")
    if wrong := not_held(counts, options.webhooks):
        raise SystemExit("NOT HELD: " + "; ".join(wrong))
    print("held: every receipt has its run, every finished run its one text")


def send_all(port: int, webhooks: int, killer: Killer) -> dict[int, str]:
    """All webhooks from several senders; each receipt is noted where the killer counts them."""
    give_up = threading.Event()

    def one(number: int) -> None:
        killer.receipts[number] = deliver(port, number, give_up)

    with ThreadPoolExecutor(SENDERS) as senders:
        try:
            for _ in senders.map(one, range(webhooks)):
                pass
        except BaseException:
            give_up.set()
            raise
    return killer.receipts


if __name__ == "__main__":
    main()
