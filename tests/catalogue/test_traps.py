"""The traps of the field, as connectors/README.md lists them: each has its way of being written, and is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.catalogue.manifests import GATEWAY, gateway

from ringback.connectors import callbacks, fieldpaths, invoke
from ringback.connectors.callbacks import Inbound, Media, Part, Ping, Report, incoming
from ringback.connectors.reading import read_manifest
from ringback.connectors.transport import Answer, Call
from ringback.problems import Failure

ADDRESS = "https://school.example/callbacks/front-desk"
FORM = "application/x-www-form-urlencoded"
SEND = "actions: {{ send: {{ title: Send, description: Sends., implements: sms.send, effect: once, request: {request}, response: {response} }} }}\n"


def read(written: str, body: Any = "", query: str = "", kind: str = "application/json", method: str = "POST") -> list[Any]:  # fmt: skip
    text = body if isinstance(body, str) else json.dumps(body)
    request = incoming(method, f"{ADDRESS}?{query}", {"Content-Type": kind}, text.encode())
    return callbacks.read(gateway(written), {}, request)


class Replies:
    """A sender that gives one answer and keeps the calls."""

    def __init__(self, body: str, status: int = 200, kind: str = "application/json") -> None:
        self.answer = Answer(status, {"content-type": kind}, body.encode())
        self.calls: list[Call] = []

    def send(self, call: Call) -> Answer:
        self.calls.append(call)
        return self.answer


def send(request: str, response: str, replies: Replies, more: str = "", **message: Any) -> Any:
    written = SEND.format(request=request, response=response)
    manifest = gateway(
        more, verify="{ scheme: token, secret: '{{ settings.token }}' }", more=written
    )
    said = {"id": "msg_1", "to": "+447700900077", "text": "Hi", **message}
    return invoke.send_sms(manifest, {"token": "t1"}, said, replies, callback_url=ADDRESS)


def test_our_own_id_travels_in_the_callbacks_address() -> None:
    replies = Replies("0: Accepted for delivery", 202, "text/plain")
    report = """  report:
    reference: query.message
    status: query.status
    statuses: { "1": delivered, "2": undelivered }
    at: query.at"""
    sent = send(
        "{ method: GET, url: '{{ settings.base_url }}/sms', query: { dlr-url: '{{ callback_url }}&status=%d&at=%T' } }",
        '{ ok: { text: { matches: "^[03]:" } } }',
        replies,
        report,
    )
    assert (sent.gateway_id, sent.gateway_ids, sent.status) == (None, (), "accepted")
    assert "status%3D%25d%26at%3D%25T" in replies.calls[0].url
    told = dict(parse_qsl(urlsplit(replies.calls[0].url).query))["dlr-url"]
    assert told == f"{ADDRESS}?token=t1&message=msg_1&status=%d&at=%T"
    (said,) = read(report, query=told.partition("?")[2].replace("%d", "1").replace("%T", "1782657000"), method="GET")  # fmt: skip
    assert (said.reference, said.status, said.at_ms) == ("msg_1", "delivered", 1_782_657_000_000)


@pytest.mark.parametrize(
    ("response", "body", "ids"),
    [
        ("{ id: body.sms_id }", '{"sms_id": 62807347}', ("62807347",)),
        ("{ id: body.message_uuid }", '{"message_uuid": ["a", "b"]}', ("a", "b")),
        (
            '{ id: "body.messages[*].message-id" }',
            '{"messages": [{"message-id": "x"}, {"status": "1"}, {"message-id": 7}]}',
            ("x", "7"),
        ),
        ('{ id: { path: text, pattern: "ID: (\\\\S+)" } }', "OK, ID: 4711 taken", ("4711",)),
        ("{ id: body.Answer.Id }", "<?xml version='1.0'?><Answer><Id>m-1</Id></Answer>", ("m-1",)),
        ("{ id: body.data.id }", '{"data": null}', ()),
    ],
)
def test_ids_of_every_shape(response: str, body: str, ids: tuple[str, ...]) -> None:
    sent = send("{ url: 'https://gateway.example' }", response, Replies(body))
    assert (sent.gateway_ids, sent.gateway_id) == (ids, ids[0] if ids else None)


@pytest.mark.parametrize(
    ("ok", "body", "good"),
    [
        ("{ body.error: 0 }", '{"error": 0}', True),
        ("{ body.error: 0 }", '{"error": 1}', False),
        ('{ "body.messages[0].status": "0" }', '{"messages": [{"status": "0"}]}', True),
        ('{ "body.messages[0].status.groupId": [1, 3] }', '{"messages": [{"status": {"groupId": 5}}]}', False),
        ('{ text: { matches: "^[03]:" } }', "3: Queued for later delivery", True),
        ('{ text: { matches: "^[03]:" } }', "Authorization failed for sendsms", False),
    ],
)  # fmt: skip
def test_success_is_told_by_the_body(ok: str, body: str, good: bool) -> None:
    replies = Replies(body)
    if good:
        assert (
            send("{ url: 'https://gateway.example' }", f"{{ ok: {ok} }}", replies).status
            == "accepted"
        )
        return
    with pytest.raises(Failure) as caught:
        send("{ url: 'https://gateway.example' }", f"{{ ok: {ok} }}", replies)
    assert caught.value.code == "refused"


def test_numbers_and_codings_as_a_gateway_wants_them() -> None:
    fields = "{ a: '{{ message.to }}', b: '{{ message.to_digits }}', c: '{{ message.to_national }}', d: '{{ message.sender_digits }}', e: '{{ message.coding }}', f: '{{ message.unicode }}' }"
    replies = Replies("{}")
    send(f"{{ url: 'https://gateway.example', json: {fields} }}", "{}", replies, sender="+447700900100", encoding="UCS-2")  # fmt: skip
    send(f"{{ url: 'https://gateway.example', json: {fields} }}", "{}", replies, sender="SCHOOL", encoding="GSM-7")  # fmt: skip
    first, second = (json.loads(call.body or b"") for call in replies.calls)
    assert first == {"a": "+447700900077", "b": "447700900077", "c": "07700900077", "d": "447700900100", "e": 2, "f": "unicode"}  # fmt: skip
    assert (second["d"], second["e"], second["f"]) == ("SCHOOL", 0, "text")


RESULTS = {
    "results": [{"id": "a", "status": "DELIVERED"}, {"id": "b", "status": {}}, {"id": "c", "text": "Hi", "from": "447700900077"}]
}  # fmt: skip


def test_several_events_of_several_kinds_in_one_request() -> None:
    found = read(
        """  report: { each: body.results, when: { item.status: present }, id: item.id, status: item.status, statuses: { delivered: delivered } }
  inbound: { each: body.results, from: { path: item.from, format: digits }, text: item.text, id: item.id }""",
        RESULTS,
    )
    assert [type(one) for one in found] == [Report, Report, Inbound]
    assert [(one.gateway_id, one.status) for one in found[:2]] == [("a", "delivered"), ("b", "unknown")]  # fmt: skip
    assert (found[2].number_from, found[2].text) == ("+447700900077", "Hi")


def test_lists_inside_lists() -> None:
    found = read(
        """  report: { each: "body.statuses[*].recipients", id: body.batch_id, to: item, status: outer.status, error_code: outer.code, statuses: { delivered: delivered, failed: undelivered } }""",
        {"batch_id": "b1", "statuses": [{"status": "Delivered", "code": 0, "recipients": ["1", "2"]}, {"status": "Failed", "code": 402, "recipients": ["3"]}]},
    )  # fmt: skip
    assert [(one.gateway_id, one.number, one.status, one.error_code) for one in found] == [
        ("b1", "1", "delivered", "0"), ("b1", "2", "delivered", "0"), ("b1", "3", "undelivered", "402"),
    ]  # fmt: skip
    assert len({one.key for one in found}) == 3


def test_one_entry_in_xml_is_a_list_of_one() -> None:
    shape = "  report: { each: body.Reports.Report, id: item.Id, status: item.State, statuses: { ok: delivered } }"
    one = "<Report><Id>1</Id><State>ok</State></Report>"
    for count in (1, 2):
        found = read(shape, f"<Reports>{one * count}</Reports>", kind="text/xml")
        assert [said.status for said in found] == ["delivered"] * count


SNS = """  report: { when: { body.Type: Notification, body.Message.eventType: present }, id: body.Message.messageId, status: body.Message.eventType, statuses: { TEXT_DELIVERED: delivered }, at: body.Message.eventTimestamp }
  confirm: { when: { body.Type: SubscriptionConfirmation }, url: { path: body.SubscribeURL, pattern: "^https://sns[.][a-z0-9-]+[.]amazonaws[.]com/.*" } }"""


def test_json_inside_a_text() -> None:
    event = {"eventType": "TEXT_DELIVERED", "messageId": "m1", "eventTimestamp": 1_782_657_000_123}
    envelope = {"Type": "Notification", "Message": json.dumps(event)}
    (said,) = read(SNS, envelope, kind="text/plain; charset=UTF-8")
    assert (said.gateway_id, said.status, said.at_ms) == ("m1", "delivered", 1_782_657_000_123)
    (other,) = read(SNS, {"Type": "Notification", "Message": "no JSON {"})
    assert other == Ping({"Type": "Notification", "Message": "no JSON {"}, known=False)


def test_a_handshake_is_confirmed_by_one_guarded_call() -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    (asked,) = read(SNS, {"Type": "SubscriptionConfirmation", "SubscribeURL": url})
    assert (asked.known, asked.confirm) == (True, url)
    replies = Replies("<ok/>")
    invoke.confirm(asked.confirm, replies)
    assert [(call.method, call.url, call.guard, call.redirects) for call in replies.calls] == [("GET", url, True, 0)]  # fmt: skip
    for status, code in ((500, "server_error"), (403, "refused"), (302, "refused")):
        with pytest.raises(Failure) as caught:
            invoke.confirm(url, Replies("", status))
        assert caught.value.code == code
    elsewhere = {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://evil.example/"}
    (forged,) = read(SNS, elsewhere)
    assert (forged.known, forged.confirm) == (False, None)


def test_names_that_count_up() -> None:
    inbound = "  inbound: { from: form.From, text: form.Body, media: { url: form.MediaUrl#, content_type: form.MediaContentType# }, opt_out: { form.OptOutType: STOP } }"
    (plain,) = read(inbound, "From=+447700900077&Body=Stop&OptOutType=STOP&NumMedia=0", kind=FORM)
    assert (plain.number_from, plain.media, plain.opt_out) == ("+447700900077", (), True)
    (said,) = read(inbound, "From=%2B44&Body=&MediaUrl0=u0&MediaContentType0=image/png&MediaUrl1=u1&MediaUrl3=u3", kind=FORM)  # fmt: skip
    assert said.media == (Media("u0", "image/png"), Media("u1"))
    assert said.opt_out is False


def test_media_in_a_list() -> None:
    inbound = '  inbound: { from: body.from, text: body.text, media: { url: "body.media[*].url", content_type: "body.media[*].content_type" } }'
    (said,) = read(inbound, {"from": "1", "text": None, "media": [{"url": "u", "content_type": "image/gif"}]})  # fmt: skip
    assert (said.text, said.media) == ("", (Media("u", "image/gif"),))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_query_or_form_as_the_account_is_set(method: str) -> None:
    report = "  report: { id: params.messageId, to: { path: params.msisdn, format: digits }, status: params.status, statuses: { delivered: delivered }, error_code: params.err-code, errors: [{ when: { params.err-code: [9] }, code: opted_out, message: They said stop. }] }"
    fields = "msisdn=447700900077&messageId=m1&status=delivered&err-code=9"
    (said,) = (
        read(report, "", fields, "", method) if method == "GET" else read(report, fields, kind=FORM)
    )
    assert (said.gateway_id, said.number, said.status) == ("m1", "+447700900077", "delivered")
    assert (said.error_code, said.code, said.opted_out, said.detail) == ("9", "opted_out", True, "They said stop.")  # fmt: skip


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("447700900077", "+447700900077"), ("00447700900077", "+447700900077"), ("+447700900077", "+447700900077"),
        (" 447700900077", "+447700900077"), ("60777", "60777"), ("SCHOOL", "SCHOOL"), (447700900077, "+447700900077"),
        ("12345", "12345"), ("", None),
    ],
)  # fmt: skip
def test_numbers_that_come_without_their_plus(written: Any, number: str | None) -> None:
    (said,) = read("  inbound: { from: body.f, text: body.t, to: { path: body.to, format: digits } }", {"f": "x", "t": "y", "to": written})  # fmt: skip
    assert said.number_to == number


def test_bracketed_names_sequences_and_parts() -> None:
    report = """  report:
    id: params.id
    status: params.Status
    statuses: { delivered: delivered }
    cost: query["price[amount]"]
    segments: params.Units
    sequence: params.Sequence
    at: params.t
    parts: true"""
    query = "id=m&Status=delivered&price[amount]=0.05&Units=2&Sequence=3&t=1782657000"
    (one,) = read(report, query=query, method="GET")
    assert (one.cost, one.segments, one.sequence, one.per_part) == ("0.05", 2, 3, True)
    (same,) = read(report, query=query, method="GET")
    (other,) = read(report, query=query.replace("1782657000", "1782657001"), method="GET")
    assert one.key == same.key != other.key


def test_a_long_text_that_comes_in_piece_by_piece() -> None:
    inbound = "  inbound: { from: params.f, text: params.t, id: params.id, parts: { reference: params.concat-ref, number: params.concat-part, total: params.concat-total } }"
    (said,) = read(inbound, query="f=1&t=x&id=2&concat-ref=08B5&concat-part=1&concat-total=3")
    assert said.part == Part("08B5", 1, 3)
    (whole,) = read(inbound, query="f=1&t=x&id=2")
    assert whole.part is None


def test_what_a_callback_is_answered_goes_by_its_kind() -> None:
    manifest = gateway(
        """  report: { id: body.id, status: body.s, statuses: {}, when: { body.s: present } }
  inbound: { from: body.f, text: body.t }
  reply: { content_type: text/plain, body: OK, inbound: { content_type: text/xml, body: "<Response/>" }, ping: { status: 204 } }"""
    )
    report = Report("1", None, "sent", "s", None, None, None, None, None, {}, "k")
    inbound = Inbound(None, "1", None, "t", None, {}, "k")
    assert callbacks.reply(manifest, [report]) == (200, "text/plain", "OK")
    assert callbacks.reply(manifest, [report, inbound]) == (200, "text/xml", "<Response/>")
    assert callbacks.reply(manifest, [Ping({})]) == (204, "text/plain", "")
    assert callbacks.reply(manifest) == (200, "text/plain", "OK")


def test_a_gateway_can_be_asked() -> None:
    more = """actions:
  status:
    title: Ask
    description: Asks.
    implements: sms.status
    effect: none
    request: { method: GET, url: "{{ settings.base_url }}/messages/{{ message.gateway_id }}" }
    response: { id: body.id, status: body.state, statuses: { Sent: sent, Delivered: delivered }, at: body.at, error_code: body.code, errors: [{ when: { body.code: 21610 }, code: opted_out }] }
