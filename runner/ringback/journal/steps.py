"""Steps: the checkpoints of a run. A step with a result here is not done again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from ringback.journal import jsontext
from ringback.journal.runs import Lease, LeaseLost, check, held, hold_run, holding
from ringback.journal.schema import runs, steps
from ringback.journal.statements import Row, Statement

STATES = ("intended", "waiting", "succeeded", "failed", "skipped", "uncertain", "handled")


class Step(NamedTuple):
    """Where one step of one run stands.

    `path` is the static position in the workflow plus the turn of each loop (`each_course/0`); `id` the
    name that templates use. `input` is already masked.
    """

    path: str
    id: str | None
    uses: str
    state: str
    attempt: int
    effect: str
    started_at: int
    finished_at: int | None = None
    input: Any = None
    output: Any = None
    error: Any = None
    wake_at: int | None = None


_KEPT = [column for column in steps.c if column.name not in ("run_id", "path")]
_PUT = Statement(
    insert(steps).from_select(
        [column.name for column in steps.c],
        select(
            runs.c.id,
            *[
                bindparam(column.name, type_=column.type)
                for column in steps.c
                if column.name != "run_id"
            ],
        )
        .where(*held())
        .with_for_update(read=True),
    ),
    " ON CONFLICT (run_id, path) DO UPDATE SET "
    + ", ".join(f"{column.name} = excluded.{column.name}" for column in _KEPT),
)
_COLUMNS = [column for column in steps.c if column.name != "run_id"]
_OF_RUN = Statement(
    select(*_COLUMNS)
    .where(steps.c.run_id == bindparam("run"))
    .order_by(steps.c.started_at, steps.c.path)
)
_GET = Statement(
    select(*_COLUMNS).where(steps.c.run_id == bindparam("run"), steps.c.path == bindparam("at"))
)
_UNFINISHED_RUN = exists().where(runs.c.id == bindparam("run"), runs.c.finished_at.is_(None))
_UNCERTAIN = (
    steps.c.run_id == bindparam("run"),
    steps.c.path == bindparam("at"),
    steps.c.state == "uncertain",
    _UNFINISHED_RUN,
)
_IS_UNCERTAIN = Statement(select(steps.c.path).where(*_UNCERTAIN))
_SETTLE = Statement(
    update(steps)
    .where(*_UNCERTAIN)
    .values(
        state="succeeded",
        output=bindparam("made"),
        finished_at=bindparam("now"),
        error=None,
        wake_at=None,
    )
)
_FORGET_UNCERTAIN = Statement(delete(steps).where(*_UNCERTAIN))
_FORGET = Statement(
    delete(steps).where(steps.c.run_id == bindparam("run"), steps.c.path == bindparam("at"))
)


def put(conn: Connection, lease: Lease, step: Step) -> None:
    """Write where a step stands, over what was there. Raises `LeaseLost` when the run is not ours any more."""
    values = holding(lease)
    values.update(step._asdict())
    values["input"] = jsontext.dump_or_none(step.input)
    values["output"] = jsontext.dump_or_none(step.output)
    values["error"] = jsontext.dump_or_none(step.error)
    if not _PUT.run(conn, values):
        raise LeaseLost(lease)


def put_all(conn: Connection, lease: Lease, several: Sequence[Step]) -> None:
    """`put` for each: the results of `none` steps that ride along with the next commit."""
    for step in several:
        put(conn, lease, step)


def of_run(conn: Connection, run_id: str) -> list[Step]:
    """The steps of a run in the order in which they began."""
    return [_step(row) for row in _OF_RUN.rows(conn, {"run": run_id})]


def get_step(conn: Connection, run_id: str, path: str) -> Step | None:
    """One step, or None when it has not begun."""
    row = _GET.row(conn, {"run": run_id, "at": path})
    return None if row is None else _step(row)


def forget(conn: Connection, lease: Lease, path: str) -> None:
    """Take a step's row away, so that the step is done again; fine when there is none. Raises `LeaseLost`."""
    check(conn, lease)
    _FORGET.run(conn, {"run": lease.run_id, "at": path})


def is_uncertain(conn: Connection, run_id: str, path: str) -> bool:
    """Whether a step of an unfinished run is uncertain, which nobody changes before the transaction ends."""
    hold_run(conn, run_id)
    return _IS_UNCERTAIN.row(conn, {"run": run_id, "at": path}) is not None


def settle_sent(conn: Connection, run_id: str, path: str, output: Any, now: int) -> bool:
    """An uncertain step did happen: it succeeded with `output`. False when it is not uncertain any more."""
    made = jsontext.dump_or_none(output)
    hold_run(conn, run_id)
    return _SETTLE.run(conn, {"run": run_id, "at": path, "made": made, "now": now}) > 0


def settle_again(conn: Connection, run_id: str, path: str) -> bool:
    """An uncertain step did not happen: its row goes, so that it is done again. False when it is not uncertain any more."""
    hold_run(conn, run_id)
    return _FORGET_UNCERTAIN.run(conn, {"run": run_id, "at": path}) > 0


def _step(row: Row) -> Step:
    step = Step(*row)
    return step._replace(
        input=jsontext.load_or_none(row[8]),
        output=jsontext.load_or_none(row[9]),
        error=jsontext.load_or_none(row[10]),
    )
