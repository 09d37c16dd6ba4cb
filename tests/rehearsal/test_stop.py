"""STOP, START and HELP with every gateway of the shelf, each played by its rehearsal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.rehearsal.test_gateways import CATALOGUE, GATEWAYS, NOW

from ringback.clock import SimulatedClock
from ringback.connectors import callbacks, examples, verify
from ringback.connectors.callbacks import Inbound, IncomingRequest, Report
from ringback.engine import accept
from ringback.engine.inline import drain
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal import contacts, messages, runs
from ringback.journal.audit import Actor
from ringback.journal.messages import Message
from ringback.rehearsal.gateway import Rehearsal
from ringback.rehearsal.inprocess import InProcess
from ringback.rehearsal.project import stand_in_settings
from ringback.rehearsal.scripts import Script, script_for
from ringback.settings import load_settings
from ringback.sms import reports
from ringback.sms.gate import as_told

NUMBER = "+447700900077"
OURS = "+447700900100"
ADDRESS = "https://school.example"
HEARING = [one for one in GATEWAYS if one.callbacks is not None and one.callbacks.inbound]
WORKFLOW = {
    "trigger": {"uses": "manual"},
    "steps": [{"uses": "sms.send", "with": {"to": NUMBER, "text": "Hello {{ trigger.data.n }}"}}],
}


@dataclass
class School:
    """A project with one gateway, its rehearsal, and a phone."""

    runtime: Runtime
    transport: InProcess

    def phone_texts(self, text: str) -> None:
        self.runtime.clock.advance_to(self.runtime.clock.now_ms() + 60_000)  # type: ignore[attr-defined]
        self.transport.text_in("front-desk", NUMBER, OURS, text)
        drain(self.runtime)

    def send(self, n: int) -> runs.Run:
        workflow = self.runtime.workflows.by_id["hello"]
        made = accept.start_manual(self.runtime, workflow, {"n": n}, by=Actor("cli", "amina"))
        drain(self.runtime)
        with self.runtime.journal.read() as conn:
            run = runs.get_run(conn, made.run_id)
        assert run is not None
        return run

    @property
    def texts(self) -> list[str]:
        return [taken.text for taken in self.transport.taken]


@pytest.fixture
def school(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[School]:
    """The school of a gateway; of a pair with a script too, every number behaves by it."""
    gateway, script = request.param
    given = stand_in_settings(gateway, {})
    project = {
        "project": {"name": "Harbour School", "country": "GB", "timezone": "Europe/London"},
        "public_url": ADDRESS,
        "connections": {"front-desk": {"uses": gateway.id, "with": given}},
    }
    (tmp_path / "ringback.yaml").write_text(json.dumps(project))
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows/hello.yaml").write_text(json.dumps(WORKFLOW))
    clock = SimulatedClock(NOW)
    rehearsal = Rehearsal(
        gateway,
        given,
        f"{ADDRESS}/callbacks/front-desk",
        clock,
        connection="front-desk",
        script=script,
    )

    def deliver(connection: str, incoming: IncomingRequest) -> None:
        _, manifest, settings = runtime.connection(connection)
        verify.check(manifest, settings, incoming, ADDRESS, clock.now_ms())
        for one in callbacks.read(manifest, settings, incoming):
            if isinstance(one, Report):
                accept.accept_report(runtime, connection, one, {})
            elif isinstance(one, Inbound):
                accept.accept_inbound(runtime, connection, one, {})

    transport: Any = InProcess([rehearsal], clock, deliver)
    settings = load_settings(tmp_path, {})
    runtime = open_runtime(settings, clock=clock, transport=transport, catalogue=CATALOGUE)
    runtime.start()
    yield School(runtime, transport)
    runtime.close(0)


def test_every_gateway_of_the_shelf_hears() -> None:
    assert len(HEARING) >= 15


def with_script(gateways: list[Any], script: Callable[[str], Script]) -> pytest.MarkDecorator:
    pairs = [(one, script) for one in gateways]
    return pytest.mark.parametrize("school", pairs, ids=[one.id for one in gateways], indirect=True)


@with_script(HEARING, script_for)
def test_stop_start_and_help(school: School) -> None:
    assert school.send(1).state == "succeeded"
    school.phone_texts("Stop")
    with school.runtime.journal.read() as conn:
        found = contacts.get_contact(conn, NUMBER)
    assert found is not None
    assert found.opted_out_at == school.runtime.clock.now_ms()
    assert "front-desk" in found.opted_out_source
    refused = school.send(2)
    assert (refused.state, refused.error["code"]) == ("failed", "opted_out")
    school.phone_texts("START")
    assert school.send(3).state == "succeeded"
    school.phone_texts("HELP")
    assert [text.split()[:4] for text in school.texts] == [
        ["Hello", "1"],
        ["You", "will", "get", "no"],
        ["You", "will", "get", "texts"],
        ["Hello", "3"],
        ["Texts", "from", "Harbour", "School."],
    ]


REFUSING = [
    one
    for one in GATEWAYS
    if (send := one.implementing("sms.send"))
    and send.response
    and any(row.code == "opted_out" for row in send.response.errors)
]
"""Gateways whose answer to a send may be that the person has opted out there."""


def test_every_gateway_that_documents_such_an_answer_is_tried() -> None:
    assert {one.id for one in REFUSING} >= {"aws", "dexatel", "telnyx", "twilio"}


@with_script(REFUSING, lambda _number: Script("", "", (), "refuse", "opted_out"))
def test_an_opt_out_that_only_the_gateway_knew_of(school: School) -> None:
    """Its answer to a send opts the contact out, in the gateway's name, and the gate lets nothing more through."""
    first = school.send(1)
    assert (first.state, first.error["code"]) == ("failed", "opted_out")
    with school.runtime.journal.read() as conn:
        found = contacts.get_contact(conn, NUMBER)
        [message] = messages.of_run(conn, first.id)
    assert found is not None
    assert found.opted_out_at == school.runtime.clock.now_ms()
    assert found.opted_out_source.startswith("front-desk said so: ")
    assert message.status == "rejected"
    second = school.send(2)
    assert (second.state, second.error["code"]) == ("failed", "opted_out")
    assert "wants no texts since" in second.error["message"]
    with school.runtime.journal.read() as conn:
        assert messages.of_run(conn, second.id) == []


