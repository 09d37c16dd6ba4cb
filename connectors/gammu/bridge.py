#!/usr/bin/env python3
"""A bridge between Gammu SMSD, which speaks no HTTP, and whoever does. One file, Python 3.9 or later and nothing else.

It stands beside SMSD on the machine with the modem. A text is POSTed to it and becomes a file in SMSD's outbox; what SMSD
sent, failed to send or received becomes a signed callback. Nothing is answered and nothing told before it is on disk.
All settings are in SMSD's own file, of service `files`; SMSD does not read the section [bridge]:

    [smsd]                                          [bridge]
    service = files                                 listen = 127.0.0.1:8095
    inboxpath = /var/spool/gammu/inbox/             key = a long random text, which sends have to show
    outboxpath = /var/spool/gammu/outbox/           callback_url = https://…/callbacks/modem
    sentsmspath = /var/spool/gammu/sent/            callback_secret = whsec_… (base64 after the underscore)
    errorsmspath = /var/spool/gammu/error/          spool = /var/spool/gammu/callbacks/
    runonreceive = /path/to/bridge.py -c /etc/gammu-smsdrc received
    runonsent = /path/to/bridge.py -c /etc/gammu-smsdrc sent
    runonfailure = /path/to/bridge.py -c /etc/gammu-smsdrc failed

    bridge.py -c /etc/gammu-smsdrc serve            takes sends, and delivers callbacks until they are taken
"""

from __future__ import annotations

import argparse
import base64
import configparser
import hashlib
import hmac
import json
import os
import re
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MARK = "ringback-"
"""Begins the last part of a file's name; what others put into the outbox is none of ours."""
LARGEST = 64 * 1024
AGAIN_S = (1, 2, 5, 15, 60)
FOLDERS = {"outboxpath": "queued", "sentsmspath": "sent", "errorsmspath": "failed"}


class Bridge:
    """The folders, and what the section [bridge] says."""

    def __init__(self, config: str) -> None:
        read = configparser.ConfigParser(
            interpolation=None, strict=False, inline_comment_prefixes=("#", ";")
        )
        with Path(config).open(encoding="utf-8") as file:
            read.read_file(file)
        self.own, self.smsd = dict(read["bridge"]), dict(read["smsd"])
        missing = [
            f"[bridge] {one}"
            for one in ("key", "callback_url", "callback_secret", "spool")
            if not self.own.get(one)
        ]
        missing += [f"[smsd] {one}" for one in FOLDERS if not self.smsd.get(one)]
        if missing:
            raise SystemExit(f"{config} lacks {', '.join(missing)}.")
        if (
            self.smsd.get("service", "files").lower() != "files"
            or self.smsd.get("deliveryreport", "no") == "sms"
        ):
            raise SystemExit(
                f"{config}: this bridge needs [smsd] service = files, and deliveryreport left out."
            )
        self.spool = Path(self.own["spool"])
        self.news = threading.Event()
        self._lock = threading.Lock()

    def state(self, own_id: str) -> str | None:
        """Where the text of an id is: queued, sent or failed; None where it is not known."""
        for setting, state in FOLDERS.items():
            if any(Path(self.smsd[setting]).glob(f"OUT*_{MARK}{own_id}.txt*")):
                return state
        return None

    def send(self, own_id: str, number: str, text: str) -> str:
        """Put a text into the outbox, once for an id however often it is asked; its state."""
        with self._lock:
            known = self.state(own_id)
            if known is None:
                name = time.strftime(f"OUTC%Y%m%d_%H%M%S_00_{number}_{MARK}{own_id}.txt")
                # SMSD reads UTF-16 by its mark, and uses GSM letters by itself where they do.
                _keep(Path(self.smsd["outboxpath"]), name, text.encode("utf-16"))
            return known or "queued"

    def note(self, event: str, names: list[str], environ: dict[str, str]) -> None:
        """Keep what SMSD says by running us, for delivery."""
        told: dict[str, Any] = {"event": event, "at": int(time.time())}
        if event == "received":
            told.update(
                id=names[0] if names else "",
                number=environ.get("SMS_1_NUMBER", ""),
                text=_text(environ),
            )
        else:
            ours = re.search(rf"_{MARK}([\w-]+)\.txt", " ".join(names))
            if ours is None:
                return
            told["id"] = ours[1]
        _keep(self.spool, f"{time.time_ns()}-{os.getpid()}.json", json.dumps(told).encode())

    def deliver(self) -> int:
        """Call back for everything in the spool, oldest first; how many were not taken and stay there."""
        left = 0
        for path in sorted(self.spool.glob("*.json")):
            body = path.read_bytes()
            stamp = str(int(time.time()))
            key = base64.b64decode(self.own["callback_secret"].removeprefix("whsec_") + "==")
            digest = hmac.new(key, f"{path.stem}.{stamp}.".encode() + body, hashlib.sha256).digest()
            headers = {
                "Content-Type": "application/json",
                "webhook-id": path.stem,
                "webhook-timestamp": stamp,
                "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
            }
            request = urllib.request.Request(self.own["callback_url"], body, headers)  # noqa: S310  the operator's own
            try:
                with urllib.request.urlopen(request, timeout=20):  # noqa: S310
                    path.unlink()
            except OSError as error:  # refused answers too; it stays and is tried again
                print(f"{path.name} was not taken: {error}", flush=True)
                left += 1
                if isinstance(error, urllib.error.HTTPError):
                    error.close()
        return left

    def deliver_forever(self) -> None:
        tries = 0
        while True:
            tries = tries + 1 if self.deliver() else 0
            self.news.wait(AGAIN_S[min(tries, len(AGAIN_S) - 1)])
            self.news.clear()


