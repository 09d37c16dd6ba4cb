"""/metrics: every figure of the table is told, by what happened, with labels that nobody outside can choose."""

from __future__ import annotations

from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.engine.bench import SOMEBODY, Project, RepeatingJournal, refused, workflow
from tests.engine.bench import heard as heard_of

from ringback.connectors.verify.refused import KINDS
from ringback.engine import accept
from ringback.engine.runtime import Runtime
from ringback.journal import runs
from ringback.observe.figures import FIGURES, PREFIX, REFUSALS
from ringback.problems import Failure
from ringback.web.metrics import registry, serve_metrics

SEND_STEP = '{id: text, uses: sms.send, with: {to: "+447700900077", text: Hello}}'
SEND = workflow(f"[{SEND_STEP}]")
LONG = "[{uses: flow.wait, with: {for: 1 hour}}]"
WAIT = workflow(LONG)


@pytest.fixture
def it(tmp_path: Any) -> Any:
    project = Project(tmp_path, {"send": SEND, "wait": WAIT})
    yield project
    project.close()


def told(runtime: Runtime) -> dict[str, float]:
    """Every sample by `name{label=value,…}`, without the prefix."""
    from prometheus_client import generate_latest

    text = generate_latest(registry(runtime)).decode()
    return {
        f"{sample.name.removeprefix(PREFIX)}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_figure_of_the_table_is_told(it: Project) -> None:
    from prometheus_client import generate_latest

    text = generate_latest(registry(it.runtime)).decode()
    for name, figure in FIGURES.items():
        assert f"# TYPE {figure.full(name)} {figure.kind}\n" in text
        assert figure.says.split("{")[0] in text


def test_a_text_and_its_delivery_are_counted(it: Project) -> None:
    it.run("send")
    it.clock.advance_to(it.clock.now_ms() + 5_000)
    it.report("gw-1", "delivered", at_ms=it.clock.now_ms() - 2_000)
    now = told(it.runtime)
    assert now["sends_total{connection=front-desk,outcome=accepted}"] == 1
    assert now["gate_verdicts_total{check=all,connection=front-desk,verdict=passed}"] == 1
    assert now["call_seconds_count{connection=front-desk,outcome=2xx}"] == 1
    assert now["message_statuses_total{connection=front-desk,status=delivered}"] == 1
    assert now["delivery_seconds_sum{connection=front-desk}"] == 5
    assert now["callback_lag_seconds_sum{connection=front-desk}"] == 2
    assert now["callback_fold_seconds_count{connection=front-desk}"] == 1
    assert now["runs_finished_total{state=succeeded,workflow=send}"] == 1
    assert now["run_seconds_count{workflow=send}"] == 1
    assert now["journal_commit_seconds_count{}"] > 2


def test_what_alerts_look_at_stands_at_0_before_it_happens(it: Project) -> None:
    first = told(it.runtime)
    for one in (
        "runs_finished_total{state=failed,workflow=send}",
        "sends_total{connection=front-desk,outcome=accepted}",
        "sends_total{connection=front-desk,outcome=unauthorized}",
        "callbacks_total{connection=front-desk,kind=report}",
        "refused_callbacks_total{connection=front-desk,reason=wrong_proof}",
    ):
        assert first[one] == 0


def test_a_workflow_taken_up_later_stands_at_0_by_the_second_look(it: Project) -> None:
    told(it.runtime)
    later = Project(
        it.folder,
        {
            "send": SEND,
            "wait": WAIT,
            "later": workflow("[{uses: flow.wait, with: {for: 2 hours}}]"),
        },
    )
    it.runtime.workflows = later.runtime.workflows
    later.close()
    told(it.runtime)
    assert told(it.runtime)["runs_finished_total{state=failed,workflow=later}"] == 0


def test_what_a_repeated_write_tells_is_counted_once(tmp_path: Any) -> None:
    await_it = "{uses: sms.wait_for_delivery, with: {message: '{{ text }}', timeout: 1 hour}}"
    one = {"key": "{{ trigger.body.who }}", "limit": 1}
    it = Project(
        tmp_path,
        {
            "send": SEND,
            "await": workflow(f"[{SEND_STEP}, {await_it}]"),
            "skip": workflow(LONG, concurrency={**one, "when_busy": "skip"}),
            "last": workflow(LONG, concurrency={**one, "when_busy": "cancel_previous"}),
            "wrong": workflow(LONG, concurrency={"key": "{{ trigger.body.nobody }}"}),
        },
    )
    it.runtime.journal = RepeatingJournal(it.runtime.journal)  # type: ignore[assignment]
    try:
        it.run("send")
        it.report("gw-1", "delivered")
        assert it.run("await").state == "succeeded"
        for name in ("skip", "skip", "last", "last", "wrong"):
            it.begin(name, {"body": {"who": "anna"}})
            it.now()
        waiting = it.begin("skip", {"body": {"who": "berta"}})
        it.now()
        assert accept.cancel(it.runtime, waiting, by=SOMEBODY)
        now = told(it.runtime)
    finally:
        it.close()
    assert now["message_statuses_total{connection=front-desk,status=delivered}"] == 1
    assert now["delivery_seconds_count{connection=front-desk}"] == 1
    assert now["silent_messages_total{connection=front-desk}"] == 1
    ends = {
        name: number
        for name, number in now.items()
        if number and name.startswith("runs_finished_total")
    }
    assert ends == {
        "runs_finished_total{state=succeeded,workflow=send}": 1,
        "runs_finished_total{state=succeeded,workflow=await}": 1,
        "runs_finished_total{state=skipped,workflow=skip}": 1,
        "runs_finished_total{state=canceled,workflow=skip}": 1,
        "runs_finished_total{state=canceled,workflow=last}": 1,
        "runs_finished_total{state=failed,workflow=wrong}": 1,
    }


def test_what_goes_wrong_is_counted(it: Project) -> None:
    it.gateway.outcomes = [refused(400), Failure("no_answer", "nothing came")]
    it.run("send")
    it.begin("send")
    it.now()
    now = told(it.runtime)
    assert now["call_seconds_count{connection=front-desk,outcome=4xx}"] == 1
    assert now["call_seconds_count{connection=front-desk,outcome=no_answer}"] == 1
    assert now["sends_total{connection=front-desk,outcome=refused}"] == 1
    assert now["step_failures_total{action=sms.send,code=refused}"] == 1
    assert now["uncertain_steps_total{action=sms.send}"] == 1
    assert now["runs{state=uncertain}"] == 1
    assert now["unanswered_sends{connection=front-desk}"] == 1
    assert now["waits{kind=decision}"] == 1


def test_a_lost_lease_is_counted(it: Project) -> None:
    def steal(_call: Any) -> None:
        def write(conn: Any) -> None:
            conn.exec_driver_sql("UPDATE runs SET fence = fence + 1")

        it.runtime.journal.write(write)

    it.gateway.on_call = steal
    it.begin("send")
    it.now()
    assert told(it.runtime)["lease_losses_total{}"] == 1


def test_runs_that_wait_and_runs_that_are_overdue(it: Project) -> None:
    run_id = it.begin("wait")
    it.now()
    assert told(it.runtime)["runs{state=waiting}"] == 1
    it.clock.advance_to(it.clock.now_ms() + 3_600_000 + 7_000)
    fresh = Project(it.folder, {"send": SEND, "wait": WAIT}, clock=it.clock)
    try:
        now = told(fresh.runtime)
        assert now["runs_due{}"] == 1
        assert now["overdue_seconds{}"] == 7
        fresh.runtime.journal.write(lambda conn: runs.wake(conn, run_id, it.clock.now_ms()))
    finally:
        fresh.close()


def test_a_number_from_outside_is_in_no_label(it: Project) -> None:
    it.run("send")
    it.report("gw-1", "delivered", number="+447700900077")
    it.report("447700900099", "sent", number="+447700900099")
    assert not [sample for sample in told(it.runtime) if "4477009" in sample or "gw-1" in sample]
    assert heard_of("gw-1", "sent").gateway_id == "gw-1"


def test_every_reason_to_refuse_a_callback_is_in_the_list() -> None:
    assert (*KINDS, "unreadable", "not_now") == REFUSALS


def test_a_process_without_doors_serves_its_figures(it: Project) -> None:
    address, end = serve_metrics(it.runtime, "127.0.0.1", 0)
    try:
        with urlopen(address) as answer:
            assert b"ringback_build_info{" in answer.read()
        port = int(address.rsplit(":", 1)[1].split("/")[0])
        with pytest.raises(Failure, match="something else listens there"):
            serve_metrics(it.runtime, "127.0.0.1", port)
    finally:
        end()


def test_a_request_gets_an_id_and_keeps_a_plain_one(client: Any) -> None:
    assert client.get("/healthz").headers["X-Request-Id"].startswith("req_")
    given = {"X-Request-Id": "proxy-0123456789"}
    assert client.get("/healthz", headers=given).headers["X-Request-Id"] == "proxy-0123456789"
    strange = {"X-Request-Id": "a b <script>"}
    assert client.get("/healthz", headers=strange).headers["X-Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({}, "{}", "no_proof"),
        ({"X-Signature": "sha256=00"}, "{}", "wrong_proof"),
    ],
)
def test_refused_callbacks_are_counted_by_reason(
    client: Any, runtime: Runtime, headers: dict[str, str], body: str, reason: str
) -> None:
    client.post("/callbacks/front-desk", data=body, headers=headers)
    counted = [name for name, number in told(runtime).items() if number and name.startswith("refused_callbacks_total")]  # fmt: skip
    assert counted == [f"refused_callbacks_total{{connection=front-desk,reason={reason}}}"]
