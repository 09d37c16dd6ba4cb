"""Death at every boundary: whatever is lost, nothing is texted twice, and every run comes to an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests import stores
from tests.engine.bench import NUMBER, SOMEBODY, Death, DyingJournal, Project, workflow

from ringback import clock
from ringback.connectors import invoke
from ringback.engine import accept
from ringback.engine import runtime as runtimes
from ringback.engine.settle import THE_RUN
from ringback.engine.walk import Walk
from ringback.journal import audit
from ringback.journal.jobs import Job
from ringback.problems import Failure

Open = Callable[..., Project]

STORY = """
- id: words
  uses: text.render
  with: {text: "Hi {{ trigger.body.name }}"}
- id: one
  uses: sms.send
  with: {to: "+447700900077", text: "one"}
- id: pause
  uses: flow.wait
  with: {for: 1 minute}
- id: each
  for_each: [1, 2]
  steps:
    - {uses: sms.send, with: {to: "+447700900077", text: "turn {{ item }}"}}
- id: delivery
  uses: sms.wait_for_delivery
  with: {message: "{{ one }}", timeout: 10 minutes}
- id: called
  uses: flow.call
  with: {workflow: other}
- uses: sms.send
  with: {to: "+447700900077", text: "last {{ called.state }}"}
"""
OTHER = workflow(
    [{"uses": "sms.send", "with": {"to": NUMBER, "text": "called"}}], trigger={"uses": "manual"}
)
ALL = ["one", "turn 1", "turn 2", "called", "last succeeded"]


def texts(it: Project) -> list[str]:
    return [text for _, text in it.gateway.texts]


def live(it: Project, what: Callable[[], Any]) -> bool:
    """Whether the process survived this."""
    try:
        what()
    except Death:
        return False
    return True


def settle_all(it: Project, decision: Any) -> int:
    """A person settles what is uncertain; how many steps there were."""
    count = 0
    for run in it.all_runs():
        accept.settle(it.runtime, run.id, THE_RUN, "again", by=SOMEBODY)
        for path, step in it.steps(run.id).items():
            if step.state == "uncertain" and not run.finished:
                assert accept.settle(it.runtime, run.id, path, decision, by=SOMEBODY)
                count += 1
    return count


def live_on(it: Project, decision: Any) -> int:
    """Start again and let everything come to its end; how many steps were uncertain."""
    it.restart()
    it.drain()
    settled = 0
    while more := settle_all(it, decision):
        settled += more
        it.drain()
    return settled


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(19))
def test_death_at_each_write(project: Open, at: int, after: bool) -> None:
    it = project(story=workflow(STORY), other=OTHER)
    real = it.runtime.journal
    dying = DyingJournal(real, at, after=after)
    it.runtime.journal = dying  # type: ignore[assignment]
    begun = live(it, lambda: it.begin("story", {"body": {"name": "Amina"}}))
    if begun:
        live(it, it.drain)
    it.runtime.journal = real
    uncertain = live_on(it, "sent")
    sent = texts(it)
    kept = [run for run in it.all_runs() if run.workflow == "story"]
    assert len(kept) == (0 if at == 0 and not after else 1)
    assert all(run.state == "succeeded" for run in it.all_runs())
    assert len(sent) == len(set(sent))
    assert uncertain <= 1
    if kept and not uncertain:
        assert sent == ALL
    elif kept:
        # the intent was kept and the process died: the text went or did not, and nobody sends it again
        assert [text for text in ALL if text in sent] == sent
        assert len(sent) >= len(ALL) - 1


@pytest.mark.parametrize("reached", [False, True], ids=["before the gateway", "after the gateway"])
@pytest.mark.parametrize("decision", ["sent", "again"])
@pytest.mark.parametrize("at", range(5))
def test_death_during_each_send(project: Open, at: int, reached: bool, decision: str) -> None:
    it = project(story=workflow(STORY), other=OTHER)
    send, calls = it.gateway.send, []

    def dying(call: Any) -> Any:
        calls.append(call)
        if len(calls) - 1 == at:
            if reached:
                send(call)
            raise Death
        return send(call)

    it.runtime.transport = it.gateway
    it.gateway.send = dying  # type: ignore[method-assign]
    it.begin("story", {"body": {"name": "Amina"}})
    assert not live(it, it.drain)
    assert live_on(it, decision) == 1
    assert all(run.state == "succeeded" for run in it.all_runs())
    sent = texts(it)
    doubled = ALL[at]
    expected = {("sent", True): 1, ("sent", False): 0, ("again", True): 2, ("again", False): 1}
    assert sent.count(doubled) == expected[(decision, reached)]
    assert all(sent.count(text) == 1 for text in ALL if text != doubled)


ONE = workflow([{"id": "one", "uses": "sms.send", "with": {"to": NUMBER, "text": "one"}}])


def uncertain_run(it: Project) -> str:
    it.gateway.outcomes = [Failure("no_answer", "Silence.")]
    run = it.run("w")
    assert run.state == "uncertain"
    (message,) = it.messages(run.id)
    assert message.status == "sending"
    return run.id


def test_silence_is_uncertain_even_with_retries(project: Open) -> None:
    steps = [{"uses": "sms.send", "with": {"to": NUMBER, "text": "x"}, "retry": {"times": 5}}]
    it = project(w=workflow(steps))
    uncertain_run(it)
    assert len(it.gateway.calls) == 1


def test_a_report_settles_it(project: Open) -> None:
    it = project(w=ONE)
    run_id = uncertain_run(it)
    it.report("gw-x", "delivered", number="447700900077")
    it.drain()
    assert it.get(run_id).state == "succeeded"
    (message,) = it.messages(run_id)
    assert (message.status, message.gateway_id) == ("delivered", "gw-x")
    assert it.steps(run_id)["one"].output["gateway_id"] == "gw-x"


def test_a_report_that_came_before_the_doubt_settles_it(project: Open) -> None:
    it = project(w=ONE)
    it.gateway.outcomes = [Failure("no_answer", "Silence.")]
    it.gateway.on_call = lambda _call: it.report("gw-x", "sent", number=NUMBER)
    run = it.run("w")
    assert run.state == "succeeded"
    (message,) = it.messages(run.id)
    assert (message.status, message.gateway_id) == ("sent", "gw-x")


def test_a_report_about_another_number_settles_nothing(project: Open) -> None:
    it = project(w=ONE)
    run_id = uncertain_run(it)
    it.report("gw-x", "delivered", number="+447700900078")
    it.report("gw-y", "delivered", number=NUMBER, connection="backup")
    it.drain()
    assert it.get(run_id).state == "uncertain"


def test_two_in_doubt_at_one_number_wait_for_a_person(project: Open) -> None:
    it = project(w=ONE)
    first, second = uncertain_run(it), uncertain_run(it)
    it.report("gw-x", "delivered", number=NUMBER)
    it.drain()
    assert [it.get(one).state for one in (first, second)] == ["uncertain", "uncertain"]


@pytest.mark.parametrize("decision", ["sent", "again"])
def test_who_answers_too_late_changes_nothing(project: Open, decision: Any) -> None:
    it = project(w=ONE)
    run_id = uncertain_run(it)
    assert accept.settle(it.runtime, run_id, "one", "again", by=SOMEBODY)
    before = it.messages(run_id)
    assert not accept.settle(it.runtime, run_id, "one", decision, by=SOMEBODY)
    assert it.messages(run_id) == before
    it.drain()
    before = it.messages(run_id)
    assert not accept.settle(it.runtime, run_id, "one", decision, by=SOMEBODY)
    assert it.messages(run_id) == before
    with it.runtime.journal.read() as conn:
        told, _ = audit.page(conn, object=run_id, actions=("run.settled",))
    assert len(told) == 1


def test_who_says_it_went_after_a_report_said_so_changes_nothing(project: Open) -> None:
    it = project(w=ONE)
    run_id = uncertain_run(it)
    it.report("gw-x", "failed", number=NUMBER)
    before, step = it.messages(run_id), it.steps(run_id)["one"]
    it.clock.advance_to(it.clock.now_ms() + 1000)
    assert not accept.settle(it.runtime, run_id, "one", "sent", by=SOMEBODY)
    assert it.messages(run_id) == before
    assert it.steps(run_id)["one"] == step


def test_settled_again_keeps_both_messages(project: Open) -> None:
    it = project(w=ONE)
    run_id = uncertain_run(it)
    assert accept.settle(it.runtime, run_id, "one", "again", by=SOMEBODY)
    assert not accept.settle(it.runtime, run_id, "one", "again", by=SOMEBODY)
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert [message.status for message in it.messages(run_id)] == ["unknown", "accepted"]


def test_an_uncertain_run_can_be_canceled(project: Open) -> None:
    it = project(w=ONE)
    run_id = uncertain_run(it)
    assert accept.cancel(it.runtime, run_id, by=SOMEBODY)
    assert it.get(run_id).state == "canceled"


def test_a_post_that_may_have_arrived_is_uncertain_and_a_get_is_tried_again(project: Open) -> None:
    def request(method: str) -> str:
        with_ = {"method": method, "url": "https://example.com/x"}
        return workflow([{"id": "r", "uses": "http.request", "with": with_, "retry": {"times": 1}}])

    it = project(post=request("POST"), get=request("GET"))
    it.gateway.outcomes = [Failure("no_answer", "Silence.")]
    assert it.run("post").state == "uncertain"
    it.gateway.outcomes = [Failure("no_answer", "Silence.")]
    run = it.run("get")
    assert run.state == "succeeded", run.error
    assert it.steps(run.id)["r"].attempt == 2


def test_a_lost_lease_changes_nothing(project: Open) -> None:
    from ringback.journal import runs

    it = project(w=ONE)
    run_id = it.begin("w")
    with it.runtime.journal.read() as conn:
        held = runs.get_run(conn, run_id)
    assert held is not None
    lease = runs.Lease(run_id, it.runtime.holder, held.fence)
    it.runtime.journal.write(lambda conn: runs.park(conn, lease, "queued", it.clock.now_ms()))
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert len(it.gateway.calls) == 1


def test_a_journal_that_fails_puts_the_run_off(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = project(w=ONE)
    it.begin("w")
    real = getattr(it.runtime.journal, stores.COMMITS)
    failing = [1, 2, 3]

    def failing_first(fn: Any) -> Any:
        if failing:
            failing.pop()
            raise Failure("internal", "The disk is full.")
        return real(fn)

    monkeypatch.setattr(it.runtime.journal, stores.COMMITS, failing_first)
    it.now()
    assert it.gateway.calls == []
    assert it.runtime.stuck
    from ringback.engine.run import unstick

    unstick(it.runtime)
    assert it.runtime.stuck
    unstick(it.runtime)
    it.drain()
    assert [run.state for run in it.all_runs()] == ["succeeded"]
    assert texts(it) == ["one"]


def idempotent(it: Project) -> None:
    """Make the gateway one that drops a second request with the same key."""
    from dataclasses import replace

    from ringback.connectors.catalogue import Catalogue

    known = it.runtime.catalogue.connectors
    gateway = known["mysmsgate"]
    action = replace(gateway.actions["send"], idempotent=True)
    changed = replace(gateway, actions={"send": action})
    it.runtime.catalogue = Catalogue({**known, "mysmsgate": changed})


def test_under_the_gateways_own_idempotency_it_is_sent_again(project: Open) -> None:
    steps = [{"uses": "sms.send", "with": {"to": NUMBER, "text": "x"}, "retry": {"times": 2}}]
    it = project(w=workflow(steps))
    idempotent(it)
    it.gateway.outcomes = [Failure("no_answer", "Silence.")]
    run = it.run("w")
    assert run.state == "succeeded"
    assert len(it.messages(run.id)) == 1
    it.gateway.outcomes = [Death()]
    run_id = it.begin("w")
    assert not live(it, it.drain)
    it.restart()
    idempotent(it)
    it.drain()
    assert it.get(run_id).state == "succeeded"


def test_the_answer_to_a_send_counts_though_the_run_was_taken_over(project: Open) -> None:
    it = project(w=ONE)

    def suspended(_call: Any) -> None:
        """The process sleeps in the middle of its send, and another takes the run for a dead one's."""
        it.gateway.on_call = None
        other = Project(it.folder, it.sources, gateway=it.gateway, clock=it.clock)
        it.clock.advance_to(it.clock.now_ms() + 3_600_000)
        other.runtime.take_over()
        other.drain()
        assert other.get(run_id).state == "uncertain"
        other.close()

    run_id = it.begin("w")
    it.gateway.on_call = suspended
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert it.steps(run_id)["one"].output["gateway_id"] == "gw-1"
    assert texts(it) == ["one"]


