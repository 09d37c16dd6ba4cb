"""The walk: what a run does from its receipt to its end."""

from __future__ import annotations

from collections.abc import Callable

from tests.engine.bench import NUMBER, Project, workflow

Open = Callable[..., Project]

GREETING = """
- id: words
  uses: text.render
  with: {text: "Hi {{ trigger.body.name }}"}
- id: confirmation
  uses: sms.send
  with: {to: "{{ trigger.body.phone }}", text: "{{ words.text }}"}
"""
AMINA = {"body": {"name": "Amina", "phone": "07700 900077"}}


def test_a_receipt_is_a_run_that_texts_and_ends(project: Open) -> None:
    it = project(hello=workflow(GREETING))
    run = it.run("hello", AMINA)
    assert run.state == "succeeded", run.error
    assert it.gateway.texts == [(NUMBER, "Hi Amina")]
    (message,) = it.messages(run.id)
    assert (message.status, message.gateway_id, message.segments) == ("accepted", "gw-1", 1)
    assert message.timeline[0]["gate"][0]["passed"]
    assert run.result["gateway_id"] == "gw-1"
