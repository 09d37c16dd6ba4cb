from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.workflow.fakes import CATALOGUE

from ringback.settings import Settings, load_settings
from ringback.workflow.load import load_folder, parse
from ringback.workflow.model import Retry, Step

SOURCE = """\
name: Everything
inputs: { starts: { label: First, default: Monday }, phone: { type: phone, required: true } }
triggers:
  - uses: manual
  - { id: hook, uses: webhook.received, with: { path: orders } }
concurrency: { key: "{{ trigger.x }}", when_busy: skip, limit: 2 }
steps:
  - id: each
    for_each: "{{ inputs.list }}"
    as: person
    steps:
      - uses: flow.wait
        timeout: 1 minute
        retry: { times: 2, delay: 10 seconds, backoff: fixed, max_delay: 1 minute, on: throttled }
  - if: true
    uses: flow.wait
    else: [{ uses: flow.wait }]
    on_error: [{ id: rescue, uses: flow.wait }]
  - { uses: flow.wait, on_error: continue }
on_failure: [{ uses: flow.wait }]
"""


def test_a_workflow_as_the_program_sees_it() -> None:
    workflow, document = parse(SOURCE, "workflows/everything.yaml")
    assert document.problems == []
    assert workflow is not None
    assert (workflow.id, workflow.name, workflow.enabled) == ("everything", "Everything", True)
    assert workflow.hash == hashlib.sha256(SOURCE.encode()).hexdigest()
    assert [step.path for step in workflow.all_steps()] == [
        "each", "each/0", "1", "1/else/0", "1/on_error/rescue", "2", "on_failure/0",
    ]  # fmt: skip
    each, branch, last = workflow.steps
    assert (each.as_, each.for_each) == ("person", "{{ inputs.list }}")
    assert each.steps[0].retry == Retry(2, 10_000, "fixed", 60_000, ("throttled",))
    assert each.steps[0].timeout_ms == 60_000
    assert branch.if_ == "true"
    assert last.on_error == "continue"
    assert workflow.inputs["phone"].required
    assert workflow.concurrency is not None
    assert workflow.concurrency.limit == 2
    assert workflow.triggers[1].with_ == {"path": "orders"}


def test_a_step_is_called_by_the_best_name_it_has() -> None:
    steps = [
        Step("0", name="Wait", id="a", uses="flow.wait"),
        Step("a", id="a"),
        Step("0", uses="x"),
        Step("4"),
    ]
    assert [step.title for step in steps] == ["Wait", "a", "x", "step 4"]


@pytest.mark.parametrize(
    "source", ["", "steps: 1\n", "steps:\n  - {}: {\n", "steps: [{ uses: x, timeout: soon }]\n"]
)
def test_what_cannot_be_a_workflow_says_why(source: str) -> None:
    workflow, document = parse(source, "w.yaml")
    assert workflow is None
    assert document.problems


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "workflows").mkdir()
    for name, text in {
        "orders": "trigger: { uses: webhook.received, with: { path: /orders/new } }\nsteps: [{ uses: flow.wait }]\n",
        "off": "enabled: true\ntrigger: { uses: manual }\nsteps: [{ uses: flow.wait }]\n",
        "on": "enabled: false\ntrigger: { uses: manual }\nsteps: [{ uses: flow.wait }]\n",
        "wrong": "trigger: { uses: manual }\nsteps: [{ uses: flow.wiat }]\n",
    }.items():
        (tmp_path / "workflows" / f"{name}.yaml").write_text(text, "utf-8")
    (tmp_path / "workflows" / "notes.txt").write_text("no workflow", "utf-8")
    (tmp_path / "ringback.yaml").write_text(
        "workflows: { off: { enabled: false }, on: { enabled: true } }\n", "utf-8"
    )
    return load_settings(tmp_path, {})


def test_the_workflows_of_a_project(settings: Settings) -> None:
    found = load_folder(settings, CATALOGUE)
    assert sorted(found.by_id) == ["off", "on", "orders"]
    assert [problem.code for problem in found.problems] == ["unknown_action"]
    hooked = found.hook("/orders/new")
    assert hooked is not None
    assert hooked[0].id == "orders"
    assert found.hook("elsewhere") is None
    assert [workflow.id for workflow, _ in found.triggers("manual")] == ["on"]
    assert found.triggers("schedule") == []
