"""Every gateway: what the rehearsal makes of its manifest is what the program reads back.

Besides those of the shelf, `gateways/` holds manifests of the shapes that gateways have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.clock import SimulatedClock
from ringback.connectors import callbacks, invoke, response, verify
from ringback.connectors.callbacks import Inbound, IncomingRequest, Media, Report
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.manifest import Manifest
from ringback.problems import Failure
from ringback.rehearsal import backwards, recorded, scripts
from ringback.rehearsal.calling_back import nearest_status
from ringback.rehearsal.gateway import ROLE, Rehearsal
from ringback.rehearsal.inprocess import InProcess, by_example
from ringback.rehearsal.likeness import nearest
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


def words(manifest: Manifest, statuses: list[str]) -> list[str]:
    """What a gateway reports of these: its nearest words, and nothing where that says nothing new."""
    said: list[str] = []
    for status in statuses:
        word = nearest_status(manifest, status)
        if word == status or word not in said:
            said.append(word)
    return said


def test_a_message_is_taken_sent_and_delivered(front: Desk) -> None:
    sent = front.send("+447700900077", "Hi “Amina” — 10 € & more")
    front.wait()
    (taken,) = front.transport.taken
    assert (taken.to, taken.text) == ("+447700900077", "Hi “Amina” — 10 € & more")
    assert sent.gateway_id == (taken.id if gives_ids(front.manifest) else None)
    assert [one.status for one in front.read] == words(front.manifest, ["sent", "delivered"])
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
    assert (told.gateway_id, told.status) == (
        sent.gateway_id,
        words(front.manifest, ["delivered"])[0],
    )
    message = {"gateway_id": "4711"}
    with pytest.raises(Failure):
        invoke.ask_status(front.manifest, front.settings, message, front.transport)


@pytest.mark.parametrize("ending", ["0008", "0015", "0016", "0017"])
def test_after_a_break_it_is_asked_by_our_own_id(front: Desk, ending: str) -> None:
    """It knows the text where it took it, also while its reports are still to come."""
    if not invoke.asks_by_own_id(front.manifest):
        pytest.skip(f"{front.manifest.name} is not asked by our own id")
    with pytest.raises(Failure) as caught:
        front.send(f"+44770090{ending}")
    assert caught.value.kind.unsure
    message = {"id": "msg_1", "gateway_id": None}
    if ending in ("0008", "0015"):
        with pytest.raises(Failure, match=r"(?i)no such|not found|no answer|knows no"):
            invoke.ask_status(front.manifest, front.settings, message, front.transport)
        return
    told = invoke.ask_status(front.manifest, front.settings, message, front.transport)
    assert told is not None
    assert (told.gateway_id, told.status) == ("msg_1", words_asked(front.manifest, "accepted"))
    front.wait()
    told = invoke.ask_status(front.manifest, front.settings, message, front.transport)
    assert told is not None
    assert (told.gateway_id, told.status) == ("msg_1", "delivered")
    assert {one.gateway_id for one in front.read} == {"msg_1"}


def words_asked(manifest: Manifest, status: str) -> str:
    action = manifest.implementing("sms.status")
    assert action is not None
    assert action.response is not None
    return nearest(set(action.response.statuses.values()), status)


def test_the_account_is_told_to_whoever_has_its_credentials(front: Desk) -> None:
    action = front.manifest.implementing(invoke.ACCOUNT)
    if action is None:
        pytest.skip(f"{front.manifest.name} cannot be asked after its account")
    told = invoke.ask_account(front.manifest, front.settings, front.transport)
    assert told.keys() == action.outputs.keys()
    assert all(value not in (None, "") for value in told.values())
    secret = [name for name, spec in front.manifest.settings.items() if spec.type == "secret"]
    wrong = dict.fromkeys(secret, "wrong")
    with pytest.raises(Failure) as caught:
        invoke.ask_account(front.manifest, front.settings | wrong, front.transport)
    assert caught.value.code == "unauthorized"


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


def worded(manifest: Manifest, script: scripts.Script) -> str:
    """The failure by which a gateway refuses: its own where its manifest has a row, else that of the HTTP status."""
    action = manifest.implementing(ROLE)
    rows = action.response.errors if action and action.response else ()
    if any(row.code == script.code for row in rows) or recorded.refused(manifest, script.code):
        return script.code
    plain = {
        401: "unauthorized",
        402: "no_credit",
        429: "throttled",
        500: "no_answer",
    }  # 503 is server_error, but where a gateway says with it that its queue is full
    return plain.get(script.http, "")


@pytest.mark.parametrize("script", scripts.SCRIPTS, ids=[one.ending for one in scripts.SCRIPTS])
def test_every_scripted_number(front: Desk, script: scripts.Script) -> None:
    to = f"+44770090{script.ending}"
    if script.behaviour != "accept":
        with pytest.raises(Failure) as caught:
            front.send(to)
        taken = script.behaviour in ("lose_answer", "answer_late")
        assert len(front.transport.taken) == taken
        if not script.behaviour.startswith("refuse"):
            assert caught.value.code == "no_answer"
        else:
            assert caught.value.code == (worded(front.manifest, script) or caught.value.code)
            assert caught.value.retry_after == script.retry_after_s
        if script.behaviour == "refuse_once":
            assert caught.value.kind.retry
            front.send(to)
        elif script.behaviour == "refuse":
            with pytest.raises(Failure) as again:
                front.send(to)
            assert again.value.code == caught.value.code
    else:
        front.send(to)
    early = sum(report.step == 0 for report in script.reports)
    assert len(front.read) == early
    front.wait()
    expected = words(front.manifest, [one.status for one in script.reports])
    assert [one.status for one in front.read] == expected


def test_all_that_a_gateway_can_refuse_for_can_be_rehearsed(front: Desk) -> None:
    """Every row of the error table, not only those that a number stands for."""
    action = front.manifest.implementing(ROLE)
    assert action is not None
    assert action.response is not None
    for code in dict.fromkeys(row.code for row in action.response.errors):
        refused = backwards.refuse(action, code, 400, "Sorry.")
        with pytest.raises(Failure) as caught:
            response.sent(action.response, refused, front.manifest.name)
        assert caught.value.code == code


def test_a_phone_texts_in(front: Desk) -> None:
    if not (front.manifest.callbacks and front.manifest.callbacks.inbound):
        pytest.skip(f"{front.manifest.name} has no incoming messages")
    front.transport.text_in("front-desk", "+447700900077", "+447700900100", "Yes, I’ll come 🎉")
    (inbound,) = front.read
    assert isinstance(inbound, Inbound)
    assert inbound.number_from.lstrip("+") == "447700900077"
    assert inbound.number_to is None or inbound.number_to.lstrip("+") == "447700900100"
    assert inbound.text == "Yes, I’ll come 🎉"


def hears(manifest: Manifest) -> bool:
    return bool(manifest.callbacks and manifest.callbacks.inbound)


HEARING = [gateway for gateway in GATEWAYS if hears(gateway)]
AWKWARD = ["<b>&amp;\"quoted\" 'so' %26 \\ ]]></text>", "a+b=c&text=d;e#f?g", '{"a": 1}', "[1]", "1\r\n2\n\n3", "🎉", "null", "0", "𝒳\u200d\u0627"]  # fmt: skip


@pytest.mark.parametrize("manifest", HEARING, ids=[one.id for one in HEARING])
@hypothesis.settings(deadline=None)  # the first signature with RSA makes a key
@given(text=st.text(min_size=1, max_size=300) | st.sampled_from(AWKWARD))
def test_any_text_comes_in_as_it_was_written(manifest: Manifest, text: str) -> None:
    front = desk(manifest)
    front.transport.text_in("front-desk", "+447700900077", "+447700900100", text)
    assert all(isinstance(one, Inbound) for one in front.read)
    ordered = sorted(front.read, key=lambda one: one.part.number if one.part else 0)
    heard = "".join(one.text for one in ordered)
    if front.requests[0].content_type.endswith("xml"):
        # XML has no control characters, and its reader takes the space around a value for layout.
        text = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
        heard, text = heard.strip(), text.strip()
    # No database keeps a NUL; where JSON brings one it is replaced as it is read.
    assert heard.replace("\0", "\ufffd") == text.replace("\0", "\ufffd")


@pytest.mark.parametrize("manifest", HEARING, ids=[one.id for one in HEARING])
def test_a_long_text_comes_in_pieces_where_the_gateway_gives_on_pieces(manifest: Manifest) -> None:
    front = desk(manifest)
    text = " ".join(f"{number} sheep," for number in range(60))
    front.transport.text_in("front-desk", "+447700900077", "+447700900100", text)
    assert manifest.callbacks is not None
    if not any(spec.parts for spec in manifest.callbacks.inbound):
        (whole,) = front.read
        assert (whole.text, whole.part) == (text, None)
        return
    assert [one.part.number for one in front.read] == [4, 3, 2, 1]
    assert {one.part.total for one in front.read} == {4}
    assert len({one.part.reference for one in front.read}) == 1
    assert len({one.key for one in front.read}) == 4
    assert "".join(one.text for one in reversed(front.read)) == text


@pytest.mark.parametrize("manifest", HEARING, ids=[one.id for one in HEARING])
@pytest.mark.parametrize("text", ["", "Look at <this> & that"])
def test_files_come_with_a_text(manifest: Manifest, text: str) -> None:
    front = desk(manifest)
    media = [Media(f"https://files.example/{n}.png?a=1&b=<2>", "image/png", "iVBORw0KGgo=", f"{n}.png") for n in range(3)]  # fmt: skip
    specs = manifest.callbacks.inbound if manifest.callbacks else ()
    if not any(spec.media for spec in specs):
        with pytest.raises(Failure, match="brings no files"):
            front.transport.text_in("front-desk", "+447700900077", "+4477", text, media)
        return
    front.transport.text_in("front-desk", "+447700900077", "+447700900100", text, media)
    (inbound,) = front.read
    assert inbound.text == text
    told = [one.url or one.name for one in inbound.media]
    assert told in ([one.url for one in media][: len(told)], [one.name for one in media])
    assert len(told) == 3 or manifest.id == "messagebird"  # whose field holds one address
    assert {one.content_type for one in inbound.media} <= {"image/png", None}


def test_a_text_without_files_has_none(front: Desk) -> None:
    if not hears(front.manifest):
        pytest.skip(f"{front.manifest.name} has no incoming messages")
    front.transport.text_in("front-desk", "+447700900077", "+447700900100", "Hello")
    (inbound,) = front.read
    assert (inbound.media, inbound.part, inbound.opt_out) == ((), None, False)


def test_what_comes_in_twice_is_told_for_a_copy(front: Desk) -> None:
    if not hears(front.manifest):
        pytest.skip(f"{front.manifest.name} has no incoming messages")
    front.transport.text_in("front-desk", "+447700900003", "+447700900100", "Hello")
    first, second = front.read
    assert first.key == second.key
    front.transport.text_in("front-desk", "+447700900003", "+447700900100", "Hello")
    if not first.timeless and first.message_id is not None:
        assert front.read[2].key != first.key


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
