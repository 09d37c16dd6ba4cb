"""Lines to a broker that is not there: they keep what is published, or fail when told to."""

from __future__ import annotations

from ringback.distributed.broker import BrokerDown, Line
from ringback.settings import Work

WORK = Work("celery", "redis://127.0.0.1:1/0", "tests")


class FakeLine(Line):
    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        self.down = False
        self.waiting = 0
        self.asked = 0

    def send(self, run_id: str, priority: int) -> None:
        self._fail()
        self.sent.append((run_id, priority))

    def depth(self) -> int:
        self._fail()
        return self.waiting

    def close(self) -> None:
        return

    def _fail(self) -> None:
        self.asked += 1
        if self.down:
            raise BrokerDown(ConnectionRefusedError("no"))

    @property
    def ids(self) -> list[str]:
        return [run_id for run_id, _ in self.sent]
