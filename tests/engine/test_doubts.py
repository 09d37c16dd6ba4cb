"""Uncertain sends settle by themselves where the gateway can be asked by our own id."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.engine.bench import NUMBER, START, Gateway, Project, catalogue, workflow

from ringback.clock import SimulatedClock
from ringback.connectors import invoke
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.transport import Answer
from ringback.engine import doubts, reported
from ringback.engine.doubts import Doubts
from ringback.engine.runtime import open_runtime
from ringback.ids import new_id
from ringback.journal import messages
from ringback.journal.messages import Message
from ringback.problems import Failure
from ringback.rehearsal.gateway import Rehearsal
from ringback.rehearsal.inprocess import InProcess
from ringback.rehearsal.project import stand_in_settings
from ringback.settings import load_settings

Open = Callable[..., Project]
LOST = Failure("no_answer", "It did not answer.")
PROJECT = """
project: {name: Harbour School, country: GB, timezone: Europe/London}
messages: {repeat_window: 0}
connections:
  front-desk: {uses: smsgate, with: {username: A1B2C3, password: example-password-0001, base_url: "https://phone.example"}}
"""
SEND = [{"id": "m", "uses": "sms.send", "with": {"to": NUMBER, "text": "Hi"}}]


def answer(status: int, **body: Any) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(body).encode())


def doubtful(project: Open) -> tuple[Project, str, str]:
    it = project(w=workflow(SEND), project=PROJECT)
    it.gateway.outcomes = [LOST]
    run_id = it.begin("w")
    it.now()
    assert it.get(run_id).state == "uncertain"
    [message] = it.messages(run_id)
    assert (message.status, message.gateway_id) == ("sending", None)
    return it, run_id, message.id


def test_the_gateway_has_it(project: Open) -> None:
    it, run_id, message_id = doubtful(project)
    it.gateway.outcomes = [answer(200, id=message_id, state="Sent", recipients=[])]
    assert Doubts(it.runtime).ask() == 1
    it.now()
    asked = it.gateway.calls[-1]
    assert (asked.method, asked.url) == ("GET", f"https://phone.example/messages/{message_id}")
    assert it.get(run_id).state == "succeeded"
    [message] = it.messages(run_id)
    assert (message.status, message.gateway_id) == ("sent", message_id)
    assert len([call for call in it.gateway.calls if call.method == "POST"]) == 1
    notes = [note["message"] for note in it.story(run_id)["notes"]]
    assert any("by our own id" in note and "It has it" in note for note in notes)


def test_it_is_asked_again_at_growing_intervals_and_not_for_ever(project: Open) -> None:
    it, run_id, message_id = doubtful(project)
    asking, minutes = Doubts(it.runtime), []
    for minute in range(600):
        before = len(it.gateway.calls)
        it.gateway.outcomes = [answer(404, message="not found")]
        asking.ask()
        if len(it.gateway.calls) > before:
            minutes.append(minute)
        it.clock.advance_to(it.clock.now_ms() + 60_000)
    assert minutes[:7] == [0, 1, 3, 7, 15, 31, 63]
    assert {b - a for a, b in pairwise(minutes[6:])} == {60}
    notes = [note["message"] for note in it.story(run_id)["notes"]]
    assert len([note for note in notes if "by our own id" in note]) == 1
    assert it.get(run_id).state == "uncertain"
    it.clock.advance_to(it.clock.now_ms() + doubts.GIVEN_UP_MS)
    before = len(it.gateway.calls)
    asking.ask()
    assert len(it.gateway.calls) == before
    it.gateway.outcomes = []
    it.report(message_id, "delivered", reference=message_id)
    it.now()
    assert it.get(run_id).state == "succeeded"


@pytest.mark.parametrize("gateway", ["smsgate", "infobip"])
@pytest.mark.parametrize(("ending", "took"), [("0008", False), ("0016", True), ("0017", True)])
def test_a_rehearsed_gateway_knows_what_it_took(
    tmp_path: Path, gateway: str, ending: str, took: bool
) -> None:
    manifest, clock = catalogue().connectors[gateway], SimulatedClock(START)
    filled = stand_in_settings(manifest, {})
    url = "https://school.example/callbacks/front-desk"
    stand_in = Rehearsal(manifest, filled, url, clock, connection="front-desk", seed=1)
    transport = InProcess([stand_in], clock, lambda _connection, _request: None)
    said = {"project": {"country": "GB"}, "connections": {"front-desk": {"uses": gateway, "with": filled}}}  # fmt: skip
    send = [{**SEND[0], "with": {"to": f"+44770090{ending}", "text": "Hi"}}]
    it = Project(
        tmp_path,
        {"w": workflow(send)},
        gateway=transport,  # type: ignore[arg-type]
        clock=clock,
        project=json.dumps(said),
    )
    try:
        run_id = it.begin("w")
        it.now()
        assert it.get(run_id).state == "uncertain"
        assert Doubts(it.runtime).ask() == int(took)
        it.now()
        assert it.get(run_id).state == ("succeeded" if took else "uncertain")
        [message] = it.messages(run_id)
        assert message.gateway_id == (message.id if took else None)
    finally:
        it.close()


def test_an_empty_answer_settles_nothing(tmp_path: Path) -> None:
    """Infobip's logs answer with an empty list where they do not know a text."""
    project = PROJECT.replace("smsgate", "infobip").replace("username: A1B2C3, password: example-password-0001", "api_key: example-key-0001, sender: RIVERSIDE")  # fmt: skip
    it = Project(tmp_path, {"w": workflow(SEND)}, project=project)
    try:
        it.gateway.outcomes = [LOST, answer(200, results=[])]
        run_id = it.begin("w")
        it.now()
        assert Doubts(it.runtime).ask() == 0
        it.now()
        assert it.get(run_id).state == "uncertain"
        assert [message.status for message in it.messages(run_id)] == ["sending"]
        notes = [note["message"] for note in it.story(run_id)["notes"]]
        assert any("It knows of none by that id." in note for note in notes)
    finally:
        it.close()


