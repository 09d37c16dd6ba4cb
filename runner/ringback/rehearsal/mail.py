"""A mail server for rehearsals: takes every email over SMTP, keeps it, and passes none on."""

from __future__ import annotations

import re
import socketserver
import threading
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from typing import Any

MAX_LETTER = 25_000_000
_ADDRESS = re.compile(r"(?:FROM|TO):\s*<([^>]*)>", re.IGNORECASE)


@dataclass(frozen=True)
class Letter:
    """One email as it was taken: the envelope's addresses, and the message itself."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    def as_json(self) -> dict[str, Any]:
        """`to` (the envelope's), `from`, `subject`, `text`, `html` and the names of `attachments`."""
        plain = self.message.get_body(("plain",))
        html = self.message.get_body(("html",))
        return {
            "from": self.sender,
            "to": list(self.recipients),
            "subject": str(self.message["Subject"] or ""),
            "text": _words(plain),
            "html": _words(html),
            "attachments": [part.get_filename() for part in self.message.iter_attachments()],
        }


def _words(part: MIMEPart | None) -> str:
    """A part's text with plain line ends and without the last one, which SMTP adds."""
    return "" if part is None else str(part.get_content()).replace("\r\n", "\n").removesuffix("\n")


class Mailbox:
    """An SMTP server on this machine. An address that begins with `refused` is refused."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.mailbox = self

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Take emails from now on."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Take no more; `letters` stay. Only after `start`."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    mailbox: Mailbox


class _Session(socketserver.StreamRequestHandler):
    timeout = 60

    def handle(self) -> None:
        self._envelope: tuple[str, list[str]] = ("", [])
        self._say("220 rehearsal")
        while line := self.rfile.readline(4096):
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 bye")
                return
            self._say(self._answer(verb.upper(), rest))

    def _answer(self, verb: str, rest: str) -> str:
        sender, recipients = self._envelope
        address = _ADDRESS.match(rest)
        if verb in ("EHLO", "HELO"):
            return "250-rehearsal\r\n250-8BITMIME\r\n250 SMTPUTF8" if verb == "EHLO" else "250 ok"
        if verb == "MAIL" and address:
            self._envelope = (address[1], [])
            return "250 ok"
        if verb == "RCPT" and address:
            if address[1].startswith("refused"):
                return "550 no such mailbox"
            recipients.append(address[1])
            return "250 ok"
        if verb == "DATA":
            return self._data(sender, recipients) if recipients else "503 no recipients"
        if verb in ("RSET", "NOOP"):
            return "250 ok"
        return "502 not known here"

    def _data(self, sender: str, recipients: list[str]) -> str:
        self._say("354 go ahead")
        content = bytearray()
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            content += line[1:] if line.startswith(b"..") else line
            if len(content) > MAX_LETTER:
                return "552 too large"
        message = message_from_bytes(bytes(content), policy=policy.default)
        assert isinstance(self.server, _Server)
        self.server.mailbox.letters.append(Letter(sender, tuple(recipients), message))
        return "250 taken"

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
