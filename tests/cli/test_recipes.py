"""`ringback test`: every shipped recipe's examples hold, and a difference is shown so that a person sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from ringback.cli import commands
from ringback.paths import shelf

RECIPES = sorted(path.stem for path in shelf("workflows").glob("*.yaml"))

WORKFLOW = """\
trigger: { uses: webhook.received, with: { path: hello } }
steps:
  - id: greeting
    uses: sms.send
    with: { to: "{{ trigger.body.phone }}", text: "Hello {{ trigger.body.name }}" }
  - id: delivery
    uses: sms.wait_for_delivery
    with: { message: "{{ greeting }}", timeout: 3 days }
examples:
  - name: An example
    given: { body: { name: Amina, phone: "+447700900077" } }
"""


def ringback(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert ringback("init", str(tmp_path)).exit_code == 0
    (tmp_path / "workflows" / "enrolment.yaml").unlink()
    return tmp_path


def play(project: Path, rest: str, workflow: str = WORKFLOW) -> Result:
    """Play a workflow with `rest` under its example."""
    lines = "".join(f"    {line}\n" for line in rest.splitlines())
    (project / "workflows" / "hello.yaml").write_text(workflow + lines)
    return ringback("test", "hello", "--project", str(project))


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = ringback("test", recipe)
    assert shown.exit_code == 0, shown.output
    assert yaml.safe_load((shelf("workflows") / f"{recipe}.yaml").read_text())["examples"]


def test_recipes_are_listed_in_their_readme() -> None:
    readme = (shelf("workflows") / "README.md").read_text()
    assert [recipe for recipe in RECIPES if f"[{recipe}]({recipe}.yaml)" not in readme] == []


ASKING = """\
trigger: { uses: webhook.received, with: { path: hello } }
steps:
  - id: question
    uses: sms.send
    with: { to: "{{ trigger.body.phone }}", text: "Coming? Y/N" }
  - id: answer
    uses: sms.wait_for_reply
    with: { message: "{{ question }}", keywords: { "yes": [Y], "no": [N] }, timeout: 2 days }
  - uses: sms.send
    with: { to: "{{ trigger.body.phone }}", text: "{{ answer.keyword or 'silence' }}" }
examples:
  - name: An example
    given: { body: { name: Amina, phone: "+447700900077" } }
"""
REPLIES = {
    "an answer": ("[{ after: 5 minutes, text: Y }]", "yes"),
    "after a while": ("[{ after: 1 hour, text: what? }, { after: 30 hours, text: n }]", "no"),
    "too late": ("[{ after: 3 days, text: Y }]", "silence"),
    "somebody else": ('[{ after: 1 hour, text: Y, from: "+447700900099" }]', "silence"),
    "nobody": ("[]", "silence"),
}


@pytest.mark.parametrize("case", REPLIES)
def test_replies(project: Path, case: str) -> None:
    replies, said = REPLIES[case]
    rest = f"gateway: {{ replies: {replies} }}\nexpect: [{{ sms: {{}} }}, {{ sms: {{ text: {said} }} }}]"
    shown = play(
        project, rest.replace("text: yes", 'text: "yes"').replace("text: no", 'text: "no"'), ASKING
    )
    assert shown.exit_code == 0, shown.output


def test_a_reply_whose_time_cannot_be_read(project: Path) -> None:
    shown = play(project, "gateway: { replies: [{ after: soon, text: Y }] }", ASKING)
    assert shown.exit_code == 1
    assert "`after` takes a duration" in shown.output


HOLDS = {
    "text": 'expect: [{ sms: { to: "+447700900077", text: Hello Amina } }]',
    "national number": "expect: [{ sms: { to: \"{{ '07700 900077' | phone }}\" } }]",
    "status": "gateway: { reports: [sent, failed] }\nexpect: [{ sms: { status: failed } }, { state: succeeded }]",
    "step": "expect: [{ step: { delivery: { status: delivered, delivered: true } } }]",
    "silence for three days": "gateway: { reports: [] }\nexpect: [{ step: { delivery: { timed_out: true } } }]",
    "gateway refuses": "gateway: { answers: { send: { status: 401 } } }\nexpect: [{ state: failed }]",
    "nothing expected": "expect: []",
}


@pytest.mark.parametrize("case", HOLDS)
def test_holds(project: Path, case: str) -> None:
    shown = play(project, HOLDS[case])
    assert shown.exit_code == 0, shown.output


DIFFERS = {
    "text": (
        'expect: [{ sms: { to: "+447700900077", text: Hello Anina } }]',
        "text 1, text:\n      expected  Hello Anina\n      happened  Hello Amina\n                       ^",
    ),
    "number": ('expect: [{ sms: { to: "+447700900078" } }]', "text 1, to:"),
    "one more": (
        "expect: [{ sms: {} }, { sms: { to: '+447700900099' } }]",
        "text 2 was not sent: to +447700900099",
    ),
    "state": ("expect: [{ state: failed }]", "The run is succeeded, not failed."),
    "step": (
        "expect: [{ step: { delivery: { status: failed } } }]",
        "step delivery:\n      expected  {status: failed}\n      happened  {status: delivered}",
    ),
    "why it failed": (
        "gateway: { answers: { send: { status: 401 } } }\nexpect: [{ state: succeeded }]",
        "The run is failed, not succeeded.\n    It failed in greeting: ",
    ),
}


@pytest.mark.parametrize("case", DIFFERS)
def test_differs(project: Path, case: str) -> None:
    rest, said = DIFFERS[case]
    shown = play(project, rest)
    assert shown.exit_code == 1
    assert said in shown.output
    assert "1 of 1 failed." in shown.output


DOORS = {
    "a body that does not fit": (
        "path: hello, body_schema: { type: object, required: [email] }",
        "email",
    ),
    "a file that is missing": ("path: hello, files: { form: { required: true } }", "form"),
}


@pytest.mark.parametrize("case", DOORS)
def test_what_the_webhook_would_refuse(project: Path, case: str) -> None:
    trigger, said = DOORS[case]
    shown = play(project, "expect: []", WORKFLOW.replace("path: hello", trigger))
    assert shown.exit_code == 1
    assert "The webhook was answered 422" in shown.output
    assert said in shown.output


def test_a_text_that_starts_nothing(project: Path) -> None:
    workflow = """\
