"""An example's event, brought in through the program's own doors, so that they have their say about it.

Left out of a webhook's trigger: its authentication, because an example has no secret to prove, and its
`respond`, because nobody waits for the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ringback.cli import opening
from ringback.problems import Failure

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from ringback.connectors.catalogue import Catalogue
    from ringback.connectors.incoming import IncomingRequest
    from ringback.engine.runtime import Runtime
    from ringback.rehearsal.inprocess import InProcess
    from ringback.workflow.model import TriggerUse, Workflow

OUR_NUMBER = "+447700900100"
"""Where a text comes in to, in an example that does not say."""
LEFT_OUT = ("auth", "respond")
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """What an example is played on."""

    runtime: Runtime
    transport: InProcess
    door: FlaskClient
    two_way: tuple[str, ...]
    """The connections through which a text can come in."""


def open_to_examples(workflow: Workflow, catalogue: Catalogue) -> Workflow:
    """The workflow switched on, its webhooks without what an example cannot give. Its hash stays: it is the same text."""
    triggers = tuple(
        replace(use, with_={key: use.with_[key] for key in use.with_ if key not in LEFT_OUT})
        if _source(use, catalogue) == "webhook"
        else use
        for use in workflow.triggers
    )
    return replace(workflow, enabled=True, triggers=triggers)


def bring_in(stage: Stage, workflow: Workflow, given: Given, folder: Path) -> str:
    """Let the event of an example happen; the id of the run that it opens. Raises `Failure` where it opens none."""
    index, source = opening.choose(stage.runtime, workflow, given)
    if source == "webhook" and "data" not in given:
        return _post(stage, workflow.triggers[index], given, folder)
    if source == "inbound" and given.get("inbound") and stage.two_way:
        return _text_in(stage, workflow, given["inbound"])
    return opening.start(stage.runtime, workflow, given, folder, "example")


def call_back(door: FlaskClient, request: IncomingRequest) -> int:
    """Deliver a gateway's callback, which the door verifies; the status of the answer."""
    parts = urlsplit(request.url)
    answer = door.open(
        path=parts.path,
        method=request.method,
        query_string=parts.query,
        headers=dict(request.headers),
        data=request.body,
        content_type=request.content_type or None,
    )
    return answer.status_code


def _post(stage: Stage, use: TriggerUse, given: Given, folder: Path) -> str:
    methods = use.with_.get("methods") or ["POST"]
    method = "POST" if "POST" in methods else str(methods[0])
    with ExitStack() as stack:
        answer = stage.door.open(
            path=f"/hooks/{str(use.with_.get('path', '')).strip('/')}",
            method=method,
            query_string=dict(given.get("query") or {}),
            headers={name: str(value) for name, value in (given.get("headers") or {}).items()},
            **_body(given, dict(_files(given, folder, stack))),
        )
    receipt = answer.get_json(silent=True) or {}
    if "run" not in receipt:
        raise _refused(answer, receipt)
    return str(receipt["run"])


def _body(given: Given, files: dict[str, Any]) -> dict[str, Any]:
    """The body as the test client takes it: a form with files, JSON, or text."""
    body = given.get("body")
    if files:
        fields = body if isinstance(body, dict) else {}
        return {"data": {**{name: str(value) for name, value in fields.items()}, **files}}
    if body is None:
        return {}
    return {"data": body} if isinstance(body, str) else {"json": body}


def _files(given: Given, folder: Path, stack: ExitStack) -> Iterator[tuple[str, Any]]:
    for name, path in (given.get("files") or {}).items():
        place = folder / str(path)
        if not place.is_file():
            raise Failure("not_found", f"There is no file {place}.", "Check its name.")
        yield name, (stack.enter_context(place.open("rb")), place.name)


def _refused(answer: TestResponse, told: Mapping[str, Any]) -> Failure:
    error = told.get("error") or {}
    said = [str(error.get("message") or answer.get_data(as_text=True))]
    said += [str(one.get("message")) for one in error.get("problems") or ()]
    message = f"The webhook was answered {answer.status_code}: {' '.join(dict.fromkeys(said))}"
    return Failure("refused", message, str(error.get("next") or ""))


def _text_in(stage: Stage, workflow: Workflow, inbound: Mapping[str, Any]) -> str:
    from ringback.journal import runs

    names = stage.two_way
    connection = str(inbound.get("connection") or names[0])
    if connection not in names:
        raise Failure(
            "not_found",
            f"No text comes in through {connection}.",
            f"Those it can come in through: {', '.join(names)}.",
        )
    to = str(inbound.get("to") or OUR_NUMBER)
    text = str(inbound.get("text", ""))
    stage.transport.text_in(connection, str(inbound.get("from", "")), to, text)
    with stage.runtime.journal.read() as conn:
        page = runs.list_runs(conn, workflow=workflow.id)
    if not page.runs:
        raise Failure(
            "not_found",
            f"The text “{text}” started no run.",
            "Check the trigger's keywords and connection.",
        )
    return page.runs[-1].id


def _source(use: TriggerUse, catalogue: Catalogue) -> str:
    trigger = catalogue.trigger(use.uses)
    return trigger.source if trigger else ""
