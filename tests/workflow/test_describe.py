from __future__ import annotations

from tests.workflow.fakes import CATALOGUE

from ringback.workflow.describe import describe, describe_steps
from ringback.workflow.load import parse

SOURCE = """\
trigger: { uses: webhook.received, with: { path: orders } }
steps:
  - id: confirmation
    uses: sms.send
    with: { to: "{{ trigger.body.phone }}", text: "Hi {{ trigger.body.name }}" }
    retry: { times: 3 }
    timeout: 90 seconds
    on_error: continue
  - if: confirmation.status == 'failed'
    name: Tell the staff
    for_each: [1, 2]
    steps: [{ uses: flow.wait, on_error: [{ uses: flow.wait }] }]
"""


def test_a_workflow_in_english() -> None:
    workflow, _ = parse(SOURCE, "orders.yaml")
    assert workflow is not None
    assert describe(workflow, CATALOGUE) == (
        "Starts with “webhook received” (path orders); then: sms.send, "
        "then Tell the staff (if confirmation.status == 'failed')."
    )
    assert dict(describe_steps(workflow, CATALOGUE)) == {
        "confirmation": "Sms.send: to trigger.body.phone, text Hi {{ trigger.body.name }} "
        "(tried again up to 3 times; given up after 1 minute 30 seconds; goes on if it fails).",
        "1": "If confirmation.status == 'failed': for each item of 2 entries: Tell the staff.",
        "1/0": "Flow.wait (has other steps for when it fails).",
        "1/0/on_error/0": "Flow.wait.",
    }
