"""Kept secrets: sealed with a key that is elsewhere, bound to their names, filled in when the journal opens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from tests.access.conftest import BY, NOW

from ringback.access import vault
from ringback.engine.runtime import open_runtime
from ringback.journal import sealed
from ringback.journal.journal import Journal
from ringback.problems import Failure, Mistakes
from ringback.settings import load_settings

KEY, OTHER = "rbk_" + "A" * 43, "rbk_" + "B" * 42 + "A"
SECRET = "planted-gateway-key-8127"
PROJECT = """\
project: { country: GB }
connections: { front-desk: { uses: mysmsgate, with: { api_key: "${secret:desk.key}", webhook_secret: "w-${secret:desk.hook}" } } }
secrets: { shop: ["${secret:shop}"] }
"""


def put(journal: Journal, name: str, value: str = SECRET, key: str = KEY) -> None:
    keys = vault.read_keys([key])
    journal.write(lambda conn: vault.put(conn, keys, name, value, BY, NOW))


def opened(journal: Journal, name: str, *keys: str) -> str:
    with journal.read() as conn:
        row = sealed.get(conn, name)
    assert row is not None
    return vault.open_secret(vault.read_keys(keys), row)


@given(st.text(min_size=1, max_size=300).filter(lambda value: value.isprintable()))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_what_is_put_comes_out_and_is_not_in_the_journal(journal: Journal, value: str) -> None:
    put(journal, "a", value)
    assert opened(journal, "a", KEY) == value
    with journal.read() as conn:
        row = sealed.get(conn, "a")
    assert row is not None
    if len(value) > 4:
        assert value.encode() not in row.value + row.wrapped


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE sealed SET name = CASE name WHEN 'a' THEN 'x' ELSE 'a' END", "not as it was"),
        ("UPDATE sealed SET value = (SELECT b.value FROM sealed b WHERE b.name = 'b')", "not as it was"),
        ("UPDATE sealed SET wrapped = (SELECT b.wrapped FROM sealed b WHERE b.name = 'b')", "not as it was"),
        ("UPDATE sealed SET wrapped = value, value = wrapped", "not as it was"),
        ("UPDATE sealed SET value = :short", "not as it was"),
        ("UPDATE sealed SET key_id = 'gone'", "was locked with the key gone"),
    ],
)  # fmt: skip
def test_a_row_that_was_meddled_with_does_not_open(journal: Journal, harm: str, said: str) -> None:
    put(journal, "a")
    put(journal, "b", "another secret")
    values = {"short": b"x"} if ":short" in harm else {}
    journal.write(lambda conn: conn.execute(text(harm), values))
    with pytest.raises(Failure, match=said) as caught:
        opened(journal, "a", KEY)
    assert caught.value.next
    assert SECRET not in str(caught.value)


def test_another_key_does_not_open_and_rotation_changes_it(journal: Journal) -> None:
    put(journal, "a")
    put(journal, "b", "second", OTHER)
    with pytest.raises(Failure, match="was locked with the key"):
        opened(journal, "a", OTHER)
    with pytest.raises(Failure, match="was locked with the key"):
        journal.write(lambda conn: vault.rotate(conn, vault.read_keys([OTHER]), BY, NOW))
    both = vault.read_keys([OTHER, KEY])
    assert journal.write(lambda conn: vault.rotate(conn, both, BY, NOW)) == 1
    assert journal.write(lambda conn: vault.rotate(conn, both, BY, NOW)) == 0
    assert opened(journal, "a", OTHER) == SECRET
    assert opened(journal, "b", OTHER) == "second"


@pytest.mark.parametrize("text", ["rbk_short", "nokey", KEY[:-1], KEY + "AAAA", KEY.replace("rbk_", "rb_"), "rbk_é"])  # fmt: skip
def test_a_key_that_is_not_whole_is_said_without_saying_it(text: str) -> None:
    with pytest.raises(Failure, match="Key 2 for the kept secrets is not whole") as caught:
        vault.read_keys([KEY, text])
    assert text[5:] not in str(caught.value) or len(text) < 12


@pytest.mark.parametrize(("name", "value"), [("a b", "x"), ("", "x"), ("a", ""), ("a", "x" * 16_385)])  # fmt: skip
def test_what_cannot_be_kept(journal: Journal, name: str, value: str) -> None:
    with pytest.raises(Failure):
        put(journal, name, value)


def test_a_project_takes_its_secrets_from_the_journal(tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text(PROJECT)
    environ = {"RINGBACK_SECRET_KEY": KEY}
    read = load_settings(tmp_path, environ)
    assert read.locks.kept_secrets == {"desk.key", "desk.hook", "shop"}
    assert KEY in read.secrets
    assert KEY not in repr(read)
    with pytest.raises(Mistakes) as caught:
        open_runtime(read)
    assert [problem.next for problem in caught.value.problems] == [
        f"Set it with: ringback secrets set {name}" for name in ("desk.hook", "desk.key", "shop")
    ]
    runtime = open_runtime(load_settings(_without(tmp_path), environ))
    for name in ("desk.key", "desk.hook", "shop"):
        put(runtime.journal, name, f"{SECRET}-{name}")
    runtime.close(0)
    (tmp_path / "ringback.yaml").write_text(PROJECT)
    runtime = open_runtime(load_settings(tmp_path, environ))
    try:
        _, _, desk = runtime.connection("front-desk")
        assert desk["api_key"] == f"{SECRET}-desk.key"
        assert desk["webhook_secret"] == [f"w-{SECRET}-desk.hook"]
        assert runtime.settings.hook_secrets == {"shop": (f"{SECRET}-shop",)}
        for name in ("desk.key", "desk.hook", "shop"):
            assert SECRET not in runtime.masks.text(f"a {SECRET}-{name} b")
        assert SECRET not in repr(runtime.settings)
    finally:
        runtime.close(0)
    for wrong, said in (({}, "There is no key"), ({"RINGBACK_SECRET_KEY": OTHER}, "locked with the key")):  # fmt: skip
        with pytest.raises(Mistakes, match=said):
            open_runtime(load_settings(tmp_path, wrong))


def _without(folder: Path) -> Path:
    (folder / "ringback.yaml").write_text("project: { country: GB }\n")
    return folder


def test_work_that_needs_no_secret_needs_no_key(tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text(PROJECT)
    read = load_settings(tmp_path, {}, allow_unset=True)
    assert read.locks.kept_secrets == frozenset()
    assert read.connections["front-desk"].settings["api_key"] == ""
    open_runtime(read).close(0)


def test_a_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text("vault: { key_file: secret.key }\n")
    with pytest.raises(Mistakes, match="cannot be read"):
        load_settings(tmp_path, {})
    key = tmp_path / "secret.key"
    key.write_text(f"{OTHER}\n{KEY}\n")
    key.chmod(0o644)
    with pytest.raises(Mistakes, match="Others than its owner may read"):
        load_settings(tmp_path, {})
    key.chmod(0o600)
    assert load_settings(tmp_path, {}).locks.secret_keys == (OTHER, KEY)
    assert load_settings(tmp_path, {"RINGBACK_SECRET_KEY": KEY}).locks.secret_keys == (KEY,)


def test_references_stand_only_where_they_are_filled_in(tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text(
        'project: { name: "${secret:name}" }\nsecrets: { shop: "${secret:a b}" }\n'
        'api: { tokens: ["${secret:some.api.token}"] }\n'
    )
    with pytest.raises(Mistakes) as caught:
        load_settings(tmp_path, {})
    said = str(caught.value)
    assert "ringback.yaml:1:" in said
    assert "cannot be used in `project`" in said
    assert "cannot be used in `api`" in said
    assert "“a b” is not a secret's name" in said
