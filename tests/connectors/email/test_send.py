"""email.send against the rehearsal's mailbox, over SMTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from ringback.connectors import loading, values
from ringback.connectors.catalogue import load_catalogue
from ringback.problems import Failure
from ringback.rehearsal.mail import Mailbox
from ringback.rehearsal.project import MAIL_ROLE
from ringback.sdk import File, Reply

ACTION = load_catalogue().implementing(MAIL_ROLE)[0]


class Context:
    """What the action is given; the one stored file is `file`."""

    idempotency_key = "run_01k3:attempt/2"

    def __init__(self, settings: dict[str, Any], file: Path) -> None:
        self.settings = values.prepare(ACTION.connector.settings, settings)
        self.project: dict[str, Any] = {}
        self._file = file

    def now(self) -> datetime:
        return datetime(2026, 6, 28, 14, 30, tzinfo=UTC)

    def path(self, file: File) -> Path:
        return self._file

    def save(self, name: str, content: bytes | BinaryIO, media_type: str) -> File:
        raise AssertionError

    def log(self, message: str, **facts: Any) -> None:
        raise AssertionError

    def call(self, method: str, url: str, **other: Any) -> Reply:
        raise AssertionError


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    made.start()
    yield made
    made.stop()


def settings_for(port: int) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "from": "Harbour School <office@school.example>",
    }


def send(port: int, file: Path, **inputs: Any) -> dict[str, Any]:
    prepared = values.prepare(ACTION.inputs, {"subject": "Enrolled", **inputs})
    context = Context(settings_for(port), file)
    result: dict[str, Any] = loading.function(ACTION)(prepared, context)
    return result


def test_an_email_with_everything(mailbox: Mailbox, tmp_path: Path) -> None:
    file = tmp_path / "stored"
    file.write_bytes(b"PK-document")
    result = send(
        mailbox.port,
        file,
        to=["Parent <parent@example.com>", "refused@example.com"],
        cc="head@school.example",
        bcc="archive@school.example",
        reply_to="admissions@school.example",
        subject="Amina – enrolled\nBcc: everyone@example.com",
        text="She’s in.\n.\nend",
        html="<p>She’s in.</p>",
        attachments=[{"name": "agreement ü.docx", "size": 11, "media_type": "application/pdf", "sha256": "0" * 64}],
    )  # fmt: skip
    assert result["message_id"] == "<run_01k3.attempt.2@school.example>"
    assert result["accepted"] == [
        "parent@example.com",
        "head@school.example",
        "archive@school.example",
    ]
    assert result["refused"] == ["refused@example.com"]
    (letter,) = mailbox.letters
    assert list(letter.recipients) == result["accepted"]
    assert letter.as_json() == {
        "from": "office@school.example",
        "to": result["accepted"],
        "subject": "Amina – enrolled Bcc: everyone@example.com",
        "text": "She’s in.\n.\nend",
        "html": "<p>She’s in.</p>",
        "attachments": ["agreement ü.docx"],
    }
    assert letter.message["Bcc"] is None
    assert str(letter.message["From"]) == "Harbour School <office@school.example>"
    (part,) = letter.message.iter_attachments()
    assert part.get_content() == b"PK-document"


def test_nobody_takes_it(mailbox: Mailbox, tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        send(mailbox.port, tmp_path, to="refused@example.com", text="Hello")
    assert (caught.value.code, "no such mailbox" in caught.value.message) == ("refused", True)
    assert mailbox.letters == []


@pytest.mark.parametrize(
    "address", ["parent", "parent@", "a b@example.com", "parent@example.com\nBcc: x@y.example", ""]
)
def test_what_is_no_address(mailbox: Mailbox, tmp_path: Path, address: str) -> None:
    with pytest.raises(Failure) as caught:
        send(mailbox.port, tmp_path, to=[address or " "], text="Hello")
    assert caught.value.code == "invalid_input"
    assert mailbox.letters == []


def test_no_server(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Failure) as caught:
            send(held.getsockname()[1], tmp_path, to="parent@example.com", text="Hello")
    assert caught.value.code == "unreachable"
    assert "Check `host`, `port` and `security`" in caught.value.next
