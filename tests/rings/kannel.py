"""A Kannel of Debian's packages on free ports, and a handset at its fake SMSC.

`bearerbox` speaks to the SMSC, `smsbox` offers `sendsms` and calls back, and `fakesmsc` of kannel-extras is the
other side of the SMSC: what it is sent it prints, what it is given it types, and it acknowledges each text, which
makes the reports 8 (the SMSC has it) and 1 (the phone has it).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import requests

from ringback.cli.demo import _free_ports

FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")
USER, PASSWORD = "ringback", "kannel-password-1"
PATIENCE_S = 30.0
_CONFIG = """\
group = core
admin-port = {admin}
admin-password = {password}
admin-interface = 127.0.0.1
smsbox-port = {box}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = handset
host = 127.0.0.1
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = {user}
password = {password}

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "{get_url}"
"""
T = TypeVar("T")


def missing() -> str:
    """Why Kannel cannot be started here, or an empty text."""
    needed = [*(Path(_program(name)) for name in ("bearerbox", "smsbox")), FAKESMSC]
    gone = [one.name for one in needed if not one.is_file()]
    return f"Kannel is not installed ({', '.join(gone)}): run .ci/kannel as root" if gone else ""


def until(what: str, look: Callable[[], T | None]) -> T:
    """What `look` finds, as soon as it finds something. Raises AssertionError after `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"It did not happen in {PATIENCE_S:.0f} s: {what}.")


@dataclass(frozen=True)
class Kannel:
    """A Kannel that runs; its logs and its configuration are in `folder`."""

    folder: Path
    base_url: str
    admin_url: str
    smsc_port: int

    def status(self) -> str:
        """Bearerbox's own words on its boxes and its SMSC; empty while it does not answer."""
        try:
            return requests.get(f"{self.admin_url}/status.txt", timeout=5).text
        except requests.ConnectionError:
            return ""

    @contextmanager
    def handset(self, *typed: str) -> Iterator[Handset]:
        """A phone in reach; as soon as it is there it types each of `typed`: `from to text words`."""
        log = self.folder / f"handset-{len(list(self.folder.glob('handset-*')))}.log"
        command = [str(FAKESMSC), "-H", "127.0.0.1", "-r", str(self.smsc_port), "-i", "0.1"]
        with _process([*command, "-m", str(len(typed)), *(typed or ("1 2 text x",))], log):
            until("the handset is in reach", lambda: re.search(r"handset\b.*online", self.status()))
            yield Handset(log)
        until("the handset is gone", lambda: not re.search(r"handset\b.*online", self.status()))


@dataclass(frozen=True)
class Handset:
    """What a phone shows, read from the log of `fakesmsc`."""

    log: Path

    def shows(self) -> list[str]:
        """Each text as it arrived, oldest first: `from to text words`."""
        return re.findall(r"Got message \d+: <(.*)>", self.log.read_text("utf-8", "replace"))


@contextmanager
def running(folder: Path, get_url: str) -> Iterator[Kannel]:
    """Start Kannel with its files in `folder`; it asks `get_url` with each text that comes in."""
    admin, box, smsc, sendsms = _free_ports(4)
    config = folder / "kannel.conf"
    config.write_text(
        _CONFIG.format(
            admin=admin, box=box, smsc=smsc, sendsms=sendsms, user=USER, password=PASSWORD,
            get_url=get_url,
        )
    )  # fmt: skip
    local = "http://127.0.0.1"
    made = Kannel(folder, f"{local}:{sendsms}", f"{local}:{admin}", smsc)
    with ExitStack() as stack:
        stack.enter_context(
            _process([_program("bearerbox"), str(config)], folder / "bearerbox.log")
        )
        until("bearerbox runs", made.status)
        stack.enter_context(_process([_program("smsbox"), str(config)], folder / "smsbox.log"))
        until("smsbox runs", lambda: re.search(r"smsbox:?.*on-line", made.status()))
        yield made


def _program(name: str) -> str:
    return shutil.which(name) or f"/usr/sbin/{name}"


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[None]:
    """A process for as long as the body runs; killed where it does not end when asked."""
    with log.open("wb") as out:
        started = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            started.terminate()
            try:
                started.wait(15)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait(15)
