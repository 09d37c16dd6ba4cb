"""The API behind its token, and its description."""

from __future__ import annotations

import io
import json
import re
from functools import partial
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from sqlalchemy import Connection
from tests.journal.rows import a_step, held_run

from ringback.access import roles
from ringback.engine.runtime import Runtime
from ringback.ids import new_id
from ringback.journal import messages, runs, steps
from ringback.journal.heard import put_heard
from ringback.web.api_table import OPERATIONS
from ringback.web.operations import BASE, JSON
from ringback.web.schemas import COMPONENTS

Bearer = dict[str, str]


def get(client: Any, path: str, bearer: Bearer, status: int = 200) -> Any:
    answer = client.get(BASE + path, headers=bearer)
    assert answer.status_code == status, answer.text
    return answer.json


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "DELETE"])
def test_a_path_of_its_own_word_is_no_run(client: Any, bearer: Bearer, method: str) -> None:
    answer = client.open(f"{BASE}/runs/settle", method=method, headers=bearer)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert answer.json["error"]["code"] == "method_not_allowed"


KNOWN_ONLY = [operation for operation in OPERATIONS if operation.scope != roles.NONE]


@pytest.mark.parametrize("operation", KNOWN_ONLY, ids=lambda operation: operation.id)
def test_no_operation_answers_without_a_token(client: Any, operation: Any) -> None:
    path = BASE + re.sub(r"\{\w+\}", "x", operation.path)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
        answer = client.open(path, method=operation.method, headers=headers)
        assert answer.status_code == 401
        assert answer.json["error"]["code"] == "unauthorized"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_without_any_token_the_api_is_closed(client: Any, runtime: Runtime, bearer: Bearer) -> None:
    object.__setattr__(runtime.settings, "api_tokens", ())
    answer = client.get(BASE + "/runs", headers=bearer)
    assert answer.status_code == 403
    assert "ringback.yaml" in answer.json["error"]["next"]


def test_runs_are_listed_and_shown(client: Any, bearer: Bearer) -> None:
    made = [client.post("/hooks/plain", json={"n": n}).json["run"] for n in range(5)]
    first = get(client, "/runs?limit=3&workflow=plain", bearer)
    second = get(client, f"/runs?limit=3&cursor={first['next']}", bearer)
    assert [run["id"] for run in first["runs"] + second["runs"]] == sorted(made, reverse=True)
    assert second["next"] is None
    assert get(client, "/runs?workflow=nothing", bearer)["runs"] == []
    assert get(client, "/runs?state=failed,uncertain", bearer)["runs"] == []
    story = get(client, f"/runs/{made[0]}", bearer)
    assert story["event"]["data"]["body"] == {"n": 0}
    assert "holder" not in story["run"]
    assert get(client, "/runs/run_none", bearer, 404)["error"]["where"].endswith("run_none")


def test_wrong_parameters_are_named_all_at_once(client: Any, bearer: Bearer) -> None:
    error = get(client, "/runs?sate=failed&state=nope&limit=900", bearer, 422)["error"]
    said = [(problem["message"], problem["next"]) for problem in error["problems"]]
    assert said[0] == ("sate is not a parameter.", "Did you mean state?")
    assert "“nope” is not one of" in said[1][0]
    assert "“” is not one of" in get(client, "/runs?state=failed,", bearer, 422)["error"]["message"]
    assert said[2][0] == "limit is 900, not between 1 and 200."


def test_a_run_can_be_canceled_once(client: Any, bearer: Bearer) -> None:
    run = client.post("/hooks/plain", json={}).json["run"]
    answer = client.post(f"{BASE}/runs/{run}/cancel", headers=bearer)
    assert answer.status_code == 200, answer.text
    assert answer.json["cancel"] or answer.json["state"] == "canceled"
    assert client.post(f"{BASE}/runs/run_none/cancel", headers=bearer).status_code == 404


