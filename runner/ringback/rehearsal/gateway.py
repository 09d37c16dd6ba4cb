"""A stand-in for one gateway: takes sends, answers like it, and plans the callbacks that follow.

It knows a gateway only by its manifest and keeps no time: what is planned is delivered by a door, either
`server` (over HTTP, in real time) or `inprocess` (into a function, on a simulated clock).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from ringback.clock import Clock
from ringback.connectors import values
from ringback.connectors.fieldpaths import EVERY, as_list
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.manifest import Action, Manifest
from ringback.connectors.transport import Answer, Call
from ringback.problems import Failure
from ringback.rehearsal import backwards, calling_back, recorded
from ringback.rehearsal.likeness import id_like
from ringback.rehearsal.scripts import Script, script_for
from ringback.sms.segments import segments

ROLE = "sms.send"
STATUS = "sms.status"
_KNOWN = 1000
"""How many messages it remembers, to tell what became of them."""
DELAY_MS = 400
"""Between one report and the next, where nothing else is said."""


@dataclass
class Taken:
    """A message that the gateway took. `reports` are the statuses it has planned for it."""

    id: str
    connection: str
    to: str
    text: str
    sender: str
    at_ms: int
    reports: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "connection": self.connection,
            "to": self.to,
            "text": self.text,
            "sender": self.sender,
            "at": self.at_ms,
            "reports": list(self.reports),
        }


@dataclass(frozen=True)
class Planned:
    """A callback to deliver `delay_ms` from now; 0 or less is before the send's own answer.

    `make` writes and signs it for the moment at which it is delivered.
    """

    delay_ms: int
    connection: str
    says: str
    make: Callable[[int], IncomingRequest]


@dataclass(frozen=True)
class Outcome:
    """What came of a call: the `answer` (None: none ever comes), what is `planned`, and the message if it was `taken`."""

    answer: Answer | None
    planned: tuple[Planned, ...] = ()
    taken: Taken | None = None


class Rehearsal:
    """One connection's gateway. It may be used from several threads."""

    def __init__(
        self,
        manifest: Manifest,
        settings: Mapping[str, Any],
        callback_url: str,
        clock: Clock,
        *,
        connection: str = "",
        delay_ms: int = DELAY_MS,
        seed: int | None = None,
        script: Callable[[str], Script] = script_for,
    ) -> None:
        """Stand in for the gateway of `manifest`.

        Args:
            settings: the connection's, as the runner has them: callbacks are signed with its secrets, and
                credentials are compared where there are any.
            callback_url: the address that reports and incoming messages go to.
            delay_ms: between one report and the next.
            script: what to do with a message, by its number.

        Raises `Failure("invalid_input")` for a connector that cannot be played backwards.
        """
        action = manifest.implementing(ROLE)
        if action is None or action.request is None:
            raise Failure(
                "invalid_input",
                f"{manifest.name} does not send SMS by a request in its manifest, so nothing can stand in for it.",
            )
        self.manifest = manifest
        self.action: Action = action
        self.settings = values.with_defaults(manifest.settings, settings)
        self.callback_url = callback_url
        self.connection = connection or manifest.id
        self.script = script
        self._clock = clock
        self._delay_ms = delay_ms
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._failed_once: set[tuple[str, str]] = set()
        reports = manifest.callbacks.report if manifest.callbacks else ()
        self._by_part = any(spec.parts for spec in reports)
        self._names_parts = self._by_part and _is_list(action)
        self._known: dict[str, tuple[Taken, tuple[tuple[int, str], ...]]] = {}
        self._id_example = _recorded_id(action)

    def answer(
        self, call: Call, instead: Callable[[], Answer | None] = lambda: None
    ) -> Outcome | None:
        """What the gateway does with a call; None where it is neither a send of this gateway nor a question.

        `instead` is asked once for every send and may give another answer than the script's; with a 2xx
        the message is taken all the same.
        """
        asked = backwards.asked(self.action, self.settings, call)
        if asked is None:
            return self._told(call)
        if isinstance(asked, backwards.Wrong):
            code = "unauthorized" if asked.status == 401 else "refused"
            return Outcome(backwards.refuse(self.action, code, asked.status, asked.reason))
        other = instead()
        if other is not None and not 200 <= other.status < 300:
            return Outcome(other)
        script = self.script(asked.to)
        if script.behaviour == "hang":
            return Outcome(None)
        if script.behaviour == "reject":
            reason = "This number cannot be texted."
            return Outcome(backwards.refuse(self.action, "invalid_number", 400, reason))
        if script.behaviour == "fail_first" and self._fails_now(asked):
            return Outcome(backwards.answer(500, {"error": "The gateway has a fault."}))
        outcome = self._take(asked, script)
        return replace(outcome, answer=other) if other is not None and other.body else outcome

    def _told(self, call: Call) -> Outcome | None:
        """The answer to a question after a message: what had been planned to be so by now."""
        action = self.manifest.implementing(STATUS)
        named = backwards.asked_after(action, call) if action is not None else None
        if action is None or named is None:
            return None
        with self._lock:
            taken, due = self._known.get(named, (None, ()))
        if taken is None:
            reason = "There is no such message."
            return Outcome(backwards.refuse(action, "not_found", 404, reason))
        now = self._clock.now_ms() - taken.at_ms
        so_far = [status for delay_ms, status in due if delay_ms <= now]
        return Outcome(backwards.tell(action, named, so_far[-1] if so_far else "accepted"))

    def text_in(self, sender: str, to: str, text: str) -> Planned:
        """A phone texts in. Raises `Failure("invalid_input")` where the gateway has no incoming messages."""
        if self.manifest.callbacks is None or not self.manifest.callbacks.inbound:
            raise Failure("invalid_input", f"{self.manifest.name} reports no incoming messages.")

        def make(now_ms: int) -> IncomingRequest:
            said = calling_back.Text(sender, to, text, now_ms)
            with self._lock:
                made = calling_back.inbound(
                    self.manifest, self.settings, self.callback_url, said, self._random
                )
            assert made is not None
            return made

        return Planned(0, self.connection, f"text from {sender}", make)

    def _fails_now(self, asked: backwards.Asked) -> bool:
        key = (asked.to, asked.text)
        with self._lock:
            if key in self._failed_once:
                self._failed_once.discard(key)
                return False
            self._failed_once.add(key)
            return True

    def _take(self, asked: backwards.Asked, script: Script) -> Outcome:
        parts = segments(asked.text).count if self._by_part else 1
        with self._lock:
            named = parts if self._names_parts else 1
            ids = [id_like(self._id_example, self._random) for _ in range(named)]
        url = asked.callback_url or self.callback_url
        taken = Taken(
            str(ids[0]),
            self.connection,
            asked.to,
            asked.text,
            asked.sender,
            self._clock.now_ms(),
        )
        planned = []
        if self.manifest.callbacks is not None and self.manifest.callbacks.report:
            for one in script.reports:
                status = calling_back.nearest_status(self.manifest, one.status)
                taken.reports.append(status)
                # Where the parts share an id, what comes for each of them is that it was delivered.
                times = parts if named > 1 or status == "delivered" else 1
                for part in range(times):
                    gateway_id = ids[part % named]
                    make = self._reporter(
                        url, asked, gateway_id, status, refunded=one.refunded, part=part
                    )
                    says = f"{gateway_id} {status}"
                    delay_ms = one.step * self._delay_ms
                    planned.append(Planned(delay_ms, self.connection, says, make))
        due = tuple((one.step * self._delay_ms, one.status) for one in script.reports)
        with self._lock:
            self._known[taken.id] = (taken, due)
            if len(self._known) > _KNOWN:
                del self._known[next(iter(self._known))]
        return Outcome(backwards.accept(self.action, ids), tuple(planned), taken)

    def _reporter(
        self,
        url: str,
        asked: backwards.Asked,
        gateway_id: str | int,
        status: str,
        *,
        refunded: bool,
        part: int,
    ) -> Callable[[int], IncomingRequest]:
        def make(now_ms: int) -> IncomingRequest:
            facts = calling_back.Facts(
                gateway_id, asked.to, status, now_ms, asked.reference, refunded, part
            )
            made = calling_back.report(self.manifest, self.settings, url, facts)
            assert made is not None
            return made

        return make


def _is_list(action: Action) -> bool:
    """Whether the answer to a send has a list of ids."""
    pick = action.response.id if action.response else None
    return pick is not None and any(EVERY in path.parts for path in pick.paths)


def _recorded_id(action: Action) -> Any:
    """The id in the recorded answer, a number where the gateway writes a number; None where none is recorded."""
    example = recorded.accepted(action.connector)
    if example is None:
        return None
    taken, read = example
    pick = action.response.id if action.response else None
    if pick is None or not isinstance(taken.get("body"), Mapping | list):
        return read
    found = as_list(pick.read({"body": taken["body"], "headers": taken.get("headers", {})}))
    return found[0] if found else read
