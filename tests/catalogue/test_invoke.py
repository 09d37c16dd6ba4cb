from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.catalogue.manifests import gateway
from tests.connectors.harness import FakeContext

from ringback.connectors import invoke
from ringback.connectors.examples import NOW, Script
from ringback.connectors.manifest import Action, Manifest
from ringback.connectors.transport import Answer, Call
from ringback.problems import Failure


def sending(request: str, response: str = "") -> Manifest:
    text = "actions:\n  send:\n    title: Send\n    description: Texts one phone.\n    implements: sms.send\n    effect: once\n"
    return gateway(more=f"{text}    request:\n{request}\n    response: {{ {response} }}\n")


def send(manifest: Manifest, answer: dict[str, Any] | None = None, **message: Any) -> tuple[Any, Call]:  # fmt: skip
    script = Script([answer or {"body": {"id": 1}}])
    settings = {"key": "s3cret-key", "base_url": "https://gateway.example"}
    given = {"to": "+447700900077", "text": "Hi “you” & me", **message}
    result = invoke.send_sms(manifest, settings, given, script, callback_url="https://r.example/callbacks/x?token=t", idempotency_key="run_1/s")  # fmt: skip
    return result, script.calls[0]


def test_json_leaves_out_what_was_not_given() -> None:
    request = """
      method: POST
      url: "{{ settings.base_url }}/v1/messages"
      headers: { Idempotency-Key: "{{ context.idempotency_key }}", X-None: "{{ message.sender }}" }
      auth: { header: { name: X-Key, value: "AccessKey {{ settings.key }}" } }
      json: { data: { to: ["{{ message.to_digits }}"], text: "{{ message.text }}", from: "{{ message.sender }}", callback: "{{ callback_url }}" } }
    """
    result, call = send(sending(request, "id: [body.x, body.id]"))
    assert (result.gateway_id, result.status) == ("1", "accepted")
    assert call.headers == {
        "Accept": "application/json",
        "Idempotency-Key": "run_1/s",
        "X-Key": "AccessKey s3cret-key",
        "Content-Type": "application/json",
    }
    assert call.guard is False
    assert json.loads(call.body or b"") == {
        "data": {
            "to": ["447700900077"],
            "text": "Hi “you” & me",
            "callback": "https://r.example/callbacks/x?token=t",
        }
    }


def test_a_form_with_basic_authentication() -> None:
    request = """
      url: "{{ settings.base_url }}/Accounts/{{ message.to }}/Messages.json"
      auth: { basic: { username: AC1, password: "{{ settings.key }}" } }
      form: { To: "{{ message.to }}", Body: "{{ message.text }}", Flag: true, Media: [a, b] }
    """
    _, call = send(sending(request))
    assert call.url == "https://gateway.example/Accounts/%2B447700900077/Messages.json"
    assert call.headers["Authorization"] == "Basic QUMxOnMzY3JldC1rZXk="
    assert call.body == b"To=%2B447700900077&Body=Hi+%E2%80%9Cyou%E2%80%9D+%26+me&Flag=true&Media=a&Media=b"  # fmt: skip


def test_a_query_alone_with_plain_text_back() -> None:
    request = """
      method: GET
      url: "{{ settings.base_url }}/cgi-bin/sendsms?smsc=a"
      query: { to: "{{ message.to }}", text: "{{ message.text }}", password: "{{ settings.key }}" }
    """
    result, call = send(sending(request, "id: body.id"), {"status": 202, "body": "0: Accepted for delivery"})  # fmt: skip
    assert call.body is None
    assert call.url == "https://gateway.example/cgi-bin/sendsms?smsc=a&to=%2B447700900077&text=Hi%20%E2%80%9Cyou%E2%80%9D%20%26%20me&password=s3cret-key"  # fmt: skip
    assert (result.gateway_id, result.raw) == (None, "0: Accepted for delivery")