def own_opt_outs() -> list[Any]:
    """What the gateways' recorded callbacks say of opt-outs, by gateway."""
    ran = [
        (gateway.id, examples.run(gateway, case))
        for gateway in CATALOGUE.connectors.values()
        if gateway.kind == "sms-gateway"
        for case in examples.cases(gateway.folder)
    ]
    return [
        pytest.param(name, one, id=f"{name} {number}")
        for name, made in ran
        if made is not None
        for number, one in enumerate(made.found)
        if (isinstance(one, Report) and one.opted_out) or (isinstance(one, Inbound) and one.opt_out)
    ]


OWN = own_opt_outs()


def test_gateways_say_so_themselves() -> None:
    assert len({param.values[0] for param in OWN}) >= 5


@pytest.mark.parametrize(("gateway", "said"), OWN)
def test_a_gateways_own_opt_out_is_ours(
    gateway: str, said: Report | Inbound, tmp_path: Path
) -> None:
    connection = {"uses": gateway, "with": stand_in_settings(CATALOGUE.connectors[gateway], {})}
    project = {"project": {"country": "GB"}, "connections": {"front-desk": connection}}
    (tmp_path / "ringback.yaml").write_text(json.dumps(project))
    runtime = open_runtime(load_settings(tmp_path, {}), clock=SimulatedClock(NOW), catalogue=CATALOGUE)  # fmt: skip
    runtime.start()
    sent = Message("msg_1", "out", "front-desk", "Hi", "sending", NOW, NOW, number_to=NUMBER)
    if isinstance(said, Inbound):
        accept.accept_inbound(runtime, "front-desk", said, {})
        number = as_told(said.number_from, "GB")
    else:
        gateway_ids = [said.gateway_id] if said.gateway_id else []
        took = reports.Heard("accepted")
        runtime.journal.write(lambda conn: messages.add_message(conn, sent))
        runtime.journal.write(lambda conn: reports.took(conn, "msg_1", took, NOW, gateway_ids=gateway_ids))  # fmt: skip
        accept.accept_report(runtime, "front-desk", replace(said, reference="msg_1"), {})
        number = NUMBER
    with runtime.journal.read() as conn:
        found = contacts.get_contact(conn, number or "")
    runtime.close(0)
    assert found is not None
    assert found.opted_out_at == NOW
