"""The API's operations on runs and messages."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, literal_column, select, union

from ringback.engine.accept import cancel, settle
from ringback.engine.runtime import Runtime
from ringback.engine.settleall import open_steps, settle_all
from ringback.journal import jsontext, runs
from ringback.journal.messages import Message, shown_media
from ringback.journal.runs import Run
from ringback.journal.schema import messages
from ringback.journal.timeline import run_story
from ringback.web.errors import Refusal
from ringback.web.operations import BASE, Asked

_OURS = ("holder", "fence", "lapses", "lapsed_after")
_HIDDEN = (*_OURS, "concurrency_key", "parent_step")


def list_runs(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /runs`."""
    query = asked.query
    with runtime.journal.read() as connection:
        found = runs.list_runs(
            connection,
            workflow=query["workflow"],
            states=query["state"],
            before=query["cursor"],
            limit=query["limit"],
        )
    return {"runs": [show_run_row(run) for run in found.runs], "next": found.cursor}, 200


def show_run(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /runs/{run}`."""
    with runtime.journal.read() as connection:
        story = run_story(connection, asked.path["run"])
    if story is None:
        raise no_run(asked.path["run"])
    story["run"] = {key: value for key, value in story["run"].items() if key not in _OURS}
    return story, 200


def settle_step(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /runs/{run}/settle`."""
    run = _get(runtime, asked.path["run"])
    path, how = asked.body["path"], asked.body["how"]
    if not settle(runtime, run.id, path, how, by=asked.caller.actor):
        raise Refusal(
            409,
            "not_uncertain",
            f"The step {path} of this run is not uncertain."
            if path
            else "This run was not put down, or is settled step by step.",
            "Look at the run again: somebody may have settled it, or a report did.",
            f"{BASE}/runs/{run.id}",
        )
    return show_run_row(_get(runtime, run.id)), 200


def settle_steps(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /runs/settle`."""
    body = asked.body
    with runtime.journal.read() as connection:
        found = open_steps(
            connection,
            workflow=body.get("workflow"),
            connection=body.get("connection"),
            since=body.get("since"),
        )
    done = settle_all(runtime, found, body["how"], by=asked.caller.actor)
    return {"settled": [{"run": one.run_id, "path": one.path} for one in done]}, 200


def cancel_run(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /runs/{run}/cancel`."""
    run = _get(runtime, asked.path["run"])
    if not cancel(runtime, run.id, by=asked.caller.actor):
        raise Refusal(
            409,
            "already_ended",
            f"The run has already ended: it {run.state}.",
            "Nothing can be changed about it any more.",
            f"{BASE}/runs/{run.id}",
        )
    return show_run_row(_get(runtime, run.id)), 200


def list_messages(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /messages`."""
    query, limit = asked.query, asked.query["limit"]
    wanted = select(*[messages.c[name] for name in Message._fields])
    wanted = wanted.order_by(messages.c.id.desc()).limit(limit + 1)
    if query["number"]:
        number = query["number"].strip()
        # an unescaped plus in a query is a space
        number = "+" + number if query["number"].startswith(" ") else number
        wanted = wanted.where(messages.c.id.in_(_with(number)))
    if query["connection"]:
        wanted = wanted.where(messages.c.connection == query["connection"])
    if query["direction"]:
        wanted = wanted.where(messages.c.direction == query["direction"])
    if query["run"]:
        wanted = wanted.where(messages.c.run_id == query["run"])
    if query["cursor"]:
        wanted = wanted.where(messages.c.id < query["cursor"])
    with runtime.journal.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(wanted)]  # noqa: SLF001  SQLAlchemy's public name
    for row in rows:
        row["timeline"] = jsontext.load(row["timeline"])
        row["media"] = shown_media(jsontext.load(row["media"]))
        row["terminal"], row["refunded"] = bool(row["terminal"]), bool(row["refunded"])
    more = rows[limit - 1]["id"] if len(rows) > limit else None
    return {"messages": rows[:limit], "next": more}, 200


def _with(number: str) -> CompoundSelect[Any]:
    """The ids of messages to a number, and of those that came from it: each by its index, which an `or` would not use."""
    came = messages.c.direction == literal_column("'in'")
    return union(
        select(messages.c.id).where(messages.c.number_to == number),
        select(messages.c.id).where(messages.c.number_from == number, came),
    )


def show_run_row(run: Run) -> dict[str, Any]:
    """A run without what only the engine needs."""
    return {key: value for key, value in run._asdict().items() if key not in _HIDDEN}


def no_run(run_id: str) -> Refusal:
    """The 404 of a run that is not there."""
    return Refusal(
        404,
        "not_found",
        "There is no such run.",
        "It may have gone with retention; GET /api/v1/runs lists those there are.",
        f"{BASE}/runs/{run_id}",
    )


def _get(runtime: Runtime, run_id: str) -> Run:
    with runtime.journal.read() as connection:
        run = runs.get_run(connection, run_id)
    if run is None:
        raise no_run(run_id)
    return run