def _text(environ: dict[str, str]) -> str:
    """The text of an incoming message: joined by SMSD, or its pieces one after the other."""
    for prefix, count in (("DECODED", "DECODED_PARTS"), ("SMS", "SMS_MESSAGES")):
        parts = int(environ.get(count) or 0)
        found = [environ.get(f"{prefix}_{number}_TEXT") for number in range(1, parts + 1)]
        if any(found):
            return "".join(one or "" for one in found)
    return ""


def _keep(folder: Path, name: str, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut."""
    half = folder / f".{name}.half"
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.rename(folder / name)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Door(BaseHTTPRequestHandler):
    """POST /messages {to, text, id, key?} and GET /messages/<the answer's id>, with the key of [bridge] as bearer token.

    A text is one with another where their keys are the same, or their ids where there is no key.
    """

    bridge: Bridge
    timeout = 20

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST:
            return self._say(
                413, {"error": f"Send at most {LARGEST} bytes, and their Content-Length."}
            )
        body = self.rfile.read(int(length))
        if not self._known():
            return self._say(401, {"error": "The key is wrong."})
        if self.path != "/messages":
            return self._say(404, {"error": "Texts are sent to /messages."})
        try:
            given = json.loads(body)
            own, number, text = (
                str(given.get("key") or given["id"]),
                str(given["to"]),
                str(given["text"]),
            )
            own_id = hashlib.sha256(own.encode()).hexdigest()[:32]
            text.encode("utf-16")
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._say(400, {"error": "Send JSON with to, text, and id or key."})
        if not re.fullmatch(r"\+?[0-9]{3,15}", number):
            return self._say(422, {"error": "to is not a phone number."})
        try:
            state = self.bridge.send(own_id, number, text)
        except OSError as error:
            return self._say(503, {"error": f"The outbox cannot be written: {error.strerror}."})
        return self._say(202, {"id": own_id, "state": state})

    def do_GET(self) -> None:
        own_id = self.path.removeprefix("/messages/")
        if not self._known():
            return self._say(401, {"error": "The key is wrong."})
        state = self.bridge.state(own_id) if re.fullmatch(r"[\w-]{1,64}", own_id) else None
        return self._say(
            200 if state else 404,
            {"id": own_id, "state": state} if state else {"error": "There is no such message."},
        )

    def _known(self) -> bool:
        wanted = f"Bearer {self.bridge.own['key']}".encode()
        return hmac.compare_digest(
            wanted, self.headers.get("Authorization", "").encode("utf-8", "replace")
        )

    def _say(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """What the first words say: serve, or note an event that SMSD runs us for."""
    parser = argparse.ArgumentParser(description="A bridge between Gammu SMSD and Ringback.")
    parser.add_argument("-c", "--config", default="/etc/gammu-smsdrc")
    parser.add_argument("what", choices=["serve", "received", "sent", "failed"])
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    bridge = Bridge(given.config)
    bridge.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    if given.what != "serve":
        bridge.note(given.what, given.names, dict(os.environ))
        return
    host, _, port = bridge.own.get("listen", "127.0.0.1:8095").rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), type("BridgeDoor", (Door,), {"bridge": bridge}))
    print(f"The bridge is on http://{host}:{server.server_port}", flush=True)
    threading.Thread(target=bridge.deliver_forever, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
