"""The rehearsal for `ringback test`: a transport that reaches nobody, and callbacks on a simulated clock."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ringback.clock import Clock
from ringback.connectors.callbacks import Media
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.transport import Answer, Call
from ringback.problems import Failure
from ringback.rehearsal import backwards, scripts
from ringback.rehearsal.gateway import Planned, Rehearsal, Taken

Deliver = Callable[[str, IncomingRequest], None]
"""Takes a callback of a connection, by its name, as the program's own callback door would."""

FOR_SENDS = "send"
"""The key of `answers` that says how the gateway answers sends, instead of an address."""


class InProcess:
    """Stands where the transport stands. Used from one thread.

    `taken` are the messages that gateways took, `calls` all other calls, both in order.
    """

    def __init__(
        self,
        rehearsals: Sequence[Rehearsal],
        clock: Clock,
        deliver: Deliver,
        *,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        """Answer calls by `rehearsals`, and those to other addresses by `answers`.

        `answers` maps an address (`https://…`, with `GET ` before it or without, its query left out or
        not) to an answer or to a list of answers given in turn, of which the last stays; an answer is
        `{status: 200, headers: {}, json: … | text: …}` or `{failure: unreachable | no_answer}`. Under
        `send` it says how gateways answer sends.
        """
        self._rehearsals = {one.connection: one for one in rehearsals}
        self._clock = clock
        self._deliver = deliver
        self._answers = {key: _listed(value) for key, value in (answers or {}).items()}
        self._waiting: list[tuple[int, int, Planned]] = []
        self._numbers = itertools.count()
        self.taken: list[Taken] = []
        self.calls: list[Call] = []

    def send(self, call: Call) -> Answer:
        """The rehearsed answer. Raises `Failure` as the network would, and for an address without an answer."""
        if any(one.confirmed_by(call) for one in self._rehearsals.values()):
            return backwards.answer(200, "Confirmed.")
        for rehearsal in self._for(call):
            outcome = rehearsal.answer(call, self._scripted)
            if outcome is not None:
                for planned in outcome.planned:
                    self._plan(planned)
                if outcome.taken is not None:
                    self.taken.append(outcome.taken)
                if outcome.answer is None or outcome.late_ms:
                    raise Failure("no_answer", f"{rehearsal.manifest.name} did not answer in time.")
                return outcome.answer
        return self._other(call)

    def close(self) -> None:
        """Nothing is open."""

    def text_in(
        self, connection: str, sender: str, to: str, text: str, media: Sequence[Media] = ()
    ) -> None:
        """A phone texts one of the project's numbers, now. Raises `Failure` as `Rehearsal.text_in` does."""
        for planned in self._rehearsals[connection].text_in(sender, to, text, media):
            self._plan(planned)

    def shake_hands(self, connection: str) -> None:
        """A gateway asks whether it may call back, now. Raises `Failure` as `Rehearsal.shake_hands` does."""
        self._plan(self._rehearsals[connection].shake_hands())

    def next_at(self) -> int | None:
        """When the next callback is due, in milliseconds since the epoch; None when none is planned."""
        return self._waiting[0][0] if self._waiting else None

    def deliver_due(self) -> int:
        """Deliver what is due by the clock, in order; how many there were."""
        count = 0
        while self._waiting and self._waiting[0][0] <= self._clock.now_ms():
            at_ms, _, planned = heapq.heappop(self._waiting)
            self._deliver(planned.connection, planned.make(at_ms))
            count += 1
        return count

    def _plan(self, planned: Planned) -> None:
        now = self._clock.now_ms()
        if planned.delay_ms <= 0:
            self._deliver(planned.connection, planned.make(now))
        else:
            entry = (now + planned.delay_ms, next(self._numbers), planned)
            heapq.heappush(self._waiting, entry)

    def _for(self, call: Call) -> list[Rehearsal]:
        """The gateways, those first whose own address the call is to."""
        host = urlsplit(call.url).netloc

        def elsewhere(one: Rehearsal) -> bool:
            own = [value for value in one.settings.values() if isinstance(value, str)]
            return not any(urlsplit(value).netloc == host for value in own if "://" in value)

        if call.guard:  # a step's own call, not a connection's
            return []
        return sorted(self._rehearsals.values(), key=elsewhere)

    def _scripted(self) -> Answer | None:
        answers = self._answers.get(FOR_SENDS)
        return _answer(_next(answers), "") if answers else None

    def _other(self, call: Call) -> Answer:
        self.calls.append(call)
        bare = call.url.partition("?")[0]
        for key in (f"{call.method} {call.url}", call.url, f"{call.method} {bare}", bare):
            if self._answers.get(key):
                return _answer(_next(self._answers[key]), call.url)
        raise Failure(
            "unreachable",
            f"This rehearsal has no answer for {call.method} {bare}.",
            f"Add it to the example, under gateway, answers: {{ {bare}: {{ status: 200 }} }}.",
        )


def by_example(gateway: Mapping[str, Any]) -> Callable[[str], scripts.Script]:
    """The script of an example's `gateway`: its `reports` for every number, else the documented numbers."""
    if gateway.get("reports") is None:
        return scripts.script_for
    script = scripts.reporting(gateway["reports"])
    return lambda _number: script


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _next(answers: list[Any]) -> Any:
    return answers.pop(0) if len(answers) > 1 else answers[0]


def _answer(written: Any, url: str) -> Answer:
    """An answer as an example writes it; a bare number is a status."""
    given: dict[str, Any] = {"status": written} if isinstance(written, int) else dict(written or {})
    if "failure" in given:
        raise Failure(str(given["failure"]), "The example says that this call fails.")
    body, headers = given.get("text", given.get("body", "")), dict(given.get("headers") or {})
    if "json" in given:
        body = json.dumps(given["json"], ensure_ascii=False)
        headers = {"content-type": "application/json", **headers}
    made = backwards.answer(int(given.get("status", 200)), body, headers)
    return Answer(made.status, made.headers, made.body, url)
