"""Where runs are advanced: the seam, who goes first, and the executor that waits to be told."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ringback.journal.runs import Lease, Run
from ringback.workflow.model import Workflow

if TYPE_CHECKING:
    from ringback.engine.runtime import Runtime


@dataclass(slots=True)
class Warm:
    """A run on its way from its receipt to the executor, so that nothing of it is read back.

    `data` and `kind` are the event's.
    """

    lease: Lease
    run: Run
    data: Any
    kind: str
    workflow: Workflow


FIRST, NORMAL, LATER = 1, 0, -1
"""Who goes first: somebody waits for an answer; something came in; the clock began it, perhaps for a whole list."""
_PRIORITY_OF_KIND = {"inbound": FIRST, "report": FIRST, "schedule": LATER}


def priority_of(kind: str) -> int:
    """The priority of a run by the kind of event that began it. One that is woken by what it waited for goes `FIRST`."""
    return _PRIORITY_OF_KIND.get(kind, NORMAL)


class Executor(Protocol):
    """Where runs are advanced. `submit` is called after the commit that made the run due."""

    def submit(self, run_id: str, warm: Warm | None = None, priority: int = NORMAL) -> None:
        """Advance this run soon, in the order of `priority`. `warm` is a run that we hold already.

        Never raises and never waits long: what cannot be taken up now is in the journal, due, and found there.
        """
        ...

    def notify(self, wake_at: int) -> None:
        """A run was put down and is due then."""
        ...

    def room(self) -> bool:
        """Whether another run may be held in memory; without room a new run waits in the journal."""
        ...

    def waiting(self) -> int:
        """How many runs stand in line here (for metrics)."""
        ...

    def start(self, runtime: Runtime) -> None: ...

    def stop(self, grace_ms: int) -> None:
        """Take up nothing more and give what runs that long to finish or park."""
        ...


class InlineExecutor:
    """Keeps what was submitted for `inline.drain`, which advances it on the calling thread."""

    def __init__(self) -> None:
        self.queue: deque[tuple[str, Warm | None]] = deque()

    def submit(self, run_id: str, warm: Warm | None = None, priority: int = NORMAL) -> None:
        if priority > NORMAL:
            self.queue.appendleft((run_id, warm))
        else:
            self.queue.append((run_id, warm))

    def notify(self, wake_at: int) -> None:  # noqa: ARG002  drain looks into the journal
        return

    def room(self) -> bool:
        return True

    def waiting(self) -> int:
        return len(self.queue)

    def start(self, runtime: Runtime) -> None:  # noqa: ARG002
        return

    def stop(self, grace_ms: int) -> None:  # noqa: ARG002
        self.queue.clear()
