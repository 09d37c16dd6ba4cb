"""A stand-in for one gateway: takes sends, answers like it, and plans the callbacks that follow.

It knows a gateway only by its manifest and keeps no time: what is planned is delivered by a door, either
`server` (over HTTP, in real time) or `inprocess` (into a function, on a simulated clock).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from ringback.clock import Clock
from ringback.connectors import invoke, values
from ringback.connectors.callbacks import Media, Part
from ringback.connectors.fieldpaths import EVERY, as_list
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.manifest import Action, Manifest
from ringback.connectors.transport import Answer, Call
from ringback.problems import Failure
from ringback.rehearsal import accounting, backwards, calling_back, recorded
from ringback.rehearsal.calling_back import Text
from ringback.rehearsal.likeness import id_like
from ringback.rehearsal.scripts import Script, script_for
from ringback.sms.segments import pieces, segments

ROLE = "sms.send"
STATUS = "sms.status"
_KNOWN = 1000
"""How many messages it remembers, to tell what became of them."""
_LATER_MS = 1000
"""After the sender's own patience."""
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
    """What came of a call: the `answer`, what is `planned`, and the message if it was `taken`.

    Without an answer none ever comes; with `reset` the connection is broken off instead. `late_ms` is how many
    milliseconds the answer takes. `played` says, for people, what a script did with the send.
    """

    answer: Answer | None
    planned: tuple[Planned, ...] = ()
    taken: Taken | None = None
    reset: bool = False
    late_ms: int = 0
    played: str = ""


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
        self._awaited = ""
        self._failed_once: set[tuple[str, str]] = set()
        reports = manifest.callbacks.report if manifest.callbacks else ()
        self._by_part = any(spec.parts for spec in reports)
        self._names_parts = self._by_part and _is_list(action)
        self._known: dict[str, tuple[Taken, tuple[tuple[int, str], ...]]] = {}
        self._id_example = _recorded_id(action)
        self._by_own_id = invoke.asks_by_own_id(manifest) and not self._names_parts

    def answer(
        self, call: Call, instead: Callable[[], Answer | None] = lambda: None
    ) -> Outcome | None:
        """What the gateway does with a call; None where it is neither a send of this gateway nor a question.

        `instead` is asked once for every send and may give another answer than the script's; with a 2xx
        the message is taken all the same.
        """
        asked = backwards.asked(self.action, self.settings, call)
        if asked is None:
            return self._told(call) or self._account(call)
        if isinstance(asked, backwards.Wrong):
            code = "unauthorized" if asked.status == 401 else "refused"
            return Outcome(backwards.refuse(self.action, code, asked.status, asked.reason))
        other = instead()
        if other is not None and not 200 <= other.status < 300:
            return Outcome(other)
        script = self.script(asked.to)
        outcome = self._play(script, asked, other)
        if script.behaviour == "accept" or (outcome.taken and script.behaviour == "refuse_once"):
            return outcome
        return replace(outcome, played=f"send to {asked.to}: {script.says}")

    def _play(self, script: Script, asked: backwards.Asked, other: Answer | None) -> Outcome:
        """What the number's script has the gateway do."""
        if script.behaviour in ("hang", "reset"):
            return Outcome(None, reset=script.behaviour == "reset")
        if script.behaviour == "refuse" or (
            script.behaviour == "refuse_once" and self._fails_now(asked)
        ):
            refusal = backwards.refuse(
                self.action, script.code, script.http, script.reason, script.retry_after_s
            )
            return Outcome(refusal)
        outcome = self._take(asked, script)
        if script.behaviour == "lose_answer":
            return replace(outcome, answer=None, reset=True)
        if script.behaviour == "answer_late":
            assert self.action.request is not None
            return replace(outcome, late_ms=self.action.request.timeout_ms + _LATER_MS)
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

    def _account(self, call: Call) -> Outcome | None:
        """The answer to a question after the account, which tells whether the credentials are taken."""
        action = self.manifest.implementing(invoke.ACCOUNT)
        said = accounting.told(action, self.settings, call) if action is not None else None
        return Outcome(said) if said is not None else None

    def text_in(
        self, sender: str, to: str, text: str, media: Sequence[Media] = ()
    ) -> tuple[Planned, ...]:
        """A phone texts in; the callbacks that follow, the last piece first where the gateway gives on pieces.

        Raises `Failure("invalid_input")` where the gateway has no incoming messages, or none with files.
        """
        specs = self.manifest.callbacks.inbound if self.manifest.callbacks else ()
        if not specs:
            raise Failure("invalid_input", f"{self.manifest.name} reports no incoming messages.")
        if media and not any(spec.media for spec in specs):
            raise Failure("invalid_input", f"{self.manifest.name} brings no files with a message.")
        if self._awaited:
            return ()
        text = text.encode("utf-8", "replace").decode()
        cut = pieces(text) if any(spec.parts for spec in specs) and not media else [text]
        with self._lock:
            reference = f"{self._random.randrange(16**4):04X}"
            seeds = [self._random.random() for _ in cut]
        said = [
            Text(sender, to, piece, 0, tuple(media), Part(reference, number, len(cut)) if len(cut) > 1 else None)
            for number, piece in enumerate(cut, start=1)
        ]  # fmt: skip
        planned = [
            self._texted(one, seed) for one, seed in reversed([*zip(said, seeds, strict=True)])
        ]
        return tuple(one for one in planned for _ in range(self.script(sender).copies))

    def shake_hands(self) -> Planned:
        """Ask whether callbacks may go to `callback_url`; until they may, none is planned.

        Raises `Failure("invalid_input")` where the gateway does not ask.
        """
        with self._lock:
            asked = calling_back.handshake(
                self.manifest, self.settings, self.callback_url, self._clock.now_ms(), self._random
            )
            if asked is None:
                message = f"{self.manifest.name} does not ask before it calls back."
                raise Failure("invalid_input", message)
            request, self._awaited = asked
        return Planned(0, self.connection, "handshake", lambda _now_ms: request)

    def confirmed_by(self, call: Call) -> bool:
        """Whether a call is the yes to `shake_hands`; from then on callbacks are planned."""
        with self._lock:
            if not self._awaited or (call.method, call.url) != ("GET", self._awaited):
                return False
            self._awaited = ""
        return True

    def shows_files_to(self, call: Call) -> bool:
        """Whether a call for a file shows what the manifest says that files are fetched with."""
        specs = self.manifest.callbacks.inbound if self.manifest.callbacks else ()
        auth = next((spec.media.auth for spec in specs if spec.media and spec.media.auth), None)
        return auth is None or backwards.authorised(auth, self.settings, call)

    def _texted(self, text: Text, seed: float) -> Planned:
        """The callback of one text or piece; the same each time that it is made, but for its time."""

        def make(now_ms: int) -> IncomingRequest:
            made = calling_back.inbound(
                self.manifest,
                self.settings,
                self.callback_url,
                replace(text, at_ms=now_ms),
                Random(seed),
            )
            assert made is not None
            return made

        piece = f", piece {text.part.number} of {text.part.total}" if text.part else ""
        return Planned(0, self.connection, f"text from {text.sender}{piece}", make)

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
            if self._by_own_id and asked.id and asked.id not in self._known:
                ids = [asked.id]
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
        if (
            self.manifest.callbacks is not None
            and self.manifest.callbacks.report
            and not self._awaited
        ):
            for one in script.reports:
                status = calling_back.nearest_status(self.manifest, one.status)
                if status != one.status and status in taken.reports:
                    continue  # it has no word for what is new in this one
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
