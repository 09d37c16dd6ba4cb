"""`ringback run`: one run, here, now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringback.cli import console, opening, project, story
from ringback.cli.opening import SOURCE
from ringback.problems import Failure, Mistakes
from ringback.words import duration_ms

if TYPE_CHECKING:
    from ringback.engine.runtime import Runtime
    from ringback.workflow.model import Workflow

Pairs = tuple[str, ...]


@click.command()
@click.argument("name", metavar="WORKFLOW")
@click.option(
    "--file",
    "files",
    multiple=True,
    metavar="NAME=PATH",
    help="A file, by the name the workflow knows it; repeatable.",
)
@click.option(
    "--data",
    multiple=True,
    metavar="KEY=VALUE",
    help="A value, as text; repeatable. @FILE takes a JSON object.",
)
@click.option(
    "--connection", metavar="NAME", help="Send through this connection instead of the project's."
)
@click.option(
    "--wait",
    default="20 seconds",
    show_default=True,
    help="How long to stay with a run that waits.",
)
@project.option
def command(
    name: str, files: Pairs, data: Pairs, connection: str | None, wait: str, where: Path | None
) -> None:
    """Run one workflow of the project, with files and values in place of a webhook.

    WORKFLOW is the name of its file without .yaml. A run that still waits when the time is up goes on
    under `ringback serve`.

    \b
    Example:
      ringback run enrolment --file agreement=agreement.docx
      ringback run order_shipped --data @order.json --connection backup
    """
    from ringback.cli import here
    from ringback.cli.actor import typing

    wait_ms = _duration(wait)
    given = {"files": _pairs(files, "--file"), "data": _values(data)}
    with here.runtime(where, connection) as runtime:
        workflow = _workflow(runtime, name)
        with console.busy(f"Running {name}"):
            run_id = opening.start(runtime, workflow, given, Path.cwd(), SOURCE, typing())
            here.advance(runtime, run_id, wait_ms)
        told = here.story(runtime, run_id)
    story.say(told)
    _end(told["run"])


def _workflow(runtime: Runtime, name: str) -> Workflow:
    wanted = name.removesuffix(".yaml")
    workflow = runtime.workflows.by_id.get(wanted)
    if workflow is not None:
        return workflow
    mistakes = [
        problem for problem in runtime.workflows.problems if Path(problem.file).stem == wanted
    ]
    if mistakes:
        raise Mistakes(mistakes)
    known = ", ".join(sorted(runtime.workflows.by_id)) or "none"
    raise Failure("not_found", f"There is no workflow {wanted}.", f"The project has: {known}.")


def _end(run: dict[str, Any]) -> None:
    """Exit 1 where the run did not do what it should."""
    if run["state"] in {"failed", "uncertain"}:
        raise click.exceptions.Exit(1)
    if run["finished_at"] is None:
        console.say()
        console.say(
            f"It is {run['state']} and goes on under `ringback serve`: ringback runs show {run['id']}"
        )


def _pairs(given: Pairs, option: str) -> dict[str, str]:
    found = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(
                f"{option} {pair}: write a name, =, and a value.", click.get_current_context()
            )
        found[name] = value
    return found


def _values(given: Pairs) -> dict[str, Any]:
    """`KEY=VALUE` as texts, and `@FILE` as the JSON object in it."""
    found: dict[str, Any] = {}
    for one in given:
        found |= _json_file(Path(one[1:])) if one.startswith("@") else _pairs((one,), "--data")
    return found


def _json_file(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise Failure("not_found", f"There is no file {path}.", "Check its name.") from None
    except ValueError as error:
        raise Failure("invalid_input", f"{path} is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Failure(
            "invalid_input", f"{path} holds no JSON object.", "Write names and values in braces."
        )
    return value


def _duration(text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None
