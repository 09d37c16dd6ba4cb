"""A workflow's examples, played on the rehearsal gateway in this process, with the clock in our hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from ringback.cli import knock, opening
from ringback.cli.texting import Replies

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from ringback.connectors.catalogue import Catalogue
    from ringback.connectors.incoming import IncomingRequest
    from ringback.connectors.transport import Transport
    from ringback.engine.runtime import Runtime
    from ringback.rehearsal.inprocess import InProcess
    from ringback.rehearsal.mail import Mailbox
    from ringback.settings import Settings
    from ringback.workflow.model import Workflow

BEGINS = "2026-09-01T10:00:00"
"""When an example happens that does not say when; a Tuesday."""
LONGEST_MS = 366 * 86_400_000
"""What is due later than this is not waited for, even on a simulated clock."""


@dataclass
class Played:
    """What happened. `texts` are the messages that a gateway took or refused, in order, as the journal has them."""

    state: str
    error: Mapping[str, Any] | None
    texts: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    steps: dict[str, Any] = field(default_factory=dict)
    scope: dict[str, Any] = field(default_factory=dict)
    emails: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def play(
    workflow: Workflow,
    example: Mapping[str, Any],
    settings: Settings,
    catalogue: Catalogue,
    source: Path,
    scratch: Path,
) -> Played:
    """Play one example of a workflow whose file is `source`; everything it keeps is below `scratch`."""
    from ringback.clock import SimulatedClock

    given = example.get("given") or {}
    zone = ZoneInfo(str(settings.project.get("timezone") or "UTC"))
    clock = SimulatedClock(opening.at_ms(zone, str(given.get("at") or BEGINS)))
    with _mailbox(workflow, catalogue) as mailbox:
        settings = _settings(
            settings, catalogue, workflow, example.get("inputs") or {}, scratch, mailbox
        )
        refused: list[str] = []
        workflow = knock.open_to_examples(workflow, catalogue)
        stage = _open(workflow, example, settings, catalogue, clock, refused)
        try:
            replies = Replies(stage, (example.get("gateway") or {}).get("replies") or ())
            run_id = knock.bring_in(stage, workflow, given, source.parent)
            _advance(stage.runtime, stage.transport, replies)
            played = _told(stage.runtime, stage.transport, run_id)
        finally:
            stage.runtime.close(0)
        return replace(
            played,
            refused=refused,
            emails=[one.as_json() for one in mailbox.letters] if mailbox else [],
        )


@contextmanager
def _mailbox(workflow: Workflow, catalogue: Catalogue) -> Iterator[Mailbox | None]:
    """A mail server that passes nothing on, for a workflow that sends email."""
    from ringback.rehearsal.mail import Mailbox
    from ringback.rehearsal.project import MAIL_ROLE

    sending = {action.full for action in catalogue.implementing(MAIL_ROLE)}
    if not any(step.uses in sending for step in workflow.all_steps()):
        yield None
        return
    mailbox = Mailbox()
    mailbox.start()
    try:
        yield mailbox
    finally:
        mailbox.stop()


def _settings(
    settings: Settings,
    catalogue: Catalogue,
    workflow: Workflow,
    inputs: Mapping[str, Any],
    scratch: Path,
    mailbox: Mailbox | None,
) -> Settings:
    """The project's settings with stand-ins for secrets and mail, a journal of their own, and the example's inputs.

    What a client filled in is no concern of an example: inputs are the workflow's defaults and the example's.
    """
    from ringback.rehearsal.project import rehearsed
    from ringback.settings import WorkflowSettings

    return replace(
        rehearsed(settings, catalogue, mailbox),
        workflows={workflow.id: WorkflowSettings(dict(inputs))},
        journal_path=scratch / "journal.db",
        journal_url="",
        files_folder=scratch / "files",
    )


def _open(
    workflow: Workflow,
    example: Mapping[str, Any],
    settings: Settings,
    catalogue: Catalogue,
    clock: Any,
    refused: list[str],
) -> knock.Stage:
    """A runtime of this one workflow that reaches nobody; `refused` hears of callbacks that were."""
    from ringback.engine.runtime import open_runtime
    from ringback.rehearsal.inprocess import InProcess, by_example
    from ringback.rehearsal.project import rehearsals_of
    from ringback.web.app import create_app
    from ringback.workflow.load import workflow_set

    gateway = example.get("gateway") or {}
    door: list[FlaskClient] = []

    def deliver(connection: str, request: IncomingRequest) -> None:
        answer = knock.call_back(door[0], request)
        if answer >= 300:
            refused.append(f"A callback of {connection} was answered {answer}.")

    gateways = rehearsals_of(settings, catalogue, clock, seed=1, script=by_example(gateway))
    transport = InProcess(gateways, clock, deliver, answers=gateway.get("answers"))
    runtime = open_runtime(
        settings,
        clock=clock,
        transport=cast("Transport", transport),  # it has the same `send` and `close`
        catalogue=catalogue,
        workflows=workflow_set({workflow.id: workflow}, catalogue),
    )
    runtime.start()
    door.append(create_app(runtime).test_client())
    two_way = tuple(
        one.connection
        for one in gateways
        if one.manifest.callbacks is not None and one.manifest.callbacks.inbound
    )
    return knock.Stage(runtime, transport, door[0], two_way)


class _Callbacks:
    """The rehearsal's callbacks as one more thing that time brings on."""

    def __init__(self, transport: InProcess) -> None:
        self._transport = transport

    def next_at(self) -> int | None:
        return self._transport.next_at()

    def fire(self, now: int) -> None:  # noqa: ARG002  the transport has the same clock
        self._transport.deliver_due()


def _advance(runtime: Runtime, transport: InProcess, replies: Replies) -> None:
    """Let time pass from one event to the next until nothing is left that time alone brings on."""
    from ringback.engine import inline

    until = runtime.clock.now_ms() + LONGEST_MS
    inline.drain(runtime, until=until, sources=[_Callbacks(transport), replies])


def _told(runtime: Runtime, transport: InProcess, run_id: str) -> Played:
    from ringback.engine import scope
    from ringback.journal.timeline import run_story

    with runtime.journal.read() as conn:
        told = run_story(conn, run_id)
    assert told is not None
    texts = [one for one in told["messages"] if one["direction"] == "out"]
    calls = [
        {
            "method": call.method,
            "url": call.url,
            "headers": dict(call.headers),
            "body": (call.body or b"").decode("utf-8", "replace"),
        }
        for call in transport.calls
    ]
    steps = {step["id"]: step["output"] for step in told["steps"] if step["id"]}
    run = told["run"]
    names = scope.of_run(runtime, run_id)
    return Played(run["state"], run["error"], texts, calls, steps, names)
