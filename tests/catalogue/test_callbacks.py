from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.catalogue.manifests import gateway

from ringback.connectors import callbacks, fieldvalues, verify
from ringback.connectors.callbacks import Inbound, Ping, Report, incoming
from ringback.connectors.fieldpaths import parse_pick
from ringback.connectors.incoming import xml_data
from ringback.connectors.manifest import Manifest
from ringback.problems import Failure

URL = "https://ringback.example/callbacks/front-desk"


def read(manifest: Manifest, headers: dict[str, str], body: bytes, query: str = "") -> list[Any]:
    return callbacks.read(manifest, {}, incoming("POST", URL + query, headers, body))


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NESTED = """
  ping: { body.event: ping }
  report:
    - each: body.results
      when: { item.status.name: present }
      id: item.messageId
      to: item.to
      status: item.status.name
      statuses: { DELIVERED: delivered, EXPIRED: expired }
      at: item.doneAt
      key: item.event
    - when: { form.MessageStatus: present }
      id: form.MessageSid
      status: form.MessageStatus
      statuses: { delivered: delivered }
      to: form.To
    - when: { query.status: present }
      id: query.id
      reference: query.reference
      status: query.status
      statuses: { buffered: sent }
      at: { path: query.at, format: compact_short, zone: Europe/London }
    - when: { body.dlr.state: present }
      id: body.dlr.id
      status: body.dlr.state
      statuses: { ok: delivered }
  inbound:
    each: body.messages
    from: item.from.phone
    to: item.to[0]
    text: item.text
    id: item.id
"""


def test_a_list_gives_one_report_each() -> None:
    body = b'{"results": [{"messageId": 1, "to": "447", "status": {"name": "delivered"}, "doneAt": "2019-11-09T16:00:00.000+0000", "event": "e1"}, {"messageId": 2, "status": {"name": "Expired"}}, {"messageId": 3}]}'
    found = read(gateway(NESTED), JSON, body)
    assert [(one.gateway_id, one.status, one.number) for one in found] == [
        ("1", "delivered", "447"),
        ("2", "expired", None),
    ]
    assert found[0].at_ms == 1573315200000
    assert found[0].raw["messageId"] == 1
    assert len({one.key for one in found}) == 2


def test_what_no_column_could_hold_is_made_sound() -> None:
    body = b'{"messages": [{"from": {"phone": "+447700900077\\u0000"}, "to": ["1"], "text": "a\\ud83d\\u0000b"}]}'
    (found,) = read(gateway(NESTED), JSON, body)
    assert (found.number_from, found.text) == ("+447700900077\ufffd", "a\ufffd\ufffdb")


def test_a_number_of_parts_that_no_column_could_hold_is_none() -> None:
    for digits in (19, 5000):
        body = b'{"segments": "%s"}' % (b"9" * digits)
        pick = parse_pick("body.segments")
        assert fieldvalues.whole(pick, incoming("POST", URL, JSON, body).sources) is None


def test_a_form_repairs_the_plus_of_a_number() -> None:
    (found,) = read(
        gateway(NESTED), FORM, b"MessageSid=SM1&MessageStatus=Delivered&To=+447700900077"
    )
    assert (found.gateway_id, found.status, found.number) == ("SM1", "delivered", "+447700900077")


def test_a_query_alone_is_enough() -> None:
    (found,) = read(gateway(NESTED), {}, b"", "?id=7&status=buffered&at=2606281430&reference=r1")
    assert (found.gateway_id, found.status, found.reference) == ("7", "sent", "r1")
    assert found.at_ms == 1782653400000
    assert found.raw == {"id": "7", "status": "buffered", "at": "2606281430", "reference": "r1"}


def test_xml_is_read_without_fetching_or_expanding_anything() -> None:
    xml = {"Content-Type": "text/xml"}
    (found,) = read(gateway(NESTED), xml, b"<dlr><id>9</id><state>OK</state></dlr>")
    assert (found.gateway_id, found.status) == ("9", "delivered")
    with pytest.raises(Failure, match="document type"):
        read(gateway(NESTED), xml, b'<!DOCTYPE d [<!ENTITY a "b">]><d>&a;</d>')
    with pytest.raises(Failure, match="not valid XML"):
        read(gateway(NESTED), xml, b"<d>")


def test_text_beside_attributes_and_children_in_xml_is_kept() -> None:
    xml = b"<dlr id='9'> OK <at tz='UTC'>12:00</at>, all of it <none x='1'/><!-- no --></dlr>"
    assert xml_data(xml) == {
        "dlr": {
            "@id": "9",
            "at": {"@tz": "UTC", "#text": "12:00"},
            "none": {"@x": "1"},
            "#text": "OK , all of it",
        }
    }
    sources = incoming("POST", URL, {"Content-Type": "text/xml"}, xml).sources
    assert parse_pick('body.dlr.at["#text"]').read(sources) == "12:00"


