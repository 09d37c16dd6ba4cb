"""`ringback accounts`, `tokens`, `secrets` and `audit`, as they are typed; and signing in by curl to a real serve."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.cli.test_processes import process, until
from tests.rings.needed import absent

from ringback.access import tokens as tokenform
from ringback.cli import commands
from ringback.cli.demo import _free_ports

PASSWORD = "violet harbour otter 9"
STATIC = "planted-api-token-0123456789"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RINGBACK_SECRET_KEY", raising=False)
    (tmp_path / "ringback.yaml").write_text("project: { name: Harbour School, country: GB }\n")
    return tmp_path


def ringback(folder: Path, *arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(commands, [*arguments, "--project", str(folder)], input=said)


def fine(folder: Path, *arguments: str, said: str = "") -> str:
    shown = ringback(folder, *arguments, said=said)
    assert shown.exit_code == 0, shown.output
    return shown.stdout


def test_accounts_from_the_first_to_the_last(folder: Path) -> None:
    assert "No account yet" in fine(folder, "accounts")
    weak = ringback(folder, "accounts", "add", "amina@x.example", "--role", "owner", said="password1234\n")  # fmt: skip
    assert weak.exit_code == 1
    assert "first to be tried" in weak.output
    assert "password1234" not in weak.output
    fine(folder, "accounts", "add", "Amina@x.example", "--role", "owner", said=PASSWORD + "\n")
    again = ringback(folder, "accounts", "add", "amina@x.example", "--role", "owner", said=PASSWORD + "\n")  # fmt: skip
    assert "There is an account amina@x.example already" in again.output
    last = ringback(folder, "accounts", "disable", "amina@x.example")
    assert last.exit_code == 1
    assert "last owner who can sign in" in last.output
    fine(folder, "accounts", "add", "tom", "--role", "owner", said=PASSWORD + "\n")
    fine(folder, "accounts", "role", "amina@x.example", "--role", "viewer")
    fine(folder, "accounts", "disable", "amina@x.example")
    shown, _ = json.loads(fine(folder, "accounts", "--json"))
    assert (shown["role"], shown["enabled"]) == ("viewer", False)
    assert "argon2" not in json.dumps(shown)
    fine(folder, "accounts", "enable", "amina@x.example")
    fine(folder, "accounts", "password", "amina@x.example", said="another harbour 77 kite\n")
    assert "nobody" in ringback(folder, "accounts", "role", "nobody", "--role", "owner").output
    fine(folder, "accounts", "remove", "amina@x.example")
    assert [one["name"] for one in json.loads(fine(folder, "accounts", "--json"))] == ["tom"]
    told = json.loads(fine(folder, "audit", "--action", "account", "--json"))
    assert [one["action"] for one in told] == [
        "account.removed", "account.password", "account.changed", "account.changed",
        "account.changed", "account.added", "account.added",
    ]  # fmt: skip
    assert {one["kind"] for one in told} == {"cli"}
    for said in (PASSWORD, "another harbour", "argon2"):
        assert said not in json.dumps(told)


def test_tokens_are_shown_once(folder: Path) -> None:
    token = fine(folder, "tokens", "create", "--name", "ci", "--scopes", "runs:read, messages:send", "--expires", "90 days").strip()  # fmt: skip
    assert tokenform.is_whole(token)
    listed = fine(folder, "tokens")
    assert "runs:read, messages:send" in listed
    assert token not in listed + fine(folder, "tokens", "--json")
    assert tokenform.hash_of(token) not in fine(folder, "tokens", "--json")
    wrong = ringback(folder, "tokens", "create", "--name", "b", "--scopes", "runs:raed", "--expires", "never")  # fmt: skip
    assert "There is no scope runs:raed" in wrong.output
    wrong = ringback(folder, "tokens", "create", "--name", "b", "--scopes", "runs:read", "--expires", "soon")  # fmt: skip
    assert "not a duration" in wrong.output
    fine(folder, "tokens", "revoke", "ci")
    assert ringback(folder, "tokens", "revoke", "ci").exit_code == 1
    assert token not in fine(folder, "audit", "export")


def test_secrets_are_kept_and_their_key_is_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    none = ringback(folder, "secrets", "set", "desk.key", said="x\n")
    assert "There is no key" in none.output
    old, new = (CliRunner().invoke(commands, ["secrets", "new-key"]).stdout.strip() for _ in "12")
    monkeypatch.setenv("RINGBACK_SECRET_KEY", old)
    planted = "planted-gateway-key-8127"
    said = fine(folder, "secrets", "set", "desk.key", said=planted + "\n")
    assert "${secret:desk.key}" in said
    assert "desk.key" in fine(folder, "secrets")
    monkeypatch.setenv("RINGBACK_SECRET_KEY", f"{new} {old}")
    assert "1 were not" in fine(folder, "secrets", "rotate-key")
    monkeypatch.setenv("RINGBACK_SECRET_KEY", new)
    assert "0 were not" in fine(folder, "secrets", "rotate-key")
    (folder / "ringback.yaml").write_text(
        "project: { country: GB }\nsend_through: front-desk\n"
        "connections: { front-desk: { uses: mysmsgate, with: { api_key: '${secret:desk.key}' } } }\n"
    )
    assert "yes" in fine(folder, "secrets")
    checked = ringback(folder, "check")
    assert "desk.key" not in checked.output
    fine(folder, "secrets", "remove", "desk.key")
    missing = ringback(folder, "send", "--to", "+447700900077", "--text", "Hello", "--dry-run")
    assert missing.exit_code == 1
    assert "ringback secrets set desk.key" in missing.output
    assert planted not in fine(folder, "audit", "export") + fine(folder, "secrets", "--json")
    assert planted.encode() not in b"".join(path.read_bytes() for path in folder.glob(".ringback/journal.db*"))  # fmt: skip


def test_the_trail_is_verified_from_the_command_line(folder: Path) -> None:
    fine(folder, "accounts", "add", "amina", "--role", "owner", said=PASSWORD + "\n")
    fine(folder, "contacts", "opt-out", "+447700900077")
    good = fine(folder, "audit", "verify")
    noted = re.search(r"\d+:[0-9a-f]{64}", good)
    assert noted is not None
    assert "+44•••077" in fine(folder, "audit")
    assert "+447700900077" not in fine(folder, "audit", "export")
    lines = fine(folder, "audit", "export", str(folder / "trail.jsonl"))
    assert "2 entries" in lines
    fine(folder, "contacts", "opt-in", "+447700900077")
    fine(folder, "audit", "verify", "--noted", noted[0])
    wrong = ringback(folder, "audit", "verify", "--noted", noted[0][:-1] + "x")
    assert "not a noted entry" in wrong.output
    other = noted[0][:-4] + "0000"
    assert "not the one that was noted" in ringback(folder, "audit", "verify", "--noted", other).output  # fmt: skip
    assert "There is no action run.eaten" in ringback(folder, "audit", "--action", "run.eaten").output  # fmt: skip


def curl(address: str, *arguments: str) -> tuple[int, dict[str, str], Any]:
    done = subprocess.run(
        ["curl", "-sS", "-i", "--max-time", "20", f"{address}", *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    head, _, body = done.stdout.partition("\n\n")
    lines = head.splitlines()
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, json.loads(body)


def test_signing_in_by_curl(folder: Path) -> None:
    if shutil.which("curl") is None:
        absent("curl is not installed")
    (port,) = _free_ports(1)
    (folder / "ringback.yaml").write_text(
        f"project: {{ name: Harbour School }}\napi: {{ tokens: ['{STATIC}'] }}\n"
        f"serve: {{ port: {port}, trusted_proxies: [127.0.0.1] }}\n"
    )
    fine(folder, "accounts", "add", "amina", "--role", "viewer", said=PASSWORD + "\n")
    token = fine(folder, "tokens", "create", "--name", "ci", "--scopes", "audit:read", "--expires", "1 hour").strip()  # fmt: skip
    api, log = f"http://127.0.0.1:{port}/api/v1", folder / "serve.log"

    def sign_in(password: str, address: str) -> tuple[int, dict[str, str], Any]:
        body = json.dumps({"name": "amina", "password": password})
        kind = "Content-Type: application/json"
        return curl(f"{api}/sessions", "-d", body, "-H", kind, "-H", f"X-Forwarded-For: {address}")

    with process(log, "serve", "--project", str(folder)):
        until(lambda: f"127.0.0.1:{port}" in log.read_text(), 40)
        assert sign_in("wrong", "203.0.113.9")[0] == 401
        status, _, made = sign_in(PASSWORD, "203.0.113.7")
        assert status == 201, made
        bearer = f"Authorization: Bearer {made['token']}"
        status, _, me = curl(f"{api}/me", "-H", bearer, "-H", "X-Forwarded-For: 203.0.113.7")
        assert (status, me["name"], me["address"]) == (200, "amina", "203.0.113.7")
        status, headers, error = curl(f"{api}/audit", "-H", bearer)
        assert status == 403
        assert 'scope="audit:read"' in headers["www-authenticate"]
        assert error["error"]["code"] == "forbidden"
        assert curl(f"{api}/runs", "-H", f"Authorization: Bearer {STATIC}")[0] == 200
        status, _, trail = curl(f"{api}/audit?action=session", "-H", f"Authorization: Bearer {token}")  # fmt: skip
        assert [(one["action"], one["address"]) for one in trail["entries"]] == [
            ("session.began", "203.0.113.7"), ("session.refused", "203.0.113.9"),
        ]  # fmt: skip
        for _ in range(4):
            sign_in("wrong", "203.0.113.9")
        status, headers, _ = sign_in(PASSWORD, "203.0.113.9")
        assert status == 429
        assert int(headers["retry-after"]) >= 1
        fine(folder, "accounts", "disable", "amina")
        assert curl(f"{api}/me", "-H", bearer)[0] == 401
    said = log.read_text()
    for secret in (PASSWORD, made["token"], token, STATIC):
        assert secret not in said
    taken = json.loads(fine(folder, "audit", "--action", "files", "--json"))
    assert [one["object"] for one in taken] == ["ringback.yaml"]
