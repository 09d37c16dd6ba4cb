"""What STOP, START and HELP are answered with: a run of one step, like every other text that goes out."""

from __future__ import annotations

import json
from functools import lru_cache

from ringback.engine import opening
from ringback.engine.runtime import Runtime
from ringback.problems import Failure
from ringback.sms.optout import Heard
from ringback.workflow import load
from ringback.workflow.model import Workflow

ID = "ringback/answer"
"""The answer's workflow; no file can have this name, so no project's workflow passes for it."""


def is_answer(workflow: Workflow) -> bool:
    """Whether a run answers STOP, START or HELP, which somebody who has opted out is told all the same."""
    return workflow.id == ID


def plan(runtime: Runtime, heard: Heard, event: opening.Event) -> opening.Plan | None:
    """The run that answers, or None where the project wants none, or nothing has changed."""
    text = runtime.settings.messages.answers.get(heard.kind, "").strip()
    if not text or not (heard.changed or heard.kind == "help"):
        return None
    action = next(
        (one.full for one in runtime.catalogue.actions.values() if one.engine == "send_message"), ""
    )
    trigger = next(
        (one.full for one in runtime.catalogue.triggers.values() if one.source == "inbound"), ""
    )
    return opening.plan(runtime, _workflow(heard.kind, text, action, trigger), 0, event)


@lru_cache(maxsize=64)
def _workflow(kind: str, text: str, action: str, trigger: str) -> Workflow:
    step = {
        "id": "answer",
        "uses": action,
        "with": {
            "to": "{{ trigger.from }}",
            "text": text,
            "send_through": "{{ trigger.connection }}",
        },
        # a gateway that keeps its own list of opt-outs may refuse it, and that is no news
        "on_error": "continue",
    }
    whole = {
        "name": f"Answer to {kind.upper()}",
        "trigger": {"uses": trigger},
        "steps": [step],
    }
    # JSON is YAML, and needs no care about quotes.
    workflow, document = load.parse(json.dumps(whole), f"workflows/{ID}.yaml", id=ID)
    if workflow is None:
        raise Failure("internal", f"The answer to {kind} cannot be made: {document.problems}")
    return workflow