def test_incoming_messages() -> None:
    body = b'{"messages": [{"id": "i1", "from": {"phone": "+1"}, "to": ["+2"], "text": "hi"}, {"from": {"phone": "+1"}, "text": ""}]}'
    found = read(gateway(NESTED), JSON, body)
    assert isinstance(found[0], Inbound)
    assert [(m.message_id, m.number_from, m.number_to, m.text) for m in found] == [
        ("i1", "+1", "+2", "hi"),
        (None, "+1", None, ""),
    ]


def test_pings_and_what_fits_no_shape_are_answered_alike() -> None:
    assert read(gateway(NESTED), JSON, b'{"event": "ping"}') == [Ping({"event": "ping"})]
    assert read(gateway(NESTED), JSON, b'{"x": 1}') == [Ping({"x": 1}, known=False)]
    assert read(gateway(NESTED), {}, b"")[0].known is False
    assert callbacks.reply(gateway(NESTED)) == (200, "application/json", '{"status":"success"}')


def test_json_that_is_none_is_said() -> None:
    with pytest.raises(Failure, match="not valid JSON"):
        read(gateway(NESTED), JSON, b'{"a": ')
    with pytest.raises(Failure, match="not valid JSON"):
        read(gateway(NESTED), JSON, b"[" * 100_000)


SIMPLE = "  report: { when: { body.status: present }, id: body.id, status: body.status, statuses: { sent: sent }, refunded: body.refunded }"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b'{"id": 1, "status": "sent"}', b'{"status": "SENT", "id": "1"}', True),
        (b'{"id": 1, "status": "sent"}', b'{"id": 2, "status": "sent"}', False),
        (b'{"id": 1, "status": "sent"}', b'{"id": 1, "status": "failed"}', False),
        (b'{"id": 1, "status": "failed"}', b'{"id": 1, "status": "failed", "refunded": true}', False),
        (b'{"status": "failed", "n": 1}', b'{"status": "failed", "n": 2}', False),
    ],
)  # fmt: skip
def test_the_key_tells_copies_from_new_reports(one: bytes, other: bytes, same: bool) -> None:
    keys = [read(gateway(SIMPLE), JSON, body)[0].key for body in (one, other)]
    assert (keys[0] == keys[1]) is same


@given(st.binary(max_size=200), st.sampled_from([JSON, FORM, {"Content-Type": "text/xml"}, {}]))
def test_wild_bodies_are_read_or_refused_in_one_sentence(body: bytes, headers: dict[str, str]) -> None:  # fmt: skip
    found: list[Any] = []
    codes = []
    try:
        found = read(gateway(NESTED), headers, body, "?a=%ff")
    except Failure as failed:
        codes.append(failed.code)
    assert codes in ([], ["invalid_input"])
    assert all(isinstance(one, Report | Inbound | Ping) for one in found)


def test_a_proxys_address_is_replaced_by_the_public_one() -> None:
    manifest = gateway(SIMPLE, verify='{ scheme: hmac, secret: "{{ settings.secret }}", header: X-S, signed: "{url}{body}" }')  # fmt: skip
    settings = {"secret": "s3cret-key"}
    public = incoming("POST", f"{URL}?a=1", {}, b"x")
    signed = verify.sign(manifest, settings, public, 0)
    inside = incoming("POST", "http://10.0.0.5:8080/callbacks/front-desk?a=1", signed.headers, b"x")
    verify.check(manifest, settings, inside, "https://ringback.example/", 0)
    with pytest.raises(verify.Refused):
        verify.check(manifest, settings, inside, "", 0)


def test_all_that_is_configured_must_hold_and_nothing_configured_is_refused() -> None:
    manifest = gateway(
        SIMPLE,
        verify='[{ scheme: hmac, secret: "{{ settings.secret }}", header: X-S }, { scheme: token, secret: "{{ settings.token }}" }]',
    )
    bare = incoming("POST", URL, {}, b"x")
    both = {"secret": "s3cret-key", "token": "t0ken-key"}
    signed = verify.sign(manifest, {"secret": "s3cret-key"}, bare, 0)
    verify.check(manifest, {"secret": "s3cret-key", "token": ""}, signed, "", 0)
    with pytest.raises(verify.Refused, match="no token"):
        verify.check(manifest, both, signed, "", 0)
    verify.check(manifest, both, verify.sign(manifest, both, bare, 0), "", 0)
    with pytest.raises(verify.Refused, match="set secret or token of the connection"):
        verify.check(manifest, {}, signed, "", 0)
