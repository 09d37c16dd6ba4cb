"""Every gateway: what the rehearsal makes of its manifest is what the program reads back.

Besides those of the shelf, `gateways/` holds manifests of the shapes that gateways have.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.clock import SimulatedClock
from ringback.connectors import callbacks, invoke, verify
from ringback.connectors.callbacks import Inbound, IncomingRequest, Report
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.manifest import Manifest
from ringback.problems import Failure
from ringback.rehearsal import scripts
from ringback.rehearsal.calling_back import nearest_status
from ringback.rehearsal.gateway import ROLE, Rehearsal
from ringback.rehearsal.inprocess import InProcess, by_example
from ringback.rehearsal.project import stand_in_settings

NOW = 1_782_657_000_000
URL = "https://school.example/callbacks/front-desk"
CATALOGUE = load_catalogue(extra=[Path(__file__).parent / "gateways"])
GATEWAYS = [
    action.connector for action in CATALOGUE.implementing(ROLE) if action.request is not None
]
NAMES = [gateway.id for gateway in GATEWAYS]


@dataclass
class Desk:
    """A connection, its stand-in, and what came back, verified and read."""

    manifest: Manifest
    settings: dict[str, Any]
    clock: SimulatedClock
    read: list[Any] = field(default_factory=list)
    requests: list[IncomingRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        rehearsal = Rehearsal(
            self.manifest, self.settings, URL, self.clock, connection="front-desk", seed=1
        )
        self.transport = InProcess([rehearsal], self.clock, self.deliver)

    def deliver(self, connection: str, request: IncomingRequest) -> None:
        assert connection == "front-desk"
        now = self.clock.now_ms()
        verify.check(self.manifest, self.settings, request, "https://school.example", now)
        self.requests.append(request)
        self.read += callbacks.read(self.manifest, self.settings, request)

    def send(self, to: str, text: str = "Hello") -> invoke.SendResult:
        message = {"id": "msg_1", "to": to, "text": text, "sender": "", "reference": "r-1"}
        context: Any = SimpleNamespace(settings=self.settings, now=self.clock.now)
        return invoke.send_sms(
            self.manifest, self.settings, message, self.transport, callback_url=URL, context=context
        )

    def wait(self) -> None:
        while (at := self.transport.next_at()) is not None:
            self.clock.advance_to(at)
            self.transport.deliver_due()


def desk(manifest: Manifest) -> Desk:
    return Desk(manifest, stand_in_settings(manifest, {}), SimulatedClock(NOW))


@pytest.fixture(params=GATEWAYS, ids=NAMES)
def front(request: pytest.FixtureRequest) -> Desk:
    return desk(request.param)


def test_there_are_gateways() -> None:
    assert [str(problem) for problem in CATALOGUE.problems if "/gateways/" in problem.file] == []
    assert len(GATEWAYS) >= 5


def test_a_message_is_taken_sent_and_delivered(front: Desk) -> None:
    sent = front.send("+447700900077", "Hi “Amina” — 10 € & more")
    front.wait()
    (taken,) = front.transport.taken
    assert (taken.to, taken.text) == ("+447700900077", "Hi “Amina” — 10 € & more")
    assert sent.gateway_id == (taken.id if gives_ids(front.manifest) else None)
    expected = [nearest_status(front.manifest, status) for status in ("sent", "delivered")]
    assert [one.status for one in front.read] == expected
    for report in front.read:
        assert isinstance(report, Report)
        assert report.gateway_id == sent.gateway_id
        assert report.gateway_id or report.reference == "msg_1"
        assert report.reference in (None, "msg_1", "r-1", report.gateway_id)
        assert report.number is None or report.number.lstrip("+") == "447700900077"
        assert report.at_ms is None or 0 <= report.at_ms - NOW <= 2000 or report.at_ms == NOW


def test_no_two_reports_of_two_messages_are_taken_for_copies(front: Desk) -> None:
    for number in (1, 2):
        message = {"id": f"msg_{number}", "to": "+447700900077", "text": "Hello", "reference": "r"}
        context: Any = SimpleNamespace(settings=front.settings, now=front.clock.now)
        invoke.send_sms(front.manifest, front.settings, message, front.transport, callback_url=URL, context=context)  # fmt: skip
        front.wait()
    assert len(front.read) >= 2
    assert len({one.key for one in front.read}) == len(front.read)


def test_a_long_text_is_reported_as_the_gateway_reports_its_parts(front: Desk) -> None:
    specs = front.manifest.callbacks.report if front.manifest.callbacks else ()
    if not any(spec.parts for spec in specs):
        pytest.skip(f"{front.manifest.name} reports no parts")
    sent = front.send("+447700900077", "Hello there, " * 30)
    front.wait()
    delivered = [one for one in front.read if one.status == "delivered"]
    assert len(delivered) == 3
    assert {one.gateway_id for one in delivered} == set(sent.gateway_ids)
    assert len({one.key for one in front.read}) == len(front.read)
    front.send("+447700900077", "Hello again")
    before = {one.key for one in front.read}
    front.wait()
    assert len({one.key for one in front.read} - before) == len(front.read) - len(before)


def gives_ids(manifest: Manifest) -> bool:
    action = manifest.implementing(ROLE)
    return bool(action and action.response and action.response.id)


def test_what_became_of_a_message_can_be_asked(front: Desk) -> None:
    action = front.manifest.implementing("sms.status")
    if action is None or action.response is None:
        pytest.skip(f"{front.manifest.name} cannot be asked")
    sent = front.send("+447700900077")
    front.wait()
    message = {"id": "msg_1", "gateway_id": sent.gateway_id}
    told = invoke.ask_status(front.manifest, front.settings, message, front.transport)
    assert told is not None
    assert (told.gateway_id, told.status) == (sent.gateway_id, "delivered")
    message = {"gateway_id": "4711"}
    with pytest.raises(Failure):
        invoke.ask_status(front.manifest, front.settings, message, front.transport)


def test_ids_are_never_the_same(front: Desk) -> None:
    if not gives_ids(front.manifest):
        pytest.skip(f"{front.manifest.name} gives no ids")
    assert len({front.send("+447700900002").gateway_id for _ in range(500)}) == 500


def test_every_status_that_the_gateway_knows_is_read_back(front: Desk) -> None:
    for spec in front.manifest.callbacks.report if front.manifest.callbacks else ():
        for status in sorted(set(spec.statuses.values())):
            play = Desk(front.manifest, front.settings, front.clock)
            rehearsal = Rehearsal(
                front.manifest,
                front.settings,
                URL,
                front.clock,
                connection="front-desk",
                script=by_example({"reports": [status]}),
            )
            play.transport = InProcess([rehearsal], front.clock, play.deliver)
            play.send("+447700900077")
            play.wait()
            assert [one.status for one in play.read] == [status]


@pytest.mark.parametrize("script", scripts.SCRIPTS, ids=[one.ending for one in scripts.SCRIPTS])
def test_every_scripted_number(front: Desk, script: scripts.Script) -> None:
    to = f"+44770090{script.ending}"
    if script.behaviour in ("reject", "hang", "fail_first"):
        with pytest.raises(Failure) as caught:
            front.send(to)
        assert front.transport.taken == []
        if script.behaviour == "hang":
            assert caught.value.code == "no_answer"
        elif script.behaviour == "reject":
            assert not caught.value.kind.retry
            return
        else:
            assert caught.value.code == "server_error"
        if script.behaviour == "hang":
            return
    front.send(to)
    early = sum(report.step == 0 for report in script.reports)
    assert len(front.read) == early
    front.wait()
    expected = [nearest_status(front.manifest, one.status) for one in script.reports]
    assert [one.status for one in front.read] == expected


def test_a_phone_texts_in(front: Desk) -> None:
    if not (front.manifest.callbacks and front.manifest.callbacks.inbound):
        pytest.skip(f"{front.manifest.name} has no incoming messages")
    front.transport.text_in("front-desk", "+447700900077", "+447700900100", "Yes, I’ll come 🎉")
    (inbound,) = front.read
    assert isinstance(inbound, Inbound)
    assert inbound.number_from.lstrip("+") == "447700900077"
    assert inbound.number_to is None or inbound.number_to.lstrip("+") == "447700900100"
    assert inbound.text == "Yes, I’ll come 🎉"


def test_a_changed_callback_is_refused(front: Desk) -> None:
    front.send("+447700900005")
    request = front.requests[0]
    changed = {**front.settings}
    for name, spec in front.manifest.settings.items():
        if spec.type == "secret" or (spec.items and spec.items.type == "secret"):
            changed[name] = "another"
    if verify.options(front.manifest, changed) == verify.options(front.manifest, front.settings):
        request = replace(request, body=request.body.replace(b"2", b"3"))  # proven by no secret
    with pytest.raises(verify.Refused):
        verify.check(front.manifest, changed, request, "https://school.example", NOW)


def test_wrong_credentials_are_refused_as_the_gateway_would(front: Desk) -> None:
    action = front.manifest.implementing(ROLE)
    if action and action.request and "python" in action.request.auth:
        pytest.skip(f"{front.manifest.name} signs its requests, which a stand-in does not check")
    wrong = {
        name: "wrong"
        for name, spec in front.manifest.settings.items()
        if spec.type == "secret" and spec.required
    }
    message = {"to": "+447700900077", "text": "Hello"}
    with pytest.raises(Failure) as caught:
        invoke.send_sms(front.manifest, front.settings | wrong, message, front.transport)
    assert caught.value.code == "unauthorized"
    assert front.transport.taken == []


@pytest.mark.parametrize("manifest", GATEWAYS, ids=NAMES)
@given(text=st.text(min_size=1, max_size=300).filter(lambda text: text.strip() == text))
def test_any_text_arrives_as_it_was_sent(manifest: Manifest, text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    if not text:
        return
    front = desk(manifest)
    front.send("+447700900002", text)
    assert [taken.text for taken in front.transport.taken] == [text]


def test_answers_of_an_example_come_in_turn_and_the_last_stays() -> None:
    front = desk(GATEWAYS[0])
    rehearsal = Rehearsal(front.manifest, front.settings, URL, front.clock, connection="front-desk")
    answers = {"send": [{"status": 503, "text": "Sorry"}, 200]}
    front.transport = InProcess([rehearsal], front.clock, front.deliver, answers=answers)
    with pytest.raises(Failure) as caught:
        front.send("+447700900077")
    assert caught.value.code == "server_error"
    front.send("+447700900077")
    front.send("+447700900077")
    assert len(front.transport.taken) == 2
