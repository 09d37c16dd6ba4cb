"""`ringback runs`: what ran, what happened in a run, and what a person decides about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ringback.cli import console, project, settling, story
from ringback.cli.settling import Wanted
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.engine.runtime import Runtime
    from ringback.journal.journal import Journal
    from ringback.settings import Settings

STATES = (
    "queued",
    "running",
    "waiting",
    "uncertain",
    "succeeded",
    "failed",
    "stopped",
    "canceled",
    "skipped",
)


@click.group(invoke_without_command=True)
@click.option("--workflow", help="Only runs of this workflow.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(STATES),
    help="Only runs in this state; repeatable.",
)
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="At most so many."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
@click.pass_context
def command(
    context: click.Context,
    workflow: str | None,
    states: tuple[str, ...],
    limit: int,
    as_json: bool,
    where: Path | None,
) -> None:
    """List the runs, newest first.

    \b
    Example:
      ringback runs
      ringback runs --state failed --state uncertain
      ringback runs show run_01k3v9m2q8
    """
    if context.invoked_subcommand is not None:
        return
    from ringback.journal import runs

    with reading(project.settings(where)) as journal, journal.read() as conn:
        page = runs.list_runs(conn, workflow=workflow, states=states, limit=limit)
    if as_json:
        console.as_json([_row(run) for run in page.runs])
    elif not page.runs:
        console.say("No run yet." if not (workflow or states) else "No such run.")
    else:
        console.table(
            ["run", "workflow", "state", "started", "took", "what"],
            [story.row(run) for run in page.runs],
        )
        if page.cursor is not None:
            console.say("There are more; --limit shows up to 500.")


@command.command()
@click.argument("run_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print the whole story as JSON.")
@project.option
def show(run_id: str, as_json: bool, where: Path | None) -> None:
    """Show one run: its steps, its messages and their reports, in the order of time.

    \b
    Example:
      ringback runs show run_01k3v9m2q8
    """
    from ringback.journal.timeline import run_story

    with reading(project.settings(where)) as journal, journal.read() as conn:
        told = run_story(conn, run_id)
    if told is None:
        raise no_run(run_id)
    if as_json:
        console.as_json(told)
    else:
        story.say(told)


@command.command()
@click.argument("run_id", metavar="[ID]", required=False)
@click.argument("step", required=False)
@click.option("--sent", "decision", flag_value="sent", help="It happened: go on from there.")
@click.option("--again", "decision", flag_value="again", help="It did not happen: do it.")
@click.option(
    "--give-up", "decision", flag_value="give_up", help="End a run whose workers stopped over it."
)
@click.option("--all", "all_of_them", is_flag=True, help="Every uncertain step, listed first.")
@click.option("--workflow", help="With --all: only of this workflow.")
@click.option("--connection", help="With --all: only texts through this connection.")
@click.option(
    "--last", metavar="DURATION", help="With --all: only those begun within the last, say, 3 hours."
)
@click.option("--yes", is_flag=True, help="With --all: do not ask.")
@project.option
def settle(
    run_id: str | None,
    step: str | None,
    all_of_them: bool,
    workflow: str | None,
    connection: str | None,
    last: str | None,
    yes: bool,
    decision: Literal["sent", "again", "give_up"] | None,
    where: Path | None,
) -> None:
    """Decide about a step of which nobody knows whether it happened. STEP is needed only where several are open.

    A run that was put down since its workers stopped over it is settled as a whole: --again or --give-up.
    After a gateway's bad hour, --all settles many steps alike.

    \b
    Example:
      ringback runs settle run_01k3v9m2q8 --sent
      ringback runs settle run_01k3v9m2q8 confirmation --again
      ringback runs settle --all --connection front-desk --last "3 hours" --sent
    """
    from ringback.cli.actor import typing
    from ringback.engine import accept

    if decision is None:
        raise click.UsageError("Say either --sent or --again.", click.get_current_context())
    if all_of_them:
        if run_id is not None or decision == "give_up":
            raise click.UsageError("With --all goes no ID, and --sent or --again.")
        settling.say(where, Wanted(workflow, connection, last), decision, ask=not yes)
        return
    if run_id is None or yes or workflow or connection or last:
        raise click.UsageError("Name a run by its ID, or say --all.")
    with acting(where) as runtime:
        path = step or _open_step(runtime, run_id)
        if not accept.settle(runtime, run_id, path, decision, by=typing()):
            raise Failure(
                "refused",
                f"The step {path} of {run_id} is not uncertain."
                if path
                else f"{run_id} was put down as a whole: it is tried --again, or you --give-up.",
                f"`ringback runs show {run_id}` shows how it stands.",
            )
    said = {"sent": "it went", "again": "it is done again", "give_up": "given up"}[decision]
    follows = "" if decision == "give_up" else "The run goes on under `ringback serve`."
    console.mark("good", f"{run_id}{f', {path}' if path else ''}: {said}.", follows)


@command.command()
@click.argument("run_id", metavar="ID")
@project.option
def cancel(run_id: str, where: Path | None) -> None:
    """Cancel a run that has not finished; what it has done stays done.

    \b
    Example:
      ringback runs cancel run_01k3v9m2q8
    """
    from ringback.cli.actor import typing
    from ringback.engine import accept

    with acting(where) as runtime:
        if not accept.cancel(runtime, run_id, by=typing()):
            raise Failure(
                "refused",
                f"There is no unfinished run {run_id}.",
                f"`ringback runs show {run_id}` shows how it ended.",
            )
    console.mark("good", f"{run_id} is canceled.")


@contextmanager
def reading(settings: Settings) -> Iterator[Journal]:
    """The project's journal, for as long as the body runs."""
    from ringback.clock import SystemClock
    from ringback.journal.journal import Journal

    journal = Journal.open(settings.journal, SystemClock())
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def acting(where: Path | None) -> Iterator[Runtime]:
    """The project's runtime, not started: it writes decisions that the serving process carries out."""
    from ringback.engine.runtime import open_runtime

    runtime = open_runtime(project.settings(where))
    try:
        yield runtime
    finally:
        runtime.close(0)


def _open_step(runtime: Runtime, run_id: str) -> str:
    """The run's one uncertain step; empty for a run that was put down as a whole.

    Raises `Failure` where there is none, or are several.
    """
    from ringback.journal import holders, runs, steps

    with runtime.journal.read() as conn:
        run = runs.get_run(conn, run_id)
        if run is None:
            raise no_run(run_id)
        uncertain = [one.path for one in steps.of_run(conn, run_id) if one.state == "uncertain"]
    if not uncertain and holders.is_put_down(run):
        return ""
    if not uncertain:
        raise Failure(
            "refused",
            f"No step of {run_id} is uncertain.",
            f"`ringback runs show {run_id}` shows how it stands.",
        )
    if len(uncertain) > 1:
        raise Failure(
            "invalid_input",
            f"{run_id} has several uncertain steps: {', '.join(uncertain)}.",
            "Name the one you mean.",
        )
    return uncertain[0]


def no_run(run_id: str) -> Failure:
    """The failure for a run that does not exist."""
    return Failure("not_found", f"There is no run {run_id}.", "`ringback runs` lists them.")


def _row(run: Any) -> dict[str, Any]:
    return {
        "id": run.id,
        "workflow": run.workflow,
        "state": run.state,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "error": run.error,
    }