def test_a_report_is_not_taken_for_another_send_that_is_under_way(project: Open) -> None:
    it = project(w=ONE)
    doubtful = uncertain_run(it)
    it.gateway.on_call = lambda _call: it.report("gw-2", "sent", number=NUMBER)
    run = it.run("w")
    assert it.get(doubtful).state == "uncertain"
    assert it.messages(run.id)[0].status == "sent"
    it.report("gw-1", "delivered", number=NUMBER)
    it.drain()
    assert it.get(doubtful).state == "succeeded"


@pytest.mark.parametrize("seed", range(12))
def test_many_short_lives(project: Open, seed: int) -> None:
    """Dying again and again, at writes and in sends, before and after: no text goes twice, every run ends."""
    import random

    chance = random.Random(seed)
    it = project(story=workflow(STORY), other=OTHER)
    send = it.gateway.send

    def mortal(call: Any) -> Any:
        fate = chance.random()
        if fate < 0.1:
            raise Death
        answer = send(call)
        if fate < 0.2:
            raise Death
        return answer

    it.gateway.send = mortal  # type: ignore[method-assign]
    run_id = it.begin("story", {"body": {"name": "Amina"}})
    for _ in range(40):
        real = it.runtime.journal
        dying: Any = DyingJournal(real, chance.randrange(1, 6), after=chance.random() < 0.5)
        it.runtime.journal = dying
        live(it, it.drain)
        it.runtime.journal = real
        it.restart()
        settle_all(it, "sent")
        if it.get(run_id).finished:
            break
    assert it.get(run_id).state == "succeeded"
    sent = texts(it)
    assert len(sent) == len(set(sent))
    assert set(sent) <= set(ALL)


