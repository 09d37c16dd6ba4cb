"""Replies: a run puts a question and waits; what is texted back finds it.

A reply is for a wait when it comes from the wait's number, through its connection, after the message that
it answers, and says one of its keywords. Of several waits that it fits, the one that began last takes it,
because people answer what they were asked last; the others go on waiting. What is taken has the run's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from ringback.clock import from_ms
from ringback.engine import media
from ringback.engine.job import Job
from ringback.journal import locks, messages, runs, steps, waits
from ringback.journal.messages import Message
from ringback.problems import Failure
from ringback.sms import keywords
from ringback.sms.gate import e164

KIND = "reply"
"""The kind of these waits; their key is the number they wait for."""


def wait_for_reply(job: Job) -> Any:
    """Wait until somebody answers, or the time is up."""
    walk, row = job.walk, job.row
    if job.inputs.get("pattern") is not None:
        keywords.pattern(str(job.inputs["pattern"]))
    country = str(walk.runtime.settings.project.get("country") or "")
    number = _number(job, country)
    deadline = row.wake_at if row.wake_at is not None else walk.now + int(job.inputs["timeout"])
    if job.step.timeout_ms is not None:
        deadline = min(deadline, row.started_at + job.step.timeout_ms)

    run_id, path = walk.run.id, row.path

    def come(conn: Connection) -> dict[str, Any] | None:
        # a message that has this step's name was taken, whether or not a crash kept us from saying so
        mine = [one for one in messages.of_step(conn, run_id, path) if one.direction == "in"]
        reply = mine[0] if mine else _came_before(conn, job, number)
        if reply is None and walk.now < deadline:
            return None
        waits.drop_wait(conn, run_id, path)  # from here on nothing is taken for it
        return _output(reply, job.inputs)

    walk.guard(locks.number(number))
    output = walk.park(
        row._replace(state="waiting"),
        waits.Wait(run_id, path, KIND, number, deadline),
        unless=come,
    )
    if output["message_id"] is not None:
        output["media"] = media.of_reply(job, output["message_id"])
        return job.succeed(output, lambda conn: waits.drop_wait(conn, run_id, path))
    return job.succeed(output)


def taker(conn: Connection, message: Message) -> waits.Wait | None:
    """The wait that a text which has come in answers, if there is one."""
    asking = []
    for wait in waits.find_waits(conn, KIND, message.number_from or ""):
        step = steps.get_step(conn, wait.run_id, wait.path)
        late = wait.until is not None and message.created_at >= wait.until
        if step is not None and not late and isinstance(step.input, dict):
            asking.append((step.started_at, wait, step.input))
    asking.sort(key=lambda one: one[0], reverse=True)
    for _, wait, inputs in asking:
        if _through(conn, inputs, message.connection) and fits(message.text, inputs) is not None:
            return wait
    return None


def take(conn: Connection, wait: waits.Wait, now: int) -> bool:
    """A wait has what it waited for, a message that bears its step's name; whether its run is to be woken."""
    waits.drop_wait(conn, wait.run_id, wait.path)
    return runs.wake(conn, wait.run_id, now)


def fits(text: str, inputs: Mapping[str, Any]) -> str | None:
    """The keyword that a text says, empty when any text will do; None when it is no answer."""
    asked, pattern = inputs.get("keywords"), inputs.get("pattern")
    if not asked and pattern is None:
        return ""
    said = keywords.heard(text, asked, str(inputs.get("match") or "starts")) if asked else None
    if said is None and pattern is not None:
        found = keywords.pattern(str(pattern)).search(text.strip())
        if found is not None:
            return str(found.group(1) if found.groups() else found.group(0))
    return said


def _number(job: Job, country: str) -> str:
    message, number = job.inputs.get("message"), job.inputs.get("from")
    if (message is None) == (number is None):
        raise Failure(
            "invalid_input",
            "A wait for a reply takes either `message` or `from`.",
            "Give `message` the result of the step that texted, or `from` a phone number.",
        )
    given = str(number if message is None else message.get("to") or "")
    return e164(given, country) or given


def _through(conn: Connection, inputs: Mapping[str, Any], connection: str) -> bool:
    """Whether a text of this connection may be the answer: that of the message, unless the step says another."""
    wanted = inputs.get("connection")
    if wanted is None and isinstance(inputs.get("message"), dict):
        sent = messages.get_message(conn, str(inputs["message"].get("id")))
        wanted = sent.connection if sent is not None else None
    return wanted in (None, connection)


def _came_before(conn: Connection, job: Job, number: str) -> Message | None:
    """A reply to the message that was here before the run waited for it, and that no other took."""
    if job.inputs.get("message") is None:
        return None
    sent = messages.get_message(conn, str(job.inputs["message"].get("id")))
    if sent is None:
        raise Failure(
            "not_found",
            f"There is no message {job.inputs['message'].get('id')}.",
            "Give `message` the result of a step that sent one.",
        )
    for reply in messages.received_from(conn, number, sent.created_at):
        if (
            job.inputs.get("connection", sent.connection) == reply.connection
            and fits(reply.text, job.inputs) is not None
            and messages.take(conn, reply.id, job.walk.run.id, job.row.path)
        ):
            return reply
    return None


def _output(reply: Message | None, inputs: Mapping[str, Any]) -> dict[str, Any]:
    if reply is None:
        empty = dict.fromkeys(("text", "keyword", "from", "at", "message_id"))
        return {**empty, "media": [], "timed_out": True}
    moment = from_ms(reply.status_at or reply.created_at).isoformat().replace("+00:00", "Z")
    return {
        "text": reply.text,
        "keyword": fits(reply.text, inputs) or None,
        "from": reply.number_from,
        "at": moment,
        "message_id": reply.id,
        "media": [],
        "timed_out": False,
    }
