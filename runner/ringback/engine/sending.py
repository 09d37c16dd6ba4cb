"""Sending a message: the gate, the intent, the gateway, the result. Nothing is texted twice because a process died."""

from __future__ import annotations

from functools import partial
from typing import Any, NoReturn

from sqlalchemy import Connection

from ringback.connectors import invoke
from ringback.connectors.invoke import SendResult
from ringback.connectors.manifest import Action
from ringback.engine import answering, effects, reported
from ringback.engine.context import StepContext
from ringback.engine.job import Job
from ringback.engine.runtime import Runtime
from ringback.journal import locks, messages, steps, waits
from ringback.journal.messages import Message
from ringback.observe.here import working
from ringback.problems import Failure
from ringback.settings import Limits
from ringback.sms import gate, optout, reports, room, send
from ringback.sms.cost import Cost, cost_of
from ringback.sms.segments import plain_quotes

ROLE = "sms.send"
NO_LIMITS = Limits()


def send_message(job: Job) -> Any:
    """The operation behind every action that sends an SMS. Output: the message."""
    sent = _Send(job)
    if job.began:
        return sent.go_on()
    return sent.begin()


def gateways(runtime: Runtime) -> list[str]:
    """The connections that can send."""
    return [
        connection.name
        for connection in runtime.settings.connections.values()
        if runtime.catalogue.implementing(ROLE, connection.uses)
    ]


def worded(runtime: Runtime, text: str) -> str:
    """A text as the project sends it."""
    return plain_quotes(text) if runtime.settings.messages.plain_quotes else text


def costs(runtime: Runtime, name: str, text: str, number: str) -> Cost:
    """What a text to a number (E.164) takes and costs through a connection."""
    connection, manifest, _ = runtime.connection(name)
    return cost_of(text, connection.prices, manifest.price.per if manifest.price else "", number)