"""
    manifest = gateway(more=more)
    replies = Replies('{"id": 7, "state": "delivered", "at": "2026-06-28T14:30:00Z", "code": 0}')
    told = invoke.ask_status(manifest, {}, {"gateway_id": "a/7"}, replies)
    assert told is not None
    assert replies.calls[0].url == "https://gateway.example/messages/a%2F7"
    assert (told.gateway_id, told.status, told.at_ms, told.code) == ("7", "delivered", 1_782_657_000_000, None)  # fmt: skip
    assert invoke.ask_status(manifest, {}, {"id": "msg_1"}, replies) is None
    assert invoke.ask_status(gateway(), {}, {"gateway_id": "7"}, replies) is None
    with pytest.raises(Failure):
        invoke.ask_status(manifest, {}, {"gateway_id": "7"}, Replies("", 404))


def test_a_manifest_that_is_wrong_says_so() -> None:
    text = GATEWAY + "icon: icon.svg\nprice: { per: word }\n"
    _, problems = read_manifest(text, Path("/nowhere/stand-in"), "connector.yaml", "project")
    assert any("word" in problem.message for problem in problems)
    text = GATEWAY.replace("stand-in", "standin") + "icon: icon.svg\nsetup: ['Set {{ settings.key }}.']\n"  # fmt: skip
    manifest, problems = read_manifest(text, Path("/nowhere/standin"), "c.yaml", "project")
    assert manifest is None
    assert sorted(problem.message for problem in problems) == [
        "`settings.key` is not known here.",
        "icon.svg is not in the connector's folder.",
    ]
    for written in ("{ body.a: { like: x } }", '{ body.a: { matches: "(" } }'):
        with pytest.raises(AssertionError, match=r"body\.a|pattern"):
            gateway(f"  ping: {written}")


def test_put_writes_what_read_reads() -> None:
    for text in ("body.a[*].b", "body.Message.c.d", "form.Media#", "params.x", "outer.y", "item"):
        sources: dict[str, Any] = {"body": {"Message": '{"c": {"e": 1}}'}}
        path = fieldpaths.parse(text)
        fieldpaths.put(path, sources, "v")
        assert fieldpaths.read(path, sources) in ("v", ["v"])
        if "Message" in text:
            assert json.loads(sources["body"]["Message"]) == {"c": {"e": 1, "d": "v"}}


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        ("%04%20%043", "UTF-16BE", "Рг"),
        ("Caf%E9+%26+co", "windows-1252", "Café & co"),
        ("Gr%C3%BC%C3%9Fe", "UTF-8", "Grüße"),
        ("plain", "8-BIT", "plain"),
        ("plain", "", "plain"),
        ("", "UTF-8", ""),
    ],
)
def test_a_text_in_another_character_set(octets: str, charset: str, text: str) -> None:
    inbound = "  inbound: { from: query.f, text: { path: query.t, charset: query.c } }"
    (said,) = read(inbound, query=f"f=1&t={octets}&c={charset}", method="GET")
    assert said.text == text
