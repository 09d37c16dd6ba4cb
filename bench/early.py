"""Reports that come before the send's own answer, over real HTTP, and then count.

    python -m bench.early [--tries 1000]

`ringback serve` and `ringback rehearse` run as processes of their own. Every number ends in 0005, which makes the rehearsal
gateway deliver its report, and wait for the answer to it, before it answers the send. Each run waits for its
delivery. At the end every run must have succeeded as delivered, every message be delivered, every text have gone once,
and no report be left without its message. Exit 0 when that holds, 1 when not.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import house

SENDERS = 8
WORKFLOW = """\
name: Early
trigger:
  uses: webhook.received
  with: { path: early }
steps:
  - id: m
    uses: sms.send
    with: { to: "{{ trigger.body.phone }}", text: "Order {{ trigger.body.order }}" }
  - id: d
    uses: sms.wait_for_delivery
    with: { message: "{{ m }}", timeout: 1 hour }
"""
FINISHED = "SELECT count(*) FROM runs WHERE finished_at IS NOT NULL"
EARLY = """\
SELECT count(*) FROM reports JOIN messages ON messages.id = reports.message_id
JOIN steps ON steps.run_id = messages.run_id AND steps.path = 'm' AND reports.received_at <= steps.finished_at
"""
COUNTS = {
    "runs that saw their text delivered": "SELECT count(*) FROM steps WHERE path = 'd' AND state = 'succeeded' AND json_extract(output, '$.delivered')",
    "messages delivered": "SELECT count(*) FROM messages WHERE status = 'delivered'",
    "reports with their message": "SELECT count(*) FROM reports WHERE message_id IS NOT NULL",
    "reports kept before the send's answer was": EARLY,
}


def main() -> None:
    """Send the texts and print one line for each count."""
    parser = argparse.ArgumentParser(description="Reports before the send's own answer, counted.")
    parser.add_argument("--tries", type=int, default=1000)
    tries = parser.parse_args().tries
    with tempfile.TemporaryDirectory() as folder:
        raise SystemExit(0 if run(Path(folder), tries) else 1)


def run(folder: Path, tries: int) -> bool:
    """Whether nothing was lost of `tries` texts whose reports came first."""
    port, rehearsal = house.free_port(), house.free_port()
    project = house.project(folder, port, f"http://127.0.0.1:{rehearsal}")
    (project / "workflows" / "bench.yaml").write_text(WORKFLOW)
    log = folder / "sent.jsonl"
    rehearse = ["rehearse", "--project", str(project), "--port", str(rehearsal), "--log", str(log)]
    serve = ["serve", "--project", str(project)]
    with (
        house.served(house.ringback(*rehearse), folder, rehearsal),
        house.served(house.ringback(*serve), folder, port),
    ):
        began = time.monotonic()
        with ThreadPoolExecutor(SENDERS) as senders:
            taken = sum(senders.map(lambda number: deliver(port, number), range(tries)))
        journal = sqlite3.connect(project / ".ringback" / "journal.db")
        house.wait_until(lambda: count(journal, FINISHED) >= tries, f"{tries} runs to end", 300)
        took_s = time.monotonic() - began
        counted = {name: count(journal, asked) for name, asked in COUNTS.items()}
        journal.close()
    counted["texts that the gateway took"] = len(log.read_text().splitlines())
    print(f"{tries} texts, {taken} webhooks taken, {took_s:.1f} s over HTTP")
    for name, found in counted.items():
        print(f"{found:>6} {name}")
    return {taken, *counted.values()} == {tries}


def deliver(port: int, number: int) -> int:
    """POST one webhook; 1 where it was taken."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps({"order": number, "phone": f"+447{number:05d}0005"})
    client.request("POST", "/hooks/early", body, {"Content-Type": "application/json"})
    status = client.getresponse().status
    client.close()
    return int(status == 202)


def count(journal: sqlite3.Connection, asked: str) -> int:
    """What one question counts."""
    found: int = journal.execute(asked).fetchone()[0]
    return found


if __name__ == "__main__":
    main()
