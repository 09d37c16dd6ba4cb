"""Webhooks, from the request to the row in the journal."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from tests.web.conftest import ENVIRON

from ringback.engine.runtime import Runtime
from ringback.journal import events, runs
from ringback.journal.schema import runs as run_rows
from ringback.problems import Failure
from ringback.workflow.load import load_folder

DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 50


def docx(size: int = 1000) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.writestr("word/document.xml", "x" * size)
    return out.getvalue()


def event_of(runtime: Runtime, receipt: dict[str, Any]) -> Any:
    with runtime.journal.read() as connection:
        event = events.get_event(connection, receipt["event"])
    assert event is not None
    return event.data


def count_runs(runtime: Runtime) -> int:
    with runtime.journal.read() as connection:
        return int(connection.execute(select(func.count()).select_from(run_rows)).scalar_one())


def error_of(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert set(answer.json) == {"error"}
    error: dict[str, Any] = answer.json["error"]
    assert {"code", "message", "where", "next"} <= set(error)
    return error


def test_a_receipt_is_a_run_in_the_journal(client: Any, runtime: Runtime) -> None:
    answer = client.post(
        "/hooks/plain?source=site", json={"name": "Amina"}, headers={"X-Shop": "7"}
    )
    assert answer.status_code == 202
    receipt = answer.json
    assert receipt == {
        "run": receipt["run"],
        "event": receipt["event"],
        "duplicate": False,
        "status_url": f"https://texts.example/api/v1/runs/{receipt['run']}",
    }
    with runtime.journal.read() as connection:
        run = runs.get_run(connection, receipt["run"])
    assert run is not None
    assert run.workflow == "plain"
    data = event_of(runtime, receipt)
    assert data["body"] == {"name": "Amina"}
    assert data["query"] == {"source": "site"}
    assert data["headers"]["x-shop"] == "7"
    assert data["method"] == "POST"
    assert data["path"] == "plain"
    assert data["content_type"] == "application/json"
    assert data["received_at"].endswith("Z")


def test_a_query_alone_is_enough_for_get(client: Any, runtime: Runtime) -> None:
    data = event_of(runtime, client.get("/hooks/plain?a=1&a=2&b=x").json)
    assert data["query"] == {"a": ["1", "2"], "b": "x"}
    assert data["body"] is None


def test_a_raw_document_is_streamed_to_the_store(client: Any, runtime: Runtime) -> None:
    raw = docx()
    answer = client.post("/hooks/plain", data=raw, content_type="application/x-www-form-urlencoded")
    data = event_of(runtime, answer.json)
    assert data["file"]["media_type"] == DOCX_TYPE
    assert data["file"]["name"] == "body.docx"
    assert runtime.files.path(data["file"]["sha256"]).read_bytes() == raw
    assert data["body"] is None


def test_a_raw_document_counts_as_the_first_file(client: Any, runtime: Runtime) -> None:
    answer = client.post(
        "/hooks/files", data=docx(), content_type=DOCX_TYPE, headers={"X-Filename": "signed.docx"}
    )
    data = event_of(runtime, answer.json)
    assert data["files"]["agreement"]["name"] == "signed.docx"


def test_multipart_with_files(client: Any, runtime: Runtime) -> None:
    answer = client.post(
        "/hooks/files",
        data={
            "who": "Amina",
            "agreement": (io.BytesIO(docx()), "signed.docx"),
            "photo": (io.BytesIO(PNG), "a.png"),
        },
    )
    data = event_of(runtime, answer.json)
    assert data["form"] == data["body"] == {"who": "Amina"}
    assert data["files"]["agreement"]["media_type"] == DOCX_TYPE
    assert data["files"]["photo"]["media_type"] == "image/png"


def test_all_that_is_wrong_with_files_is_said_at_once(client: Any, runtime: Runtime) -> None:
    answer = client.post(
        "/hooks/files",
        data={
            "agrement": (io.BytesIO(docx()), "signed.docx"),
            "photo": (io.BytesIO(docx()), "a.png"),
        },
    )
    error = error_of(answer, 422)
    assert [(problem["code"], problem["where"]) for problem in error["problems"]] == [
        ("unsupported_type", "/hooks/files, file photo"),
        ("missing_file", "/hooks/files, file agreement"),
    ]
    assert "call it agreement" in error["problems"][1]["next"]
    assert count_runs(runtime) == 0


def test_a_text_file_may_be_the_body(client: Any, runtime: Runtime) -> None:
    answer = client.post("/hooks/notes", data="Name: Zoë", content_type="text/plain")
    data = event_of(runtime, answer.json)
    assert data["body"] == "Name: Zoë"
    assert data["files"]["notes"]["name"] == "notes.txt"
    assert runtime.files.path(data["file"]["sha256"]).read_text() == "Name: Zoë"


def test_a_changed_workflow_counts_at_once(client: Any, runtime: Runtime, folder: Path) -> None:
    assert (
        client.post("/hooks/small", data="x" * 11_000, content_type="text/plain").status_code == 413
    )
    file = folder / "workflows" / "small.yaml"
    file.write_text(file.read_text().replace("10 KB", "20 KB"))
    runtime.workflows = load_folder(runtime.settings, runtime.catalogue)
    assert (
        client.post("/hooks/small", data="x" * 11_000, content_type="text/plain").status_code == 202
    )
    file.unlink()
    runtime.workflows = load_folder(runtime.settings, runtime.catalogue)
    assert client.post("/hooks/small", data="x").status_code == 404


FAULTS: list[tuple[dict[str, Any], int, str]] = [
    ({}, 422, "missing_file"),
    ({"agreement": (io.BytesIO(PNG), "x.docx")}, 415, "unsupported_type"),
    ({"agreement": (io.BytesIO(docx(300_000)), "x.docx")}, 413, "too_large"),
    ({"agreement": "as text"}, 422, "missing_file"),
]


@pytest.mark.parametrize(("data", "status", "code"), FAULTS)
def test_a_file_that_is_not_what_was_asked(
    client: Any, data: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/hooks/files", data=data, content_type="multipart/form-data")
    assert error_of(answer, status)["code"] == code


def test_the_body_schema_answers_422_with_everything(client: Any) -> None:
    error = error_of(client.post("/hooks/typed", json={"age": "x"}), 422)
    assert [problem["message"] for problem in error["problems"]] == [
        "body.name: It is missing.",
        "body.phone: It is missing.",
        "body.age: “x” is not a whole number.",
    ]
    assert client.post("/hooks/typed", json={"name": "A", "phone": "1"}).status_code == 202


def test_caps_hold_with_and_without_a_length(client: Any, runtime: Runtime) -> None:
    large = b'"' + b"x" * 20_000 + b'"'
    error = error_of(client.post("/hooks/small", data=large, content_type="application/json"), 413)
    assert "10 KB" in error["message"]
    chunked = client.post(
        "/hooks/small",
        input_stream=io.BytesIO(large),
        headers={"Transfer-Encoding": "chunked"},
        environ_base={"wsgi.input_terminated": True},
        content_type="application/json",
    )
    error_of(chunked, 413)
    assert count_runs(runtime) == 0


def test_a_body_over_its_cap_is_refused_unread(client: Any) -> None:
    class Untouchable(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("the body was read")

    answer = client.post(
        "/hooks/small", input_stream=Untouchable(), environ_overrides={"CONTENT_LENGTH": "99999999"}
    )
    error_of(answer, 413)


def test_nothing_here_and_switched_off(client: Any) -> None:
    assert error_of(client.post("/hooks/plan"), 404)["code"] == "not_found"
    error = error_of(client.post("/hooks/asleep"), 404)
    assert error["code"] == "switched_off"
    assert "The asleep one" in error["message"]


def test_other_methods_are_refused(client: Any, runtime: Runtime) -> None:
    for method in ("PUT", "HEAD", "OPTIONS", "TRACE"):
        answer = client.open("/hooks/plain", method=method)
        assert answer.status_code == 405
        assert "POST" in answer.headers["Allow"]
    assert error_of(client.get("/hooks/once"), 405)["next"] == "Use POST."
    assert count_runs(runtime) == 0


def test_the_second_copy_gets_the_first_receipt(client: Any, runtime: Runtime) -> None:
    first = client.post("/hooks/once", json={"n": 1}, headers={"X-Id": "order 7"})
    second = client.post("/hooks/once", json={"n": 2}, headers={"x-id": "order 7"})
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json == {**first.json, "duplicate": True}
    assert count_runs(runtime) == 1
    error = error_of(client.post("/hooks/once", json={}), 422)
    assert error["code"] == "no_dedupe_key"
    long = {"X-Id": "z" * 5000}
    assert client.post("/hooks/once", headers=long).json["duplicate"] is False
    assert client.post("/hooks/once", headers=long).json["duplicate"] is True


def signature(secret: str, raw: bytes) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def signed(runtime: Runtime, secret: str, raw: bytes, age_ms: int = 0) -> dict[str, str]:
    at = str((runtime.clock.now_ms() - age_ms) // 1000)
    made = signature(secret, at.encode() + b"." + raw)
    return {"X-Timestamp": at, "X-Signature": f"sha256={made}"}


def test_hmac_over_the_raw_body(client: Any, runtime: Runtime) -> None:
    raw = b'{"b":1,  "a": 2}'
    for secret in ("HOOK_SECRET", "HOOK_OLD"):
        headers = signed(runtime, ENVIRON[secret], raw)
        answer = client.post(
            "/hooks/signed", data=raw, content_type="application/json", headers=headers
        )
        assert answer.status_code == 202, answer.text
    headers = signed(runtime, ENVIRON["HOOK_SECRET"], raw)
    assert "x-signature" not in event_of(runtime, answer.json)["headers"]
    for wrong in (
        {},
        headers | {"X-Signature": "sha256=00"},
        headers | {"X-Timestamp": "1"},
        signed(runtime, ENVIRON["HOOK_SECRET"], raw, 600_000),
        signed(runtime, "another", raw),
    ):
        error_of(client.post("/hooks/signed", data=raw, headers=wrong), 401)
    error_of(client.post("/hooks/signed", data=raw + b" ", headers=headers), 401)


def test_hmac_over_a_large_upload_waits_on_disk(client: Any, runtime: Runtime) -> None:
    raw = docx(900_000)[:-1] + b"\0" * 300_000
    raw = b"PK\x03\x04" + b"\xfe" * 1_100_000
    headers = signed(runtime, ENVIRON["HOOK_SECRET"], raw)
    answer = client.post("/hooks/signed", data=raw, headers=headers)
    assert error_of(answer, 413)["code"] == "too_large"  # over max_file, but believed
    raw = raw[:999_000]
    headers = signed(runtime, ENVIRON["HOOK_SECRET"], raw)
    assert client.post("/hooks/signed", data=raw, headers=headers).status_code == 202
    assert not [entry for entry in runtime.files.folder.iterdir() if entry.is_file()]


def test_standard_webhooks(client: Any, runtime: Runtime) -> None:
    raw, at = docx(), str(runtime.clock.now_ms() // 1000)
    key = base64.b64decode(ENVIRON["STANDARD"].removeprefix("whsec_"))
    digest = hmac.new(key, f"msg_1.{at}.".encode() + raw, hashlib.sha256).digest()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
    assert client.post("/hooks/standard", data=raw, headers=headers).status_code == 202
    error_of(client.post("/hooks/standard", data=raw + b"x", headers=headers), 401)


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


RIGHT = [
    ("token", {"Authorization": f"Bearer {ENVIRON['HOOK_SECRET']}"}),
    ("token", {"Authorization": f"bearer {ENVIRON['HOOK_OLD']}"}),
    (f"token?key={ENVIRON['HOOK_SECRET']}", {}),
    ("header", {"X-Shop-Key": ENVIRON["HOOK_SECRET"]}),
    ("basic", basic("forms", ENVIRON["HOOK_SECRET"])),
]
WRONG: list[tuple[str, dict[str, str]]] = [
    ("token", {}),
    ("token", {"Authorization": "Bearer"}),
    ("token", {"Authorization": "Bearer wröng"}),
    ("token?key=", {}),
    ("header", {"Authorization": f"Bearer {ENVIRON['HOOK_SECRET']}"}),
    ("basic", basic("forms", "wrong")),
    ("basic", basic("other", ENVIRON["HOOK_SECRET"])),
    ("basic", {"Authorization": "Basic !!!"}),
]


@pytest.mark.parametrize(("path", "headers"), RIGHT)
def test_who_proves_himself_is_let_in(
    client: Any, runtime: Runtime, path: str, headers: dict[str, str]
) -> None:
    answer = client.post(f"/hooks/{path}", json={}, headers=headers)
    assert answer.status_code == 202
    assert ENVIRON["HOOK_SECRET"] not in json.dumps(event_of(runtime, answer.json))


@pytest.mark.parametrize(("path", "headers"), WRONG)
def test_who_does_not_is_not(
    client: Any, runtime: Runtime, path: str, headers: dict[str, str]
) -> None:
    answer = client.post(f"/hooks/{path}", data=b"never read", headers=headers)
    error = error_of(answer, 401)
    assert error["next"]
    assert "WWW-Authenticate" in answer.headers
    assert count_runs(runtime) == 0


def test_a_journal_that_cannot_write_is_503(
    client: Any, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> object:
        raise Failure("internal", "The disk with the journal is full.", where="journal")

    monkeypatch.setattr(type(runtime.journal), "submit", full)
    monkeypatch.setattr(type(runtime.journal), "write", full)
    answer = client.post("/hooks/plain", json={})
    assert error_of(answer, 503)["code"] == "unavailable"
    assert answer.headers["Retry-After"] == "5"
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_a_disk_that_is_full_is_503(
    client: Any, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(runtime.files), "receive", full)
    error_of(client.post("/hooks/plain", data=docx()), 503)


def test_what_nobody_expected_is_500_with_a_reference(
    app: Flask,
    client: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_args: object) -> object:
        raise ZeroDivisionError("inner workings")

    monkeypatch.setattr("ringback.web.hooks.read_body", broken)
    error = error_of(client.post("/hooks/plain", json={}), 500)
    assert error["reference"].startswith("err_")
    assert "inner workings" not in json.dumps(error)
    assert error["reference"] in caplog.text


def test_one_error_shape_everywhere(client: Any) -> None:
    error_of(client.get("/nowhere"), 404)
    error_of(client.post("/healthz"), 405)
    error_of(client.post("/hooks/plain", data=b"{", content_type="application/json"), 400)