def test_a_gateway_that_gives_ids_of_its_own_is_not_asked_without_one(project: Open) -> None:
    it = project(w=workflow(SEND))
    it.gateway.outcomes = [LOST]
    it.begin("w")
    it.now()
    before = len(it.gateway.calls)
    assert Doubts(it.runtime).ask() == 0
    assert len(it.gateway.calls) == before


def test_which_gateways_are_asked_by_our_id() -> None:
    gateways = load_catalogue().connectors.values()
    assert {one.id for one in gateways if invoke.asks_by_own_id(one)} == {"smsgate", "infobip"}


SIGNED = """
id: signed
name: Signed
kind: sms-gateway
description: Signs its questions.
settings:
  key: { type: secret, title: Key, description: A key., example: k }
actions:
  send:
    title: Send
    description: Sends.
    implements: sms.send
    effect: once
    request: { url: "https://signed.example/send", json: { to: "{{ message.to }}" } }
    response: { id: body.id }
  status:
    title: Ask
    description: Asks.
    implements: sms.status
    effect: none
    request: { method: GET, url: "https://signed.example/{{ message.gateway_id }}", auth: { python: sign } }
    response: { status: body.state, statuses: { done: delivered } }
"""
SIGN = """
def sign(request, context):
    return {"X-Signed": f"{request['settings']['key']} {context.now():%Y} {context.settings['key']}"}
"""


def test_the_silence_sweep_signs_what_it_asks(tmp_path: Path) -> None:
    folder = tmp_path / "connectors" / "signed"
    folder.mkdir(parents=True)
    (folder / "connector.yaml").write_text(SIGNED)
    (folder / "sign.py").write_text(SIGN)
    (tmp_path / "ringback.yaml").write_text(
        "connections: {front-desk: {uses: signed, with: {key: planted-key}}}"
    )
    gateway = Gateway([answer(200, state="done")])
    clock = SimulatedClock(START)
    runtime = open_runtime(load_settings(tmp_path, {}), clock=clock, transport=gateway)
    sent = Message(
        new_id("msg"), "out", "front-desk", "Hi", "sent", START, START, "g1", number_to=NUMBER
    )

    def keep(conn: Connection) -> None:
        messages.add_message(conn, sent)
        messages.add_id(conn, "front-desk", "g1", sent.id)

    runtime.journal.write(keep)
    clock.advance_to(clock.now_ms() + 4000 * 86_400_000)
    reported.fall_silent(runtime, 0)
    with runtime.journal.read() as conn:
        found = messages.get_message(conn, sent.id)
    runtime.close(0)
    assert found is not None
    assert found.status == "delivered"
    [asked] = gateway.calls
    year = clock.now().year
    assert (asked.url, asked.headers["X-Signed"]) == (
        "https://signed.example/g1",
        f"planted-key {year} planted-key",
    )
