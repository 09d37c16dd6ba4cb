"""A real Kannel: a text goes out and is reported on, a text comes in and is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from tests.rings import kannel
from tests.rings.garage import API_TOKEN, Garage, served
from tests.rings.needed import absent

from ringback.cli.demo import _free_ports

pytestmark = pytest.mark.ring

HANDSET, OURS = "+447700900077", "+447700900200"
TOKEN = "kannelcallbacktoken5678"
PROJECT = """\
project: {{ name: Riverside Garage, country: GB, timezone: Europe/London }}
public_url: {address}
send_through: modem
connections:
  modem:
    uses: kannel
    with: {{ username: {user}, password: "{password}", sender: "{ours}", callback_token: {token}, base_url: "{base_url}" }}
serve: {{ port: {port}, workers: 2 }}
api: {{ tokens: [{api_token}] }}
"""
WORKFLOWS = {
    "ready": """\
name: Vehicle ready
trigger: { uses: manual }
steps:
  - { id: text, uses: sms.send, with: { to: "{{ trigger.data.phone }}", text: "{{ trigger.data.words }}" } }
  - { id: delivery, uses: sms.wait_for_delivery, with: { message: "{{ text }}", timeout: 1 minute } }
""",
    "answer": """\
name: Answer
trigger: { uses: sms.received }
steps:
  - { id: text, uses: sms.send, with: { to: "{{ trigger.from }}", text: "You wrote: {{ trigger.text }}" } }
  - { id: delivery, uses: sms.wait_for_delivery, with: { message: "{{ text }}", timeout: 1 minute } }
""",
}
TEXTS = {"text": "Your car is ready: £40 {cash} + €5 @ 6", "ucs-2": "Ваша машина готова 🚗"}
"""By what `fakesmsc` calls their coding."""


@contextmanager
def ring(folder: Path) -> Iterator[tuple[kannel.Kannel, Garage]]:
    """Kannel and a served project that know each other; where something fails, all their logs are shown."""
    (port,) = _free_ports(1)
    address = f"http://127.0.0.1:{port}"
    # as the connector's set-up steps tell the operator
    get_url = f"{address}/callbacks/modem?token={TOKEN}&from=%q&to=%Q&text=%b&charset=%C&at=%T&id=%I"  # fmt: skip
    project = folder / "garage"
    try:
        with kannel.running(folder, get_url) as gateway:
            (project / "workflows").mkdir(parents=True)
            (project / "ringback.yaml").write_text(
                PROJECT.format(
                    address=address, port=port, ours=OURS, user=kannel.USER, password=kannel.PASSWORD,
                    token=TOKEN, api_token=API_TOKEN, base_url=gateway.base_url,
                )
            )  # fmt: skip
            for name, text in WORKFLOWS.items():
                (project / "workflows" / f"{name}.yaml").write_text(text, "utf-8")
            with served(project, port) as garage:
                yield gateway, garage
    except BaseException:
        for log in sorted(folder.rglob("*.log")):
            print(f"== {log.name}", log.read_text("utf-8", "replace")[-6000:], sep="\n")
        raise


def test_a_text_goes_out_and_one_comes_in(tmp_path: Path) -> None:
    if reason := kannel.missing():
        absent(reason)
    with ring(tmp_path) as (gateway, garage):
        for coding, words in TEXTS.items():
            goes_out(gateway, garage, words, coding)
        comes_in(gateway, garage, "Thanks + see you @ 5 €&é")


def goes_out(gateway: kannel.Kannel, garage: Garage, words: str, coding: str) -> None:
    """A run's text reaches the handset; Kannel's two reports finish the run."""
    with gateway.handset() as handset:
        data = {"phone": HANDSET, "words": words}
        run = garage.ask("POST", "/workflows/ready/runs", json={"data": data})["run"]
        tell(f"run {run} texts {HANDSET}: {words}")
        (seen,) = kannel.until("the text is on the handset", handset.shows)
        tell(f"on the handset: {seen}")
        story = kannel.until("the run has finished", lambda: garage.finished(run))
    head = f"{OURS} {HANDSET} {coding} "
    assert seen.startswith(head)
    shown = seen.removeprefix(head)
    assert words == (shown if coding == "text" else unquote_to_bytes(shown.replace("+", "%20")).decode("utf-16-be"))  # fmt: skip
    delivered(story)


def comes_in(gateway: kannel.Kannel, garage: Garage, words: str) -> None:
    """A text typed at the handset opens a run, whose answer comes back to it."""
    tell(f"typed at the handset: {words}")
    with gateway.handset(f"{HANDSET} {OURS} text {words}") as handset:
        (seen,) = kannel.until("the answer is on the handset", handset.shows)
        tell(f"on the handset: {seen}")
        (run,) = garage.ask("GET", "/runs?workflow=answer")["runs"]
        story = kannel.until("the run has finished", lambda: garage.finished(run["id"]))
    assert seen == f"{OURS} {HANDSET} text You wrote: {words}"
    delivered(story)
    (inbound,) = garage.ask("GET", "/messages?direction=in")["messages"]
    assert (inbound["number_from"], inbound["number_to"], inbound["text"]) == (HANDSET, OURS, words)


def tell(words: str) -> None:
    """A line of the transcript that `make ring-kannel` shows."""
    print(f"  {words}")


def delivered(story: dict[str, Any]) -> None:
    """The run has succeeded, by the reports of Kannel: 8, the SMSC has it, and 1, the phone has it."""
    assert story["run"]["state"] == "succeeded", story["run"]["error"]
    (message,) = [one for one in story["messages"] if one["direction"] == "out"]
    for report in message["reports"]:
        tell(f"report {report['raw_status']}: {report['status']} {report['detail'] or ''}")
    tell(f"run {story['run']['id']}: {story['run']['state']}")
    assert message["status"] == "delivered"
    assert sorted(report["raw_status"] for report in message["reports"]) == ["1", "8"]
    (waited,) = [step for step in story["steps"] if step["path"] == "delivery"]
    assert waited["output"]["delivered"] is True
