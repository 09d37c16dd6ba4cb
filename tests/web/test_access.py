"""The locks of the API, driven from its table: no operation does anything for who lacks its scope."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from ringback.access import accounts, passwords, roles
from ringback.engine.runtime import Runtime
from ringback.ids import new_id
from ringback.journal import audit, messages
from ringback.journal.audit import Actor
from ringback.web.api_table import OPERATIONS
from ringback.web.operations import BASE, Operation

BY = Actor("cli", "amina", "front-desk")
PASSWORD = "violet harbour otter 9"
GUARDED = [one for one in OPERATIONS if one.scope in roles.SCOPES]
LATER = {"workflows:write"}
"""Scopes whose operations may still be to come."""


def token(runtime: Runtime, scopes: Sequence[str], expires: int | None = None) -> dict[str, str]:
    def make(conn: Connection) -> str:
        return accounts.create_token(conn, new_id("t"), scopes, expires, BY, 1)

    return {"Authorization": f"Bearer {runtime.journal.write(make)}"}


def ask(client: FlaskClient, operation: Operation, headers: dict[str, str]) -> Any:
    path = BASE + re.sub(r"\{\w+\}", "run_x", operation.path)
    return client.open(path, method=operation.method, headers=headers)


def sign_in(client: Any, name: str = "amina", password: str = PASSWORD, **more: Any) -> Any:
    return client.post(f"{BASE}/sessions", json={"name": name, "password": password}, **more)


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def amina(runtime: Runtime, hashed: str) -> None:
    now = runtime.clock.now_ms()
    runtime.journal.write(lambda conn: accounts.add(conn, "amina", "viewer", hashed, BY, now))


@pytest.mark.parametrize("operation", GUARDED, ids=lambda one: one.id)
def test_only_its_scope_opens_an_operation(
    client: FlaskClient, runtime: Runtime, operation: Operation
) -> None:
    others = [scope for scope in roles.SCOPES if scope != operation.scope]
    refused = ask(client, operation, token(runtime, others))
    assert refused.status_code == 403, refused.text
    error = refused.json["error"]
    assert error["code"] == "forbidden"
    assert operation.scope in error["message"]
    assert error["next"]
    told = refused.headers["WWW-Authenticate"]
    assert f'error="insufficient_scope", scope="{operation.scope}"' in told
    let_in = ask(client, operation, token(runtime, [operation.scope]))
    assert let_in.status_code not in (401, 403), let_in.text


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_scopes_open_what_they_name_and_nothing_else(
    client: FlaskClient, runtime: Runtime, data: st.DataObject
) -> None:
    scopes = data.draw(st.lists(st.sampled_from(sorted(roles.SCOPES)), min_size=1, unique=True))
    operation = data.draw(st.sampled_from(GUARDED))
    answer = ask(client, operation, token(runtime, scopes))
    assert (answer.status_code == 403) == (operation.scope not in scopes)


def test_every_scope_is_of_an_operation_and_changes_need_more_than_reading() -> None:
    assert set(roles.SCOPES) - {one.scope for one in GUARDED} - {"numbers:read"} <= LATER
    harmless = {"checkWorkflow"}
    for one in GUARDED:
        changes = one.method != "GET" and one.id not in harmless
        assert changes != one.scope.endswith(":read") or not changes, one.id
    assert [one.id for one in OPERATIONS if one.scope == roles.NONE] == ["beginSession"]


def test_an_operation_without_a_scope_cannot_be_written() -> None:
    row: Any = ("GET", "/x", "x", "X", "X.", lambda *_: ({}, 200), {})
    with pytest.raises(TypeError, match="scope"):
        Operation(*row)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="no scope runs:raed"):
        Operation(*row, scope="runs:raed")


def test_the_description_names_the_scopes(client: FlaskClient) -> None:
    described: Any = client.get(f"{BASE}/openapi.json").json
    for one in OPERATIONS:
        shown = described["paths"][one.path][one.method.lower()]
        if one.scope == roles.NONE:
            assert shown["security"] == []
            assert "403" not in shown["responses"]
        else:
            named = [] if one.scope in (roles.ANYBODY, roles.OWN) else [one.scope]
            assert shown["security"] == [{"token": named}]
            assert {"401", "403"} <= set(shown["responses"])


def test_expired_and_unknown_tokens_are_401(client: FlaskClient, runtime: Runtime) -> None:
    old = token(runtime, ["runs:read"], expires=runtime.clock.now_ms() - 1)
    for headers in (old, {"Authorization": "Bearer rb_x"}, {"Authorization": "Bearer \udcff"}):
        answer: Any = client.get(f"{BASE}/runs", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ringback", error="invalid_token"'  # fmt: skip
    answer = client.get(f"{BASE}/runs")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ringback"'


@pytest.mark.usefixtures("amina")
def test_signing_in_and_out(client: FlaskClient, runtime: Runtime) -> None:
    answer = sign_in(client)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    bearer = {"Authorization": f"Bearer {answer.json['token']}"}
    me: Any = client.get(f"{BASE}/me", headers=bearer).json
    assert (me["kind"], me["name"], me["role"]) == ("account", "amina", "viewer")
    assert set(me["scopes"]) == roles.scopes_of("viewer")
    other = {"Authorization": f"Bearer {sign_in(client).json['token']}"}
    third = {"Authorization": f"Bearer {sign_in(client).json['token']}"}
    assert client.delete(f"{BASE}/sessions/current", headers=bearer).json == {"ended": 1}
    assert client.get(f"{BASE}/me", headers=bearer).status_code == 401
    assert client.get(f"{BASE}/me", headers=other).status_code == 200
    assert client.delete(f"{BASE}/sessions", headers=other).json == {"ended": 2}
    assert client.get(f"{BASE}/me", headers=third).status_code == 401
    programs = token(runtime, ["runs:read"])
    assert client.delete(f"{BASE}/sessions", headers=programs).status_code == 409


@pytest.mark.usefixtures("amina")
def test_wrong_and_unknown_are_one_answer_and_then_it_slows(client: FlaskClient) -> None:
    wrong, unknown = sign_in(client, password="wrong"), sign_in(client, "nobody", "wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json == unknown.json
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="ringback"'
    for _ in range(4):
        assert sign_in(client, password="wrong").status_code == 401
    slowed = sign_in(client)
    assert slowed.status_code == 429
    assert slowed.json["error"]["code"] == "throttled"
    assert int(slowed.headers["Retry-After"]) >= 1
    elsewhere = sign_in(client, environ_base={"REMOTE_ADDR": "198.51.100.9"})
    assert elsewhere.status_code == 201


@pytest.mark.usefixtures("amina")
def test_a_password_is_changed_by_who_knows_it(client: FlaskClient) -> None:
    bearer = {"Authorization": f"Bearer {sign_in(client).json['token']}"}
    other = {"Authorization": f"Bearer {sign_in(client).json['token']}"}

    def change(current: str, new: str) -> Any:
        body = {"current": current, "new": new}
        return client.put(f"{BASE}/me/password", json=body, headers=bearer)

    assert change("wrong", "another harbour 77 kite").status_code == 422
    assert "shorter than 12" in change(PASSWORD, "small").json["error"]["message"]
    assert change(PASSWORD, "another harbour 77 kite").status_code == 200
    assert client.get(f"{BASE}/me", headers=bearer).status_code == 200
    assert client.get(f"{BASE}/me", headers=other).status_code == 401
    assert sign_in(client, password="another harbour 77 kite").status_code == 201


def test_a_large_body_of_a_stranger_is_not_read(client: FlaskClient) -> None:
    assert sign_in(client, password="x" * 20_000).status_code == 413


def test_who_may_not_see_numbers_sees_them_shortened(client: FlaskClient, runtime: Runtime) -> None:
    message = messages.Message(new_id("msg"), "out", "front-desk", "Hi, I am on 07700 900077", "sent", 1, 1, number_to="+447700900077")  # fmt: skip
    runtime.journal.write(lambda conn: messages.add_message(conn, message))
    short, whole = ["messages:read"], ["messages:read", "numbers:read"]

    def look(scopes: Sequence[str]) -> Any:
        told: Any = client.get(f"{BASE}/messages", headers=token(runtime, scopes)).json
        return told["messages"][0]

    seen = look(short)
    assert seen["number_to"] == "+44•••077"
    assert seen["text"] == "Hi, I am on 077•••077"
    assert seen["id"] == message.id
    assert look(whole)["number_to"] == "+447700900077"


def test_what_is_done_is_in_the_trail_with_who_did_it(
    client: FlaskClient, runtime: Runtime
) -> None:
    bearer = token(runtime, list(roles.SCOPES))
    started: Any = client.post(f"{BASE}/workflows/plain/runs", json={}, headers=bearer).json
    client.post(f"{BASE}/runs/{started['run']}/cancel", headers=bearer)
    client.patch(f"{BASE}/contacts/+447700900077", json={"opted_out": True}, headers=bearer)
    told: Any = client.get(f"{BASE}/audit?action=run,contact&limit=3", headers=bearer).json
    seen = [(one["action"], one["object"]) for one in told["entries"]]
    assert seen == [
        ("contact.opted_out", "+44•••077"),
        ("run.canceled", started["run"]),
        ("run.started", started["run"]),
    ]
    assert {one["kind"] for one in told["entries"]} == {"token"}
    assert {one["address"] for one in told["entries"]} == {"127.0.0.1"}
    with runtime.journal.read() as conn:
        assert audit.verify(conn).problems == []