def test_settling_what_is_not_uncertain_is_409(client: Any, bearer: Bearer) -> None:
    run = client.post("/hooks/plain", json={}).json["run"]
    path = f"{BASE}/runs/{run}/settle"
    answer = client.post(path, json={"path": "note", "how": "sent"}, headers=bearer)
    assert answer.status_code == 409, answer.text
    answer = client.post(path, json={"how": "maybe"}, headers=bearer)
    assert answer.status_code == 422
    assert len(answer.json["error"]["problems"]) == 2


def test_many_uncertain_steps_are_settled_at_once(
    client: Any, runtime: Runtime, bearer: Bearer
) -> None:
    def doubt(conn: Connection, name: str) -> str:
        lease = held_run(conn, workflow=name)
        steps.put(conn, lease, a_step(state="uncertain"))
        runs.park(conn, lease, "uncertain", None)
        return lease.run_id

    here, there = (
        runtime.journal.write(partial(doubt, name=name)) for name in ("plain", "another")
    )
    path = f"{BASE}/runs/settle"
    for wrong in ({"how": "give_up"}, {"how": "sent", "workflows": "plain"}, {}):
        assert client.post(path, json=wrong, headers=bearer).status_code == 422
    answer = client.post(path, json={"how": "sent", "workflow": "plain"}, headers=bearer)
    assert (answer.status_code, answer.json) == (200, {"settled": [{"run": here, "path": "confirmation"}]})  # fmt: skip
    nothing = {"how": "sent", "connection": "front-desk"}  # it did not text
    assert client.post(path, json=nothing, headers=bearer).json == {"settled": []}
    assert client.post(path, json={"how": "again"}, headers=bearer).json["settled"] == [{"run": there, "path": "confirmation"}]  # fmt: skip


def test_messages_are_listed(client: Any, runtime: Runtime, bearer: Bearer) -> None:
    for direction, number in (("out", "+447700900077"), ("in", "+447700900088")):
        message = messages.Message(
            new_id("msg"), direction, "front-desk", "Hi", "sent", 1, 1, number_to=number
        )
        runtime.journal.write(partial(messages.add_message, message=message))
    assert len(get(client, "/messages", bearer)["messages"]) == 2
    (found,) = get(client, "/messages?number=%2B447700900077&direction=out", bearer)["messages"]
    assert found["number_to"] == "+447700900077"
    assert found["timeline"] == []
    assert len(get(client, "/messages?number=+447700900088", bearer)["messages"]) == 1
    assert len(get(client, "/messages?connection=front-desk", bearer)["messages"]) == 2
    assert get(client, "/messages?connection=backup", bearer)["messages"] == []
    page = get(client, "/messages?limit=1", bearer)
    rest = get(client, f"/messages?limit=1&cursor={page['next']}", bearer)
    assert page["messages"][0]["id"] > rest["messages"][0]["id"]


def test_workflows_and_connectors_are_listed(client: Any, bearer: Bearer) -> None:
    found = {one["id"]: one for one in get(client, "/workflows", bearer)["workflows"]}
    assert found["asleep"]["enabled"] is False
    assert found["plain"]["triggers"] == [
        {
            "uses": "webhook.received",
            "source": "webhook",
            "url": "https://texts.example/hooks/plain",
        }
    ]
    connectors = {one["id"]: one for one in get(client, "/connectors", bearer)["connectors"]}
    assert "mysmsgate" in connectors
    names = [action["name"] for action in connectors["sms"]["actions"]]
    assert "sms.send" in names
    for one in connectors.values():
        for offer in [*one["actions"], *one["triggers"]]:
            Draft202012Validator.check_schema(offer["inputs"])


def test_a_text_is_checked(client: Any, bearer: Bearer) -> None:
    text = "name: X\ntrigger: { uses: manual }\nsteps:\n  - { uses: sms.snd, with: {} }\n"
    answer = client.post(BASE + "/check", json={"text": text, "file": "x.yaml"}, headers=bearer)
    assert answer.status_code == 200, answer.text
    assert answer.json["ok"] is False
    assert answer.json["problems"][0]["where"].startswith("x.yaml:4:")