PLAIN = '      url: "{{ settings.base_url }}/send"\n      json: { to: "{{ message.to }}" }'
TABLE = """ok: { body.error: 0 }, id: body.sms_id, status: body.state, statuses: { Queued: queued }, cost: body.price, segments: body.parts,
 reason: body.message, retry_after: body.wait, errors: [{ when: { body.code: [21610, "x"] }, code: opted_out }, { http: [400, 422], when: { body.code: 21211 }, code: invalid_number, message: That is no number, next: Check it. },
 { http: 507, code: throttled }]"""


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ({"body": {"error": 1, "message": "Device is off."}}, "refused", "Stand-in refused the request. It said: “Device is off”."),
        ({"status": 400, "body": {"code": "21610"}}, "opted_out", "opted out at Stand-in. Do not text"),
        ({"status": 422, "body": {"code": 21211}}, "invalid_number", "That is no number Check it."),
        ({"status": 404, "body": ""}, "not_found", "knows no such address"),
        ({"status": 408, "body": ""}, "no_answer", "gave up waiting"),
        ({"status": 500, "body": "s3cret-key"}, "no_answer", "nobody knows whether it went"),
        ({"status": 502}, "no_answer", "See at Stand-in whether it did"),
        ({"status": 503, "body": "s3cret-key"}, "server_error", "fault of its own. It is tried again later"),
        ({"status": 507, "body": {"wait": 12}}, "throttled", "more slowly"),
        ({"status": 302, "headers": {"Location": "https://else.example"}}, "refused", "redirect"),
        ({"status": 403, "body": {"message": "key s3cret-key is czNjcmV0LWtleQ=="}}, "unauthorized", "“key ••• is •••”"),
        ({"failure": "unreachable"}, "unreachable", "The call failed"),
    ],
)  # fmt: skip
def test_the_error_table_decides(answer: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(Failure) as raised:
        send(sending(PLAIN, TABLE), answer)
    failed = raised.value
    assert (failed.code, said in str(failed)) == (code, True), str(failed)
    assert "s3cret-key" not in f"{failed}{failed.detail}"
    if answer.get("status") == 507:
        assert failed.retry_after == 12


def test_success_may_be_a_field_of_the_answer() -> None:
    body = {"error": 0, "sms_id": 62807347, "state": "QUEUED", "price": 0.02, "parts": "2"}
    result, _ = send(sending(PLAIN, TABLE), {"body": body})
    assert (result.gateway_id, result.status, result.cost, result.segments) == ("62807347", "queued", "0.02", 2)  # fmt: skip
    result, _ = send(sending(PLAIN, TABLE), {"body": {"error": "0", "state": "odd", "parts": "x"}})
    assert (result.status, result.segments) == ("unknown", None)


def test_a_line_break_in_a_header_is_refused() -> None:
    request = '      url: "{{ settings.base_url }}/send"\n      headers: { X-From: "{{ message.sender }}" }'
    with pytest.raises(Failure, match="more than one line"):
        send(sending(request), sender="a\r\nX-Evil: b")


def test_what_is_no_gateway_cannot_send() -> None:
    with pytest.raises(Failure, match="cannot send SMS"):
        invoke.send_sms(gateway(), {}, {"to": "+44", "text": "x"}, Script([]))


BALANCE = """\
actions:
  balance:
    title: Balance
    description: Asks for the balance.
    effect: none
    inputs: { account: { type: text, title: Account, description: Which one., example: a } }
    outputs: { amount: { type: text, title: Amount, description: How much. } }
    request: { method: GET, url: "{{ settings.base_url }}/{{ inputs.account }}/balance" }
    response: { outputs: { amount: body.amount, currency: body.currency } }
"""


def context(tmp_path: Path, script: Script) -> FakeContext:
    return FakeContext(tmp_path, script, {}, {"key": "s3cret-key"}, NOW)


def test_any_action_may_be_a_request(tmp_path: Path) -> None:
    action = gateway(more=BALANCE).actions["balance"]
    script = Script([{"body": {"amount": "7.10"}}])
    result = invoke.perform(action, {"account": "a/../b"}, context(tmp_path, script), script)
    assert result == {"amount": "7.10", "currency": None}
    assert script.calls[0].url == "https://gateway.example/a%2F..%2Fb/balance"
    assert script.calls[0].guard is True


def python_action(tmp_path: Path, body: str) -> Action:
    folder = tmp_path / "standin"
    folder.mkdir()
    (folder / "go.py").write_text(f"def go(inputs, context):\n    {body}\n")
    more = "actions: { go: { title: Go, description: Goes., effect: none, python: go } }\n"
    made = gateway(more=BALANCE)
    return Action(full="standin.go", name="go", connector=_at(made, folder), title="Go", description=more, effect="none", inputs={}, outputs={}, python="go")  # fmt: skip


def _at(manifest: Manifest, folder: Path) -> Manifest:
    from dataclasses import replace

    return replace(manifest, folder=folder)


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("from ringback.sdk import Failure; raise Failure('refused', 'with ' + context.settings['key'])", "refused", "with •••"),
        ("return 5", "internal", "gave back a int, not a dict"),
    ],
)  # fmt: skip
def test_python_actions_fail_in_sentences(tmp_path: Path, body: str, code: str, said: str) -> None:
    script = Script([])
    with pytest.raises(Failure) as raised:
        invoke.perform(python_action(tmp_path, body), {}, context(tmp_path, script), script)
    assert (raised.value.code, said in str(raised.value)) == (code, True), str(raised.value)


def test_a_python_file_that_does_not_load_is_said(tmp_path: Path) -> None:
    action = python_action(tmp_path, "return {}\n  !")
    with pytest.raises(Failure, match=r"standin/go\.py cannot be loaded: \w*Error"):
        invoke.perform(action, {}, context(tmp_path, Script([])), Script([]))


def test_call_out_is_guarded_and_follows_redirects() -> None:
    seen: list[Call] = []

    class One:
        def send(self, call: Call) -> Answer:
            seen.append(call)
            return Answer(200, {"content-type": "text/plain; charset=latin-1"}, b"\xe9", call.url)

    reply = invoke.call_out(One(), "post", "https://x.example/a", params={"p": ["1", True], "n": None}, json={"é": 1}, allow_private=["10.0.0.0/8"])  # fmt: skip
    assert (reply.text, seen[0].url) == ("é", "https://x.example/a?p=1&p=true")
    assert (seen[0].guard, seen[0].allow_private, seen[0].redirects) == (True, ("10.0.0.0/8",), 5)
    assert seen[0].body == '{"é": 1}'.encode()
    invoke.call_out(One(), "GET", "https://x.example", allow_redirects=False)
    assert (seen[1].redirects, seen[1].body) == (0, None)
    with pytest.raises(Failure, match="more than one line"):
        invoke.call_out(One(), "GET", "https://x.example", headers={"A": "b\nC: d"})
