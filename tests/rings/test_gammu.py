"""A real Gammu SMSD with its dummy phone: a text goes out through the bridge and is told sent, one comes in and is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.rings import gammu
from tests.rings.garage import API_TOKEN, Garage, served
from tests.rings.kannel import until
from tests.rings.needed import absent

from ringback.cli.demo import _free_ports

pytestmark = pytest.mark.ring

HANDSET = "+447700900077"
KEY, SECRET = "bridge-key-0123456789", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PROJECT = """\
project: {{ name: Riverside Garage, country: GB, timezone: Europe/London }}
public_url: {address}
send_through: modem
connections:
  modem: {{ uses: gammu, with: {{ key: {key}, callback_secret: {secret}, base_url: "http://127.0.0.1:{bridge}" }} }}
serve: {{ port: {port}, workers: 2 }}
api: {{ tokens: [{api_token}] }}
"""
WORKFLOWS = {
    "ready": """\
name: Vehicle ready
trigger: { uses: manual }
steps:
  - { id: text, uses: sms.send, with: { to: "{{ trigger.data.phone }}", text: "{{ trigger.data.words }}" } }
""",
    "answer": """\
name: Answer
trigger: { uses: sms.received }
steps:
  - { id: text, uses: sms.send, with: { to: "{{ trigger.from }}", text: "You wrote: {{ trigger.text }}" } }
""",
}
WORDS = {
    "GSM-7": "Your car is ready: £40 {cash} + €5 @ 6, <ask> for 'Jo' & \"Mo\"",
    "in another script": "Ваша машина готова 🚗",
    "long": " ".join(f"{number} sheep" for number in range(60)),
}


def test_a_text_goes_out_and_one_comes_in(tmp_path: Path) -> None:
    if reason := gammu.missing():
        absent(reason)
    port, bridge = _free_ports(2)
    address = f"http://127.0.0.1:{port}"
    project = tmp_path / "garage"
    (project / "workflows").mkdir(parents=True)
    (project / "ringback.yaml").write_text(
        PROJECT.format(address=address, port=port, bridge=bridge, key=KEY, secret=SECRET, api_token=API_TOKEN)
    )  # fmt: skip
    for name, text in WORKFLOWS.items():
        (project / "workflows" / f"{name}.yaml").write_text(text, "utf-8")
    modem_folder = tmp_path / "modem"
    try:
        with gammu.running(
            modem_folder, bridge, f"{address}/callbacks/modem", KEY, SECRET
        ) as modem:
            modem.receives("+447700900078", "Are you open?\nTill when? 🎉")  # while nobody serves
            until("the bridge keeps it", lambda: list((modem_folder / "callbacks").glob("*.json")))
            with served(project, port) as garage:
                for words in WORDS.values():
                    goes_out(modem, garage, words)
                comes_in(modem, garage)
    except BaseException:
        for log in sorted(tmp_path.rglob("*.log")):
            print(f"== {log.name}", log.read_text("utf-8", "replace")[-6000:], sep="\n")
        raise


def goes_out(modem: gammu.Modem, garage: Garage, words: str) -> None:
    data = {"phone": HANDSET, "words": words}
    run = garage.ask("POST", "/workflows/ready/runs", json={"data": data})["run"]
    message = until("the modem has it", lambda: sent(garage, run))
    assert message["text"] == words
    assert [one["raw_status"] for one in message["reports"]] == ["sent"]
    (file,) = (modem.folder / "sent").glob(f"OUT*_ringback-{message['gateway_id']}.txt")
    assert file.read_bytes().decode("utf-16") == words
    assert words[:20] in modem.heard()


def sent(garage: Garage, run: str) -> dict[str, Any] | None:
    messages = [one for one in garage.ask("GET", f"/runs/{run}")["messages"] if one["direction"] == "out"]  # fmt: skip
    return messages[0] if messages and messages[0]["status"] == "sent" else None


def comes_in(modem: gammu.Modem, garage: Garage) -> None:
    """What came while nobody served, too."""

    def answers() -> list[dict[str, Any]]:
        found = garage.ask("GET", "/messages?direction=out")["messages"]
        return [one for one in found if one["text"].startswith("You wrote") and one["status"] == "sent"]  # fmt: skip

    until("it is answered", answers)
    (answer,) = answers()
    assert (answer["number_to"], answer["text"]) == ("+447700900078", "You wrote: Are you open?\nTill when? 🎉")  # fmt: skip
    modem.receives("+447700900079", WORDS["long"])
    until("it is answered", lambda: len(answers()) == 2)
    assert {one["text"] for one in answers()} >= {f"You wrote: {WORDS['long']}"}
    assert len(garage.ask("GET", "/messages?direction=in")["messages"]) == 2