class _Send:
    """One send step on its way; `message` is the row of the message once there is one."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.walk = job.walk
        self.runtime = job.walk.runtime
        self.ways = send.ways(
            job.inputs.get("send_through"),
            self.runtime.settings.send_through,
            gateways(self.runtime),
        )

    def begin(self) -> Any:
        job, settings = self.job, self.runtime.settings
        text = worded(self.runtime, job.inputs["text"])
        self.sending = gate.Sending(
            job.inputs["to"],
            self.runtime.masks.text(text),
            settings.project,
            settings.messages,
            self.walk.now,
            answers=answering.is_answer(self.walk.workflow),
            repeats=job.inputs.get("repeat") == "allowed",
        )
        self.gate = gate.judge(self.sending)
        self.count_verdict(self.ways[0], self.gate, all_of_it=False)
        gate.pass_or_fail(self.gate)
        job.row = job.row._replace(state="intended", wake_at=None)
        message = send.draft(
            self.gate, text, self.ways[0], job.inputs, self.walk.run.id, job.row.path, self.walk.now
        )
        return self.go(message, self.ways, new=True)

    def go_on(self) -> Any:
        """The journal knows of this step: it waited for another try, or Ringback stopped in the middle of it."""
        job = self.job
        known = self.walk.look(lambda conn: messages.of_step(conn, self.walk.run.id, job.row.path))
        if not known:
            return self.begin()
        message = known[-1]
        if job.row.state == "intended" and not self.action(message.connection).idempotent:
            return self.doubt(message, effects.CRASHED)
        job.next_attempt()
        left = (
            self.ways[self.ways.index(message.connection) :]
            if message.connection in self.ways
            else ()
        )
        return self.go(message, left or self.ways, new=False)

    def go(self, message: Message, ways: tuple[str, ...], *, new: bool) -> Any:
        for at, name in enumerate(ways):
            self.action(name)
            message = message._replace(connection=name, updated_at=self.walk.now)
            try:
                message = self.intend(message, new=new, again=at == 0 and not new)
                new = False
                result = self.call(message)
            except Failure as failure:
                if new and not isinstance(failure, gate.OverCap):
                    raise
                failure.where = failure.where or f"connection {name}"
                if at + 1 < len(ways) and send.moves_on(failure):
                    self.walk.note(
                        self.job.row.path,
                        f"{name} did not take the message: {failure.message} Trying {ways[at + 1]}.",
                        {"code": failure.code},
                    )
                    continue
                if new:
                    raise
                return self.failed(message, failure)
            return self.took(message, result)
        raise AssertionError("a message had no way to go")

    def intend(self, message: Message, *, new: bool, again: bool) -> Message:
        """Ask the gate, and keep the intent in the same transaction: it is on disk when this returns.

        `new`: the journal has no row of the message; `again`: this connection was given it before. Raises
        `Failure` where the gate says no, and `Parked` where it says later; then the intent is not kept.
        """
        row, lease = self.job.row, self.walk.lease
        kept = row._replace(input=self.runtime.masks.value(row.input))

        def write(conn: Connection) -> tuple[gate.Gate | None, Message]:
            made, told = None, message
            if new:
                made = gate.judge_recipient(self.sending, self.gate, conn)
                if not made.verdicts[-1].passed:
                    return made, message
            full = self.room(conn, message.connection, again=again)
            if made is not None and full is not None:
                made = made._replace(verdicts=(*made.verdicts, full))
            if full is not None and not full.passed:
                return made or gate.Gate(message.number_to or "", (full,)), message
            if made is not None:
                told = send.judged(message, made, self.costs(message))
            steps.put(conn, lease, kept)
            if new:
                masked = told._replace(text=self.runtime.masks.text(told.text))
                messages.add_message(conn, masked)
            else:
                messages.move(conn, message.id, message.connection, self.walk.now)
            return made, told

        self.walk.guard(*self.judged_under(message, new=new))
        answer = self.walk.commit(write)
        assert answer is not None
        judged, message = answer
        if judged is not None:
            self.count_verdict(message.connection, judged)
            gate.pass_or_fail(judged)
            if judged.until is not None:
                self.put_off(message, judged.verdicts[-1], judged.until, new=new)
        self.walk.rows[row.path] = row
        return message

    def count_verdict(self, name: str, made: gate.Gate, *, all_of_it: bool = True) -> None:
        """Count what the gate said last; one that passed counts when all checks are done."""
        last = made.verdicts[-1]
        if not last.passed:
            said = "refused" if last.until is None else "put_off"
            self.runtime.metrics.count("gate_verdicts", name, last.check, said)
        elif all_of_it:
            self.runtime.metrics.count("gate_verdicts", name, "all", "passed")

    def costs(self, message: Message) -> Cost:
        return costs(self.runtime, message.connection, message.text, message.number_to or "")

    def judged_under(self, message: Message, *, new: bool) -> list[locks.Lock]:
        """The locks under which the gate judges: nobody else sends the same words, or takes the same place."""
        held = [locks.number(message.number_to or "") if new else locks.message(message.id)]
        if self.runtime.connection(message.connection)[0].limits != NO_LIMITS:
            held.append(locks.limits(message.connection))
        return held

    def room(self, conn: Connection, name: str, *, again: bool) -> gate.Verdict | None:
        """Take a place in the connection's rate and count its cap; None where it has no limits."""
        limits, now, zone = (
            self.runtime.connection(name)[0].limits,
            self.walk.now,
            self.runtime.timezone,
        )
        if limits == NO_LIMITS:
            return None
        locks.hold(conn, locks.limits(name))
        if self.holds_place(conn, name):
            return room.free(name)
        if not again:
            verdict = room.cap(conn, name, limits, zone, now)
            if not verdict.passed:
                return verdict
            room.count(conn, name, limits, zone, now)
        return room.take(conn, name, limits, now)

    def holds_place(self, conn: Connection, name: str) -> bool:
        """Whether this step has waited for a place of the connection; it is used up by asking."""
        run_id, path = self.walk.run.id, self.job.row.path
        held = any(
            (wait.path, wait.kind, wait.key) == (path, "gate", name)
            and (wait.until or 0) <= self.walk.now
            for wait in (waits.of_run(conn, run_id) if self.job.began else ())
        )
        if held:
            waits.drop_wait(conn, run_id, path)
        return held

    def put_off(
        self, message: Message, verdict: gate.Verdict, until: int, *, new: bool
    ) -> NoReturn:
        """Put the run down until the gate lets the message through."""
        row = self.job.row
        self.walk.note(row.path, verdict.detail, {"check": verdict.check})
        if not new:  # the attempt has not been made
            row = row._replace(attempt=row.attempt - 1)
        key = message.connection if verdict.check == room.CHECK else verdict.check
        moved = partial(
            messages.move, message_id=message.id, connection=message.connection, now=self.walk.now
        )
        self.walk.guard(locks.message(message.id))
        self.walk.park(
            row._replace(state="waiting"),
            waits.Wait(self.walk.run.id, row.path, "gate", key, until),
            extra=() if new else (moved,),
        )
        raise AssertionError("a parked walk went on")

    def call(self, message: Message) -> SendResult:
        _, manifest, settings = self.runtime.connection(message.connection)
        context = StepContext(self.walk, self.job.row.path, settings)
        payload = send.payload(message, self.job.inputs.get("reference"))
        address = f"{self.runtime.settings.public_url}/callbacks/{message.connection}"

        def once() -> SendResult:
            return invoke.send_sms(
                manifest,
                settings,
                payload,
                self.runtime.transport,
                callback_url=address,
                idempotency_key=context.idempotency_key,
                context=context,
            )

        self.walk.before_effect()
        outcome = "broke"
        try:
            with working(connection=message.connection):
                result = effects.careful(once, self.job.step.timeout_ms, self.job.step.title)
            outcome = result.status
            return result
        except Failure as failure:
            outcome = failure.code
            raise
        finally:
            context.leave_behind()
            self.runtime.metrics.count("sends", message.connection, outcome)

    def took(self, message: Message, result: SendResult) -> Any:
        now = self.walk.now
        named = (result.gateway_id,) if result.gateway_id is not None else ()
        heard = reports.Heard(
            result.status if result.status != "unknown" else "accepted",
            cost=result.cost,
            currency=result.currency,
        )

        def write(conn: Connection) -> None:
            changes = reports.took(
                conn,
                message.id,
                heard,
                now,
                gateway_ids=result.gateway_ids or named,
                segments=result.segments,
            )
            reported.tell(conn, self.runtime, changes, claim=False)

        def late(conn: Connection) -> None:
            write(conn)
            known = messages.get_message(conn, message.id)
            if known is not None:
                reports.settle(conn, known, now)

        self.walk.fact(late)
        told = result.gateway_ids or named
        self.walk.guard(*reports.locks_of(message.id, message.connection, told))
        message = message._replace(
            gateway_id=result.gateway_id,
            cost=result.cost or message.cost,
            currency=result.currency if result.cost else message.currency,
            cost_source="gateway" if result.cost else message.cost_source,
            segments=result.segments or message.segments,
            status=heard.status,
            status_at=now,
        )
        extra = [write] + ([self.wait_over] if self.job.began else [])
        return self.job.succeed(reports.as_output(message), *extra, urgent=True)

    def wait_over(self, conn: Connection) -> None:
        waits.drop_wait(conn, self.walk.run.id, self.job.row.path)

    def failed(self, message: Message, failure: Failure) -> Any:
        """It is tried again, or in doubt, or has failed for good."""
        idempotent = self.action(message.connection).idempotent
        self.guard_doubt(message)
        try:
            output = effects.after_failure(
                self.walk,
                self.job.step,
                self.job.row,
                failure,
                repeatable=idempotent,
                settled=lambda conn: self.settled(conn, message.id),
            )
        except Failure:
            now = self.walk.now
            self.walk.guard(locks.number(message.number_to or ""))
            refused = failure.code in send.STAYS or failure.code == "refused"
            said = reports.Heard(
                "rejected" if refused else "failed", None, None, failure.code, failure.message
            )
            self.walk.also(lambda conn: _end(conn, message.id, said, now))
            self.walk.also(
                lambda conn: optout.learn(
                    conn, failure.code, message.number_to, message.connection, failure.message, now
                )
            )
            raise
        return self.job.succeed(output, urgent=True)

    def doubt(self, message: Message, error: dict[str, Any]) -> Any:
        """Whether it went nobody knows: a report that has come may say so."""
        self.guard_doubt(message)
        output = effects.uncertain(
            self.walk, self.job.row, error, lambda conn: self.settled(conn, message.id)
        )
        return self.job.succeed(output, urgent=True)

    def guard_doubt(self, message: Message) -> None:
        """No report of the message comes in while it is looked for."""
        number = message.number_to or ""
        self.walk.guard(locks.unmatched(message.connection, number), locks.message(message.id))

    def settled(self, conn: Connection, message_id: str) -> dict[str, Any] | None:
        found = reports.in_doubt(conn, message_id, self.walk.now)
        if found is None:
            return None
        message, changes = found
        reported.tell(conn, self.runtime, changes, claim=False)
        return reports.as_output(message)

    def action(self, name: str) -> Action:
        """The sending action of a connection. Raises `Failure` when it has none."""
        _, manifest, _ = self.runtime.connection(name)
        action = manifest.implementing(ROLE)
        if action is None:
            raise Failure(
                "invalid_input",
                f"The connection {name} uses {manifest.name}, which cannot send SMS.",
                f"Send through one of: {', '.join(gateways(self.runtime)) or 'none is configured'}.",
            )
        return action


def _end(conn: Connection, message_id: str, heard: reports.Heard, now: int) -> None:
    locks.hold(conn, locks.message(message_id))
    message = messages.get_message(conn, message_id)
    if message is not None:
        messages.update_message(conn, reports.fold(message, heard, now))
