"""A Gammu SMSD of Debian's packages with its dummy phone, which is a folder, and our bridge beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rings.kannel import until

from ringback.connectors.catalogue import load_catalogue

BRIDGE = load_catalogue().connectors["gammu"].folder / "bridge.py"
_CONFIG = """\
[gammu]
device = {folder}/phone
connection = none
model = dummy

[smsd]
service = files
logfile = {folder}/smsd.log
debuglevel = 255
commtimeout = 1
receivefrequency = 1
inboxpath = {folder}/inbox/
outboxpath = {folder}/outbox/
sentsmspath = {folder}/sent/
errorsmspath = {folder}/error/
runonreceive = {bridge} received
runonsent = {bridge} sent
runonfailure = {bridge} failed

[bridge]
listen = 127.0.0.1:{port}
key = {key}
callback_url = {callback_url}
callback_secret = {secret}
spool = {folder}/callbacks/
"""


def missing() -> str:
    """Why there can be no ring; empty where all is there."""
    absent = [one for one in ("gammu", "gammu-smsd") if shutil.which(one) is None]
    return (
        f"{' and '.join(absent)} not installed: apt-get install gammu gammu-smsd" if absent else ""
    )


@dataclass(frozen=True)
class Modem:
    """A running SMSD. What it sent lies in `sent`; a text is put into the dummy phone by `receives`."""

    folder: Path

    def receives(self, sender: str, text: str) -> None:
        options = ["-folder", "1", "-unread", "-sender", sender, "-unicode", "-autolen", "600"]
        command = ["gammu", "-c", str(self.folder / "smsdrc"), "savesms", "TEXT", *options]
        subprocess.run([*command, "-text", text], check=True, capture_output=True)

    def heard(self) -> str:
        """SMSD's log, which shows each text as the phone is given it."""
        return (self.folder / "smsd.log").read_text("utf-8", "replace")


@contextmanager
def running(folder: Path, port: int, callback_url: str, key: str, secret: str) -> Iterator[Modem]:
    """SMSD and the bridge, until the end of the block."""
    folders = [f"phone/sms/{number}" for number in range(1, 6)]
    for name in (*folders, "inbox", "outbox", "sent", "error"):
        (folder / name).mkdir(parents=True)
    config = folder / "smsdrc"
    bridge = f"{sys.executable} {BRIDGE} -c {config}"
    config.write_text(
        _CONFIG.format(folder=folder, bridge=bridge, port=port, key=key, callback_url=callback_url, secret=secret)
    )  # fmt: skip
    commands = (["gammu-smsd", "-c", str(config)], [*bridge.split(), "serve"])
    started = []
    try:
        for number, command in enumerate(commands):
            with (folder / f"process{number}.log").open("wb") as out:
                started.append(subprocess.Popen(command, stdout=out, stderr=out))
        modem = Modem(folder)
        until("SMSD speaks to the phone", lambda: "GSM_GetNetworkInfo" in modem.heard() if (folder / "smsd.log").exists() else False)  # fmt: skip
        yield modem
    finally:
        for process in started:
            process.terminate()
            process.wait(30)