ASLEEP = [(31, False), (31, True), (20, True)]


def once_in_doubt(it: Project, monkeypatch: pytest.MonkeyPatch, *, kept: bool) -> list[int]:
    """The next write says that nobody knows whether it was kept; the list is empty once it has."""
    real, left = getattr(it.runtime.journal, stores.COMMITS), [1]

    def doubtful(fn: Any) -> Any:
        if not left:
            return real(fn)
        left.pop()
        if kept:
            made = real(fn)
            if isinstance(made, Job):
                made.result()
        raise Failure("internal", "The connection was lost in the middle of a commit.")

    monkeypatch.setattr(it.runtime.journal, stores.COMMITS, doubtful)
    return left


@pytest.mark.parametrize("kept", [True, False])
def test_a_claim_of_which_nobody_knows_whether_it_was_kept_strands_no_run(
    project: Open, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    from ringback.engine.run import advance
    from ringback.journal import runs

    it = project(w=ONE)
    run_id = it.begin("w")
    lease = runs.Lease(run_id, it.runtime.holder, it.get(run_id).fence)
    now = it.clock.now_ms()
    it.runtime.journal.write(lambda conn: runs.park(conn, lease, "queued", now))
    left = once_in_doubt(it, monkeypatch, kept=kept)
    advance(it.runtime, run_id)
    assert not left
    assert it.get(run_id).holder is None
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert texts(it) == ["one"]


def test_a_receipt_of_which_nobody_knows_whether_it_was_kept_strands_no_run(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ringback.engine.run import unstick

    it = project(w=ONE)
    once_in_doubt(it, monkeypatch, kept=True)
    with pytest.raises(Failure):
        it.begin("w")
    unstick(it.runtime)
    it.drain()
    assert [run.state for run in it.all_runs()] == ["succeeded"]
    assert texts(it) == ["one"]


@pytest.mark.parametrize("kept", [True, False])
def test_what_the_gateway_said_outlives_a_commit_that_was_lost(
    project: Open, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """The text went and was answered; only its result could not be written at once. Nobody need be asked."""
    it = project(w=ONE)
    it.begin("w")
    call = invoke.send_sms

    def sent(*args: Any, **named: Any) -> Any:
        made = call(*args, **named)
        once_in_doubt(it, monkeypatch, kept=kept)
        return made

    monkeypatch.setattr(invoke, "send_sms", sent)
    it.drain()
    assert [run.state for run in it.all_runs()] == ["succeeded"]
    assert texts(it) == ["one"]


@pytest.mark.parametrize(("slept_s", "taken_over"), ASLEEP)
def test_a_process_that_was_frozen_before_its_send_sends_only_what_is_still_its_own(
    project: Open, monkeypatch: pytest.MonkeyPatch, slept_s: int, taken_over: bool
) -> None:
    """It sleeps between the commit of its intent and the send; its other threads beat first when it wakes."""
    it = project(w=ONE)
    slept = [0.0]
    uptime = clock.uptime
    monkeypatch.setattr(runtimes, "uptime", lambda: uptime() + slept[0])
    begin = Walk.before_effect

    def frozen(walk: Walk) -> None:
        monkeypatch.setattr(Walk, "before_effect", begin)
        slept[0] = slept_s
        it.clock.advance_to(it.clock.now_ms() + slept_s * 1000)
        if taken_over:
            other = Project(it.folder, it.sources, gateway=it.gateway, clock=it.clock)
            other.drain()
            other.close()
        it.runtime.beat()
        walk.before_effect()

    run_id = it.begin("w")
    monkeypatch.setattr(Walk, "before_effect", frozen)
    it.drain()
    lost = taken_over and slept_s > 30
    assert texts(it) == ([] if lost else ["one"])
    assert it.get(run_id).state == ("uncertain" if lost else "succeeded")
    if lost:
        assert settle_all(it, "again") == 1
        it.drain()
        assert texts(it) == ["one"]
        assert it.get(run_id).state == "succeeded"


POISON = workflow([{"id": "words", "uses": "text.render", "with": {"text": "Hi"}}])


@pytest.mark.parametrize("decision", ["again", "give_up"])
def test_a_run_that_stops_its_process_waits_for_a_person(
    project: Open, monkeypatch: pytest.MonkeyPatch, decision: Any
) -> None:
    it = project(poison=POISON, w=ONE)

    def die(*_: Any) -> None:
        raise Death

    monkeypatch.setattr(invoke, "perform", die)
    run_id = it.begin("poison")
    for _ in range(3):
        assert not live(it, it.drain)
        it.restart()
    assert live(it, it.drain)
    assert it.get(run_id).state == "uncertain"
    assert it.run("w").state == "succeeded"
    assert not accept.settle(it.runtime, run_id, THE_RUN, "sent", by=SOMEBODY)
    monkeypatch.undo()
    assert accept.settle(it.runtime, run_id, THE_RUN, decision, by=SOMEBODY)
    assert not accept.settle(it.runtime, run_id, THE_RUN, decision, by=SOMEBODY)
    it.drain()
    run = it.get(run_id)
    assert run.state == {"again": "succeeded", "give_up": "failed"}[decision]
    assert (run.error is None) == (decision == "again")