trigger: { uses: sms.received, with: { keywords: [hours] } }
steps: [{ uses: sms.send, with: { to: "{{ trigger.from }}", text: "{{ trigger.text }}" } }]
examples:
  - name: An example
"""
    given = 'given: { inbound: { from: "+447700900161", text: %s } }\nexpect: [{ sms: { to: "+447700900161" } }]'
    assert play(project, given % "Hours please", workflow).exit_code == 0
    shown = play(project, given % "Stop it", workflow)
    assert shown.exit_code == 1
    assert "The text “Stop it” started no run." in shown.output


def test_a_text_that_nobody_expected(project: Path) -> None:
    twice = WORKFLOW.replace(
        "  - id: delivery",
        '  - uses: sms.send\n    with: { to: "+447700900099", text: Hi }\n  - id: delivery',
    )
    shown = play(project, 'expect: [{ sms: { to: "+447700900077" } }]', twice)
    assert "text 2 was not expected: to +447700900099 “Hi”" in shown.output


def test_requests_are_answered_by_the_example_and_never_leave(project: Path) -> None:
    workflow = """\
trigger: { uses: manual }
steps:
  - uses: http.request
    with: { method: POST, url: "https://crm.example/students", json: { name: Amina } }
examples:
  - name: An example
"""
    answers = "gateway: { answers: { https://crm.example/students: { status: 201, json: {} } } }\n"
    good = "expect: [{ http: { method: POST, url: https://crm.example/students, json: { name: Amina } } }, { state: succeeded }]"
    assert play(project, answers + good, workflow).exit_code == 0
    shown = play(project, "expect: [{ state: succeeded }]", workflow)
    assert shown.exit_code == 1
    assert "This rehearsal has no answer for POST https://crm.example/students" in shown.output


def test_email_goes_to_a_mailbox_of_our_own(project: Path) -> None:
    workflow = """\
trigger: { uses: manual }
steps:
  - uses: email.send
    with: { to: office@school.example, subject: Hello, text: "{{ trigger.data.text }}" }
examples:
  - name: An example
    given: { data: { text: A letter } }
"""
    settings = project / "ringback.yaml"
    mail = "connections:\n  office: { uses: email, with: { host: mail.invalid, from: office@school.example } }"
    settings.write_text(settings.read_text().replace("connections:", mail))
    good = "expect: [{ email: { to: office@school.example, subject: Hello, text: A letter } }]"
    shown = play(project, good, workflow)
    assert shown.exit_code == 0, shown.output
    assert "email 1, subject" in play(project, good.replace("Hello", "Hullo"), workflow).output


def test_a_workflow_with_a_mistake_fails_and_says_where(project: Path) -> None:
    shown = play(project, "expect: []", WORKFLOW.replace("text:", "tempalte:"))
    assert shown.exit_code == 1
    assert "hello.yaml:5:" in shown.output


def test_an_unknown_recipe(project: Path) -> None:
    shown = ringback("test", "nothing", "--project", str(project))
    assert shown.exit_code == 1
    assert "There is no recipe `nothing`" in shown.output
