"""`ringback send`: one test message, through the same gate as every other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringback.cli import console, opening, project
from ringback.cli.opening import SOURCE
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.connectors.catalogue import Catalogue
    from ringback.workflow.model import Workflow

ID = "send"


@click.command()
@click.option("--to", required=True, help="The phone, such as +447700900077.")
@click.option("--text", required=True, help="What to say.")
@click.option(
    "--through",
    metavar="CONNECTION",
    help="The connection. Default: send_through of ringback.yaml.",
)
@project.option
def command(to: str, text: str, through: str | None, where: Path | None) -> None:
    """Send one test message through a connection and say what the gateway answered.

    It is a run like any other: `ringback runs` shows it, and a running `ringback serve` hears its reports.

    \b
    Example:
      ringback send --to +447700900077 --text "Hello from the front desk"
      ringback send --to +447700900077 --text "Hello" --through backup
    """
    from ringback.cli import here

    with here.runtime(where) as runtime:
        workflow = one_message(runtime.catalogue, through)
        with console.busy(f"Sending to {to}"):
            run_id = opening.start(
                runtime, workflow, {"data": {"to": to, "text": text}}, Path(), SOURCE
            )
            here.advance(runtime, run_id, wait_ms=0)
        told = here.story(runtime, run_id)
    _say(told)


def one_message(catalogue: Catalogue, through: str | None) -> Workflow:
    """A workflow of one step that sends what its trigger says."""
    from ringback.workflow.load import parse

    action = next((one for one in catalogue.actions.values() if one.engine == "send_message"), None)
    trigger = next((one for one in catalogue.triggers.values() if one.source == "manual"), None)
    if action is None or trigger is None:
        raise Failure("not_found", "No connector offers to send a message by hand.")
    inputs = {"to": "{{ trigger.data.to }}", "text": "{{ trigger.data.text }}"}
    step = {
        "id": "message",
        "uses": action.full,
        "with": inputs | ({"send_through": through} if through else {}),
    }
    # JSON is YAML, and needs no care about quotes.
    source = json.dumps(
        {"name": "Test message", "trigger": {"uses": trigger.full}, "steps": [step]}
    )
    workflow, document = parse(source, "ringback send", id=ID)
    if workflow is None:
        raise Failure("internal", f"The test message's workflow is wrong: {document.problems}")
    return workflow


def _say(told: dict[str, Any]) -> None:
    run = told["run"]
    for message in told["messages"]:
        console.mark(
            "bad" if message["status"] in {"failed", "rejected"} else "good",
            f"{message['number_to']} through {message['connection']}: {message['status']}",
            f"{message['segments']} SMS, {message['encoding']}, the gateway's id {message['gateway_id'] or '-'}",
        )
    if run["state"] != "succeeded":
        error = run["error"] or {}
        raise Failure(
            "refused",
            str(error.get("message") or f"The run is {run['state']}."),
            str(error.get("next") or f"`ringback runs show {run['id']}` shows it."),
        )
    console.say(f"`ringback runs show {run['id']}` tells what becomes of it.")
