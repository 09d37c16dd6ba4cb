"""Accounts, tokens and kept secrets behind the API: who may, what is refused, and what nobody is told."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sqlalchemy import Connection
from tests.web.test_access import BY, PASSWORD, ask, sign_in, token
from tests.web.test_secrets import rows_of

from ringback.access import accounts, passwords, roles, vault
from ringback.access import tokens as tokenform
from ringback.engine.runtime import Runtime
from ringback.ids import new_id
from ringback.journal import audit, sealed
from ringback.journal import tokens as kept_tokens
from ringback.observe.logs import set_up
from ringback.web.api_table import OPERATIONS
from ringback.web.operations import BASE
from ringback.web.schemas import COMPONENTS

NEW = "another harbour 77 kite"
OWN = [one for one in OPERATIONS if one.scope == roles.OWN]
ROLE_RANKS = list(roles.ROLES)


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def people(runtime: Runtime, hashed: str) -> None:
    """An account of each role, called by it."""
    now = runtime.clock.now_ms()

    def add(conn: Connection) -> None:
        for role in roles.ROLES:
            accounts.add(conn, role, role, hashed, BY, now)

    runtime.journal.write(add)


@pytest.fixture
def key(runtime: Runtime) -> None:
    locks = replace(runtime.settings.locks, secret_keys=(vault.new_key(),))
    object.__setattr__(runtime.settings, "locks", locks)


def signed_in(client: FlaskClient, name: str, password: str = PASSWORD) -> dict[str, str]:
    answer = sign_in(client, name, password)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json['token']}"}


def call(client: FlaskClient, line: str, who: dict[str, str], body: Any = None) -> Any:
    """`PUT /accounts/tom`, and what came of it; an answer of success has the shape that is described."""
    method, _, path = line.partition(" ")
    more = {} if body is None else {"json": body}
    answer = client.open(BASE + path, method=method, headers=who, **more)
    if answer.status_code < 300:
        operation = next(
            one
            for one in OPERATIONS
            if one.method == method
            and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one.path), path.split("?")[0])
        )
        assert answer.status_code == operation.status
        schema = {**operation.answer, "components": {"schemas": dict(COMPONENTS)}}
        Draft202012Validator(schema).validate(answer.json)
    return answer


def trail(runtime: Runtime, *actions: str) -> list[audit.Entry]:
    with runtime.journal.read() as conn:
        return audit.page(conn, actions=actions)[0]


def token_body(name: str, scopes: Sequence[str], ends: int | None = None) -> dict[str, Any]:
    return {"name": name, "scopes": list(scopes), "expires_at": ends}


@pytest.mark.usefixtures("people")
def test_an_owner_looks_after_accounts(client: FlaskClient, runtime: Runtime) -> None:
    owner = signed_in(client, "owner")
    made = call(client, "POST /accounts", owner, {"name": "Tom@X.example", "role": "viewer", "password": NEW})  # fmt: skip
    assert (made.status_code, made.json["name"], made.json["last_login_at"]) == (201, "tom@x.example", None)  # fmt: skip
    again = call(client, "POST /accounts", owner, {"name": "tom@x.example", "role": "viewer", "password": NEW})  # fmt: skip
    assert again.status_code == 409
    tom = signed_in(client, "tom@x.example", NEW)
    changed = call(client, "PATCH /accounts/tom@x.example", owner, {"role": "operator"})
    assert changed.json["role"] == "operator"
    assert client.get(f"{BASE}/me", headers=tom).json["role"] == "operator"  # type: ignore[index]
    listed = call(client, "GET /accounts", owner).json["accounts"]
    assert [one["name"] for one in listed] == sorted([*roles.ROLES, "tom@x.example"])
    assert call(client, "PATCH /accounts/tom@x.example", owner, {"enabled": False}).json["enabled"] is False  # fmt: skip
    assert client.get(f"{BASE}/me", headers=tom).status_code == 401
    assert sign_in(client, "tom@x.example", NEW).status_code == 401
    both = call(client, "PATCH /accounts/tom@x.example", owner, {"enabled": True, "role": "editor"})
    assert (both.json["enabled"], both.json["role"]) == (True, "editor")
    tom = signed_in(client, "tom@x.example", NEW)
    assert call(client, "PUT /accounts/tom@x.example/password", owner, {"password": PASSWORD}).status_code == 200  # fmt: skip
    assert client.get(f"{BASE}/me", headers=tom).status_code == 401
    tom = signed_in(client, "tom@x.example")
    assert call(client, "DELETE /accounts/tom@x.example", owner).json == {"removed": "tom@x.example"}  # fmt: skip
    assert client.get(f"{BASE}/me", headers=tom).status_code == 401
    for line, body in (
        ("DELETE /accounts/tom@x.example", None),
        ("PATCH /accounts/tom@x.example", {"role": "viewer"}),
        ("PUT /accounts/tom@x.example/password", {"password": NEW}),
    ):
        assert call(client, line, owner, body).status_code == 404
    told = [one for one in trail(runtime, "account") if one.object == "tom@x.example"]
    assert [one.action.partition(".")[2] for one in reversed(told)] == [
        "added", "changed", "changed", "changed", "changed", "password", "removed",
    ]  # fmt: skip
    assert {(one.kind, one.who, one.address) for one in told} == {("account", "owner", "127.0.0.1")}


@pytest.mark.usefixtures("people")
def test_what_is_wrong_with_an_account_is_said(client: FlaskClient) -> None:
    owner = signed_in(client, "owner")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": "a b", "role": "viewer", "password": NEW}, "no name for an account"),
        ({"name": "tom", "role": "viewer", "password": "password1234"}, "first to be tried"),
        ({"name": "tom", "role": "king", "password": NEW}, "not one of"),
        ({"name": "tom", "role": "viewer"}, "password"),
    ]
    for body, said in wrong:
        answer = call(client, "POST /accounts", owner, body)
        assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert call(client, "PATCH /accounts/viewer", owner, {}).status_code == 422
    own = call(client, "PUT /accounts/Owner/password", owner, {"password": NEW})
    assert own.status_code == 409
    assert "PUT /api/v1/me/password" in own.json["error"]["next"]
    lines: list[tuple[str, Any]] = [
        ("DELETE /accounts/owner", None),
        ("PATCH /accounts/owner", {"role": "editor"}),
        ("PATCH /accounts/owner", {"enabled": False}),
        ("PATCH /accounts/owner", {"role": "owner", "enabled": False}),
    ]
    for line, body in lines:
        answer = call(client, line, owner, body)
        assert answer.status_code == 409
        assert "last owner who can sign in" in answer.json["error"]["message"]
    assert client.get(f"{BASE}/me", headers=owner).json["role"] == "owner"  # type: ignore[index]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("operation", OWN, ids=lambda one: one.id)
def test_a_program_needs_the_scope_and_an_account_only_itself(
    client: FlaskClient, runtime: Runtime, operation: Any
) -> None:
    others = [scope for scope in roles.SCOPES if scope != roles.MANAGES]
    refused = ask(client, operation, token(runtime, others))
    assert refused.status_code == 403
    assert f'scope="{roles.MANAGES}"' in refused.headers["WWW-Authenticate"]
    for who in (token(runtime, [roles.MANAGES]), signed_in(client, "viewer")):
        assert ask(client, operation, who).status_code not in (401, 403)


SOME = st.lists(st.sampled_from(sorted(roles.SCOPES)), unique=True)
RANK = st.sampled_from(ROLE_RANKS)


@given(may=SOME, scopes=SOME.filter(bool), was=RANK, role=RANK, which=st.integers(0, 4))
@how(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_comes_to_more_than_they_have(
    client: FlaskClient, runtime: Runtime, hashed: str, may: list[str], scopes: list[str], was: str, role: str, which: int
) -> None:  # fmt: skip
    """Whatever somebody asks of the operations that give powers, no account or token of theirs has more than they."""
    has = {roles.MANAGES, *may}
    who = token(runtime, sorted(has))
    target = new_id("a")
    for name, role in ((target, was), (new_id("keep"), "owner")):
        runtime.journal.write(lambda conn, n=name, r=role: accounts.add(conn, n, r, hashed, BY, 1))  # type: ignore[misc]
    touches, gives = roles.scopes_of(was) <= has, roles.scopes_of(role) <= has
    asked: list[tuple[str, Any, bool]] = [
        ("POST /tokens", token_body(new_id("t"), scopes), set(scopes) <= has),
        ("POST /accounts", {"name": new_id("b"), "role": role, "password": NEW}, gives),
        (f"PUT /accounts/{target}/password", {"password": NEW}, touches),
        (f"PATCH /accounts/{target}", {"enabled": False}, touches),
        (f"PATCH /accounts/{target}", {"role": role}, touches and gives),
    ]
    line, body, allowed = asked[which]
    client.get(f"{BASE}/me", headers=who)
    runtime.journal.write(lambda _conn: None)  # when the token was last used
    before = rows_of(runtime)
    answer = call(client, line, who, body)
    assert (answer.status_code < 300) == allowed, answer.text
    if not allowed:
        assert answer.status_code == 403
        assert rows_of(runtime) == before


@pytest.mark.usefixtures("people")
def test_everybody_has_tokens_of_their_own(client: FlaskClient, runtime: Runtime) -> None:
    viewer, owner = signed_in(client, "viewer"), signed_in(client, "owner")
    ends = runtime.clock.now_ms() + 60_000
    made = call(client, "POST /tokens", viewer, token_body("mine", ["runs:read"], ends))
    assert made.status_code == 201, made.text
    assert tokenform.is_whole(made.json["token"])
    assert (made.json["account"], made.json["created_by"]) == ("viewer", "viewer")
    mine = {"Authorization": f"Bearer {made.json['token']}"}
    assert client.get(f"{BASE}/me", headers=mine).json["scopes"] == ["runs:read"]  # type: ignore[index]
    beyond = call(client, "POST /tokens", viewer, token_body("more", ["runs:read", "runs:write"]))
    assert beyond.status_code == 403
    assert "runs:write" in beyond.json["error"]["message"]
    theirs = call(client, "POST /tokens", owner, token_body("theirs", ["audit:read"]))
    assert theirs.status_code == 201
    token(runtime, ["runs:read"])  # belongs to nobody
    taken = call(client, "POST /tokens", owner, token_body("mine", ["runs:read"]))
    assert taken.status_code == 409
    seen = call(client, "GET /tokens", viewer).json["tokens"]
    assert [one["name"] for one in seen] == ["mine"]
    listed = call(client, "GET /tokens", owner)
    assert len(listed.json["tokens"]) == 3
    for secret in (made.json["token"], tokenform.hash_of(made.json["token"])):
        assert secret not in listed.text
    assert call(client, "DELETE /tokens/theirs", viewer).status_code == 404
    assert call(client, "DELETE /tokens/mine", viewer).json == {"revoked": "mine"}
    assert client.get(f"{BASE}/me", headers=mine).status_code == 401
    assert call(client, "DELETE /tokens/mine", viewer).status_code == 404
    assert call(client, "DELETE /tokens/theirs", owner).status_code == 200
    told = [(one.action, one.object, one.who, one.address) for one in trail(runtime, "token")]
    assert told[0] == ("token.revoked", "theirs", "owner", "127.0.0.1")
    assert ("token.created", "mine", "viewer", "127.0.0.1") in told


@pytest.mark.usefixtures("people")
def test_a_new_password_of_ones_own_ends_ones_tokens(client: FlaskClient) -> None:
    viewer = signed_in(client, "viewer")
    made = call(client, "POST /tokens", viewer, token_body("mine", ["runs:read"]))
    body = {"current": PASSWORD, "new": NEW}
    assert client.put(f"{BASE}/me/password", json=body, headers=viewer).status_code == 200
    assert call(client, "GET /tokens", viewer).json["tokens"] == []
    bearer = {"Authorization": f"Bearer {made.json['token']}"}
    assert client.get(f"{BASE}/me", headers=bearer).status_code == 401


def test_a_token_that_ends_makes_none_that_outlives_it(
    client: FlaskClient, runtime: Runtime
) -> None:
    ends = runtime.clock.now_ms() + 60_000
    who = token(runtime, [roles.MANAGES, "runs:read"], ends)
    for late in (None, ends + 1):
        answer = call(client, "POST /tokens", who, token_body("late", ["runs:read"], late))
        assert answer.status_code == 403
    assert call(client, "POST /tokens", who, token_body("ok", ["runs:read"], ends)).status_code == 201  # fmt: skip
    over = call(client, "POST /tokens", who, token_body("over", ["runs:read"], 1))
    assert over.status_code == 422


@pytest.mark.usefixtures("people")
def test_who_is_demoted_meanwhile_does_nothing_more(
    client: FlaskClient, runtime: Runtime, hashed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = signed_in(client, "owner")
    runtime.journal.write(lambda conn: accounts.add(conn, "second", "owner", hashed, BY, 1))

    def demoted(password: str) -> str:  # the time that hashing takes
        runtime.journal.write(lambda conn: accounts.set_role(conn, "owner", "viewer", BY, 2))
        return hashed

    monkeypatch.setattr(passwords, "hash_password", demoted)
    answer = call(client, "POST /accounts", owner, {"name": "x", "role": "owner", "password": NEW})
    assert answer.status_code == 401, answer.text
    with runtime.journal.read() as conn, pytest.raises(Exception, match="no account x"):
        accounts.find(conn, "x")


def test_without_a_key_no_secret_is_taken(client: FlaskClient, bearer: dict[str, str]) -> None:
    answer = call(client, "PUT /secrets/desk.key", bearer, {"value": "planted-7731"})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "no_key")
    assert "ringback secrets new-key" in answer.json["error"]["next"]


@pytest.mark.usefixtures("key", "people")
def test_secrets_are_set_and_removed_and_never_read(client: FlaskClient, runtime: Runtime) -> None:
    editor = signed_in(client, "editor")
    locks = replace(runtime.settings.locks, kept_secrets=frozenset({"desk.key", "desk.hook"}))
    object.__setattr__(runtime.settings, "locks", locks)
    made = call(client, "PUT /secrets/desk.key", editor, {"value": "planted-7731"})
    assert (made.status_code, made.json["used"], made.json["set_by"]) == (200, True, "editor")
    listed = call(client, "GET /secrets", editor).json
    assert [one["name"] for one in listed["secrets"]] == ["desk.key"]
    assert listed["missing"] == ["desk.hook"]
    with runtime.journal.read() as conn:
        row = sealed.get(conn, "desk.key")
    assert row is not None
    assert vault.open_secret(vault.read_keys(locks.secret_keys), row) == "planted-7731"
    assert call(client, "PUT /secrets/a%20b", editor, {"value": "x"}).status_code == 422
    assert call(client, "DELETE /secrets/desk.key", editor).json == {"removed": "desk.key", "used": True}  # fmt: skip
    assert call(client, "DELETE /secrets/desk.key", editor).status_code == 404
    assert call(client, "GET /secrets", signed_in(client, "operator")).status_code == 403
    told = [(one.action, one.object, one.who) for one in trail(runtime, "secret")]
    assert told == [("secret.removed", "desk.key", "editor"), ("secret.set", "desk.key", "editor")]


@pytest.mark.usefixtures("key", "people")
def test_what_is_secret_is_in_no_answer_log_line_or_row(
    app: Flask, client: FlaskClient, runtime: Runtime
) -> None:
    owner = signed_in(client, "owner")
    planted = ["planted-value-7731", "planted harbour 77 kite", "planted otter 31 " * 80, "planted"]
    value, good, long, short = planted
    written = io.StringIO()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    handler = set_up(runtime.masks, "DEBUG", written)
    lines: list[tuple[str, Any]] = [
        ("PUT /secrets/desk.key", {"value": value}),
        ("PUT /secrets/desk.key", {"value": [value]}),
        ("PUT /secrets/desk.key", {"value": value * 1000}),
        ("PUT /secrets/no%20name", {"value": value}),
        ("DELETE /secrets/desk.key", None),
        ("POST /accounts", {"name": "tom", "role": "operator", "password": good}),
        ("POST /accounts", {"name": "tim", "role": "operator", "password": short}),
        ("POST /accounts", {"name": "tim", "role": "operator", "password": long}),
        ("POST /accounts", {"name": "tim", "role": "operator", "password": {good: 1}}),
        ("PUT /accounts/tom/password", {"password": good + " "}),
        ("PUT /accounts/tom/password", {"password": long}),
        ("PUT /me/password", {"current": good, "new": long}),
        ("POST /sessions", {"name": "tom", "password": long}),
    ]
    try:
        shown = [call(client, line, owner, body).text for line, body in lines]
        made = call(client, "POST /tokens", owner, token_body("ci", ["runs:read"]))
        shown += [call(client, f"GET /{one}", owner).text for one in ("accounts", "tokens", "secrets", "audit")]  # fmt: skip
    finally:
        root.removeHandler(handler)
        for one in before:
            root.addHandler(one)
        root.setLevel(level)
    runtime.journal.write(lambda _conn: None)
    everywhere = [*shown, written.getvalue(), *rows_of(runtime)]
    for secret in ("planted", made.json["token"], owner["Authorization"].split()[1], "argon2id$v"):
        found = [text for text in everywhere if secret in text]
        if secret == "argon2id$v":
            found = [text for text in found if not text.startswith("accounts: ")]
        assert not found, found


@given(body=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "role", "password", "scopes", "expires_at", "enabled", "value"]) | st.text(), inner)), data=st.data())  # fmt: skip
@how(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("key")
def test_wild_bodies_and_names_are_answered_calmly(
    client: FlaskClient, bearer: dict[str, str], body: Any, data: st.DataObject
) -> None:
    changing = [one for one in OPERATIONS if re.match(r"/(accounts|tokens|secrets)", one.path)]
    operation = data.draw(st.sampled_from(changing))
    name = data.draw(st.text(min_size=1, max_size=20).filter(lambda one: "/" not in one and one not in (".", "..")))  # fmt: skip
    path = BASE + re.sub(r"\{\w+\}", quote(name, safe=""), operation.path)
    answer = client.open(
        path, method=operation.method, headers=bearer, data=json.dumps(body),
        content_type="application/json",
    )  # fmt: skip
    assert answer.status_code in (200, 201, 400, 404, 409, 422, 429), answer.text


def test_every_operation_that_gives_powers_is_described(client: FlaskClient) -> None:
    described: Any = client.get(f"{BASE}/openapi.json").json
    told = described["paths"]["/tokens"]["post"]
    assert roles.MANAGES in told["description"]
    value = described["paths"]["/secrets/{secret}"]["put"]["requestBody"]
    assert value["content"]["application/json"]["schema"]["properties"]["value"]["format"] == "password"  # fmt: skip
    assert "get" not in described["paths"]["/secrets/{secret}"]


def test_a_broken_write_leaves_nothing(
    client: FlaskClient, runtime: Runtime, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change and its entry in the trail are kept together, or neither."""

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("The disk is full.")

    monkeypatch.setattr(audit, "add", broken)
    answer = call(client, "POST /tokens", bearer, token_body("ci", ["runs:read"]))
    assert answer.status_code == 503
    monkeypatch.undo()

    def look(conn: Connection) -> Any:
        return kept_tokens.by_name(conn, "ci")

    with runtime.journal.read() as conn:
        assert look(conn) is None