def test_a_run_is_started_by_hand(client: Any, runtime: Runtime, bearer: Bearer) -> None:
    path = f"{BASE}/workflows/plain/runs"
    answer = client.post(path, json={"data": {"name": "Amina"}}, headers=bearer)
    assert answer.status_code == 202, answer.text
    story = get(client, f"/runs/{answer.json['run']}", bearer)
    assert "Amina" in json.dumps(story["event"]["data"])
    upload = {"name": "Amina", "data": '{"age": 7}', "agreement": (io.BytesIO(b"%PDF-1"), "a.pdf")}
    answer = client.post(path, data=upload, headers=bearer)
    assert answer.status_code == 202, answer.text
    story = get(client, f"/runs/{answer.json['run']}", bearer)
    assert [file["name"] for file in story["files"]] == ["a.pdf"]
    assert client.post(path, json={"data": [1]}, headers=bearer).status_code == 422
    null = client.post(path, data="null", content_type="application/json", headers=bearer)
    assert null.status_code == 422
    assert client.post(path, headers=bearer).status_code == 202
    assert client.post(f"{BASE}/workflows/none/runs", json={}, headers=bearer).status_code == 404


def test_the_description_is_openapi_3_1_of_what_is_routed(client: Any, app: Flask) -> None:
    described = client.get(BASE + "/openapi.json").json
    assert described["openapi"] == "3.1.0"
    routed = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix(BASE)), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(BASE)
        and not rule.rule.endswith("openapi.json")
        and not rule.endpoint.startswith("api.no other than")
    }
    assert routed == {(path, method) for path, of in described["paths"].items() for method in of}
    ids = [
        operation["operationId"] for of in described["paths"].values() for operation in of.values()
    ]
    assert len(ids) == len(set(ids))
    text = json.dumps(described)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in described["components"]["schemas"]
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_answers_have_the_shape_that_is_described(client: Any, bearer: Bearer) -> None:
    client.post("/hooks/plain", json={})
    run = get(client, "/runs", bearer)["runs"][0]["id"]
    client.put(f"{BASE}/contacts/+447700900077", json={"name": "Amina"}, headers=bearer)
    for operation in OPERATIONS:
        if operation.method != "GET" or operation.gives != JSON:
            continue
        path = operation.path.replace("{run}", run).replace("{number}", "+447700900077")
        schema = {**operation.answer, "components": {"schemas": dict(COMPONENTS)}}
        Draft202012Validator(schema).validate(get(client, path, bearer))


def test_connections_tell_when_their_gateways_last_called(
    client: Any, runtime: Runtime, bearer: Bearer
) -> None:
    before = get(client, "/connections", bearer)["connections"]
    assert {"name": "front-desk", "uses": "mysmsgate", "last_heard": {}, "unknown_statuses": []} in before  # fmt: skip
    for kind, word in (("ping", ""), ("unknown_status", "BUFFERED")):
        runtime.journal.write(
            partial(put_heard, connection="front-desk", kind=kind, now=7, word=word)
        )
    (after,) = [
        one
        for one in get(client, "/connections", bearer)["connections"]
        if one["name"] == "front-desk"
    ]
    assert after["last_heard"] == {"ping": 7, "unknown_status": 7}
    assert after["unknown_statuses"] == [{"status": "BUFFERED", "times": 1, "last_at": 7}]


def test_metrics_tell_what_happened(client: Any) -> None:
    client.post("/hooks/plain", json={})
    client.post("/hooks/token", json={})
    client.post("/callbacks/front-desk", json={})
    text = client.get("/metrics").text
    assert 'ringback_receipts_total{duplicate="no",workflow="plain"} 1.0' in text
    assert 'ringback_refused_webhooks_total{code="unauthorized"} 1.0' in text
    assert 'ringback_refused_callbacks_total{connection="front-desk",reason="no_proof"} 1.0' in text
    assert "ringback_runs{state=" in text
    assert 'ringback_request_seconds_count{door="hooks"} 2.0' in text


def test_health_needs_no_token(client: Any) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json["status"] == "ready"
