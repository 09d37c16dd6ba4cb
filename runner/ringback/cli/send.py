"""`ringback send`: one test message, through the same gate as every other."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringback.cli import console, opening, project
from ringback.cli.opening import SOURCE
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.connectors.catalogue import Catalogue
    from ringback.engine.runtime import Runtime
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
@click.option(
    "--dry-run",
    is_flag=True,
    help="Send nothing: say what the gate says, the SMS it takes, the cost.",
)
@project.option
def command(to: str, text: str, through: str | None, dry_run: bool, where: Path | None) -> None:
    """Send one test message through a connection and say what the gateway answered.

    It is a run like any other: `ringback runs` shows it, and a running `ringback serve` hears its reports.
    With --dry-run nothing is sent and nothing kept.

    \b
    Example:
      ringback send --to +447700900077 --text "Hello from the front desk"
      ringback send --to +447700900077 --text "Hello" --through backup
      ringback send --to +447700900077 --text "Hello" --dry-run
    """
    from ringback.cli import here
    from ringback.cli.actor import typing

    with here.runtime(where) as runtime:
        if dry_run:
            _say_trial(runtime, to, text, through)
            return
        workflow = one_message(runtime.catalogue, through)
        with console.busy(f"Sending to {to}"):
            run_id = opening.start(
                runtime, workflow, {"data": {"to": to, "text": text}}, Path(), SOURCE, typing()
            )
            here.advance(runtime, run_id, wait_ms=0)
        told = here.story(runtime, run_id)
    _say(told)


def _say_trial(runtime: Runtime, to: str, text: str, through: str | None) -> None:
    """What would become of a message; raises the failure with which the gate would stop it."""
    from ringback.engine.trial import trial
    from ringback.sms.gate import pass_or_fail

    tried = trial(runtime, to, text, through)
    for verdict in tried.gate.verdicts:
        later = "wait" if verdict.until is not None else "bad"
        console.mark("good" if verdict.passed else later, verdict.check, verdict.detail)
    size = tried.cost.size
    console.mark("note", f"{size.count} SMS", f"{size.encoding}, {size.units} units")
    for one in size.offenders:
        name = unicodedata.name(one, "a character without a name").lower()
        console.mark("note", f"“{one}” is not in GSM-7", f"U+{ord(one):04X} {name}")
    if tried.cost.plain.count < size.count:
        console.mark("note", f"with plain quotes {tried.cost.plain.count} SMS", "messages: {plain_quotes: true}")  # fmt: skip
    console.mark("note", "cost", tried.cost.money or f"unknown: no prices for {tried.connection}")
    pass_or_fail(tried.gate)
    console.say(f"Nothing was sent. It would go through {tried.connection}.")


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
