"""Publishing never keeps anybody waiting, and loses nothing that the journal has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.distributed.lines import WORK, FakeLine
from tests.engine.bench import NUMBER, PROJECT, Gateway, catalogue, workflow, workflows

from ringback.distributed import publisher as publishers
from ringback.distributed.publisher import Publisher
from ringback.engine import accept
from ringback.engine.executor import FIRST, LATER, NORMAL
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal import runs, wakeups
from ringback.settings import load_settings

SEND = workflow([{"uses": "sms.send", "with": {"to": NUMBER, "text": "Hi"}}])


def until(holds: Callable[[], bool], patience_s: float = 20) -> None:
    ends_at = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> FakeLine:
    made = FakeLine()
    monkeypatch.setattr(publishers, "Line", lambda _work: made)
    return made


def served(folder: Path, publisher: Publisher, gateway: Gateway | None = None) -> Runtime:
    (folder / "ringback.yaml").write_text(PROJECT, encoding="utf-8")
    settings = load_settings(folder, {})
    found = workflows(settings, {"send": SEND})
    made = open_runtime(
        settings,
        transport=gateway or Gateway(),
        executor=publisher,
        catalogue=catalogue(),
        workflows=found,
    )
    made.start()
    return made


def begin(runtime: Runtime, kind: str = "webhook") -> str:
    found = runtime.workflows.by_id["send"]
    return accept.accept(runtime, found, 0, {}, source="hook", key=None, kind=kind).run_id


def test_a_run_is_published_and_not_claimed(tmp_path: Path, line: FakeLine) -> None:
    runtime = served(tmp_path, Publisher(WORK))
    kinds = ["webhook", "inbound", "schedule", "report"]
    opened = {kind: begin(runtime, kind) for kind in kinds}
    until(lambda: len(line.sent) == len(kinds))
    assert dict(line.sent) == {
        opened["webhook"]: NORMAL,
        opened["inbound"]: FIRST,
        opened["schedule"]: LATER,
        opened["report"]: FIRST,
    }
    with runtime.journal.read() as conn:
        run = runs.get_run(conn, opened["webhook"])
        assert run is not None
        assert (run.state, run.holder, run.attempts) == ("queued", None, 0)
        assert len(wakeups.due(conn, runtime.clock.now_ms())) == len(kinds)
    runtime.close(1_000)


def test_a_broker_that_is_down_keeps_no_receipt_waiting(tmp_path: Path, line: FakeLine) -> None:
    runtime = served(tmp_path, Publisher(WORK))
    line.down = True
    first = begin(runtime)
    until(lambda: line.asked == 1)
    began = time.monotonic()
    rest = [begin(runtime) for _ in range(20)]
    assert time.monotonic() - began < 5
    assert line.asked == 1  # it is left alone for a while
    with runtime.journal.read() as conn:
        assert set(wakeups.due(conn, runtime.clock.now_ms())) == {first, *rest}
    runtime.close(1_000)


def test_a_broker_that_is_back_is_told_again(
    tmp_path: Path, line: FakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers, "_REST_S", 0.0)
    runtime = served(tmp_path, Publisher(WORK))
    line.down = True
    begin(runtime)
    until(lambda: line.asked == 1)
    line.down = False
    after = begin(runtime)
    until(lambda: line.ids == [after])
    runtime.close(1_000)


def test_what_goes_first_goes_first_and_a_stop_publishes_the_rest(line: FakeLine) -> None:
    publisher = Publisher(WORK)
    for run_id, priority in (("later", LATER), ("normal", NORMAL), ("first", FIRST)):
        publisher.submit(run_id, None, priority)
    publisher._thread.start()
    publisher.stop(10_000)
    assert line.ids == ["first", "normal", "later"]
    publisher.submit("too late")
    assert "too late" not in line.ids


def test_memory_is_bounded(line: FakeLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishers, "MOST_WAITING", 3)
    publisher = Publisher(WORK)
    for number in range(9):
        publisher.submit(str(number))
    publisher._thread.start()
    publisher.stop(10_000)
    assert line.ids == ["0", "1", "2"]


def test_a_result_is_answered_though_another_process_advances_the_run(
    tmp_path: Path, line: FakeLine
) -> None:
    from ringback.engine.run import advance

    web = served(tmp_path, Publisher(WORK))
    worker = served(tmp_path, Publisher(WORK))
    run_id = begin(web)
    assert not accept.wait_finished(web, run_id, 50)
    other = threading.Thread(target=advance, args=(worker, run_id))
    other.start()
    assert accept.wait_finished(web, run_id, 20_000)
    other.join()
    for runtime in (worker, web):
        runtime.close(1_000)


def test_a_worker_whose_files_differ_takes_the_version_that_the_run_began_with(
    tmp_path: Path, line: FakeLine
) -> None:
    from ringback.engine.run import advance

    web = served(tmp_path, Publisher(WORK))
    run_id = begin(web)
    gateway = Gateway()
    worker = served(tmp_path, Publisher(WORK), gateway)
    changed = workflow([{"uses": "sms.send", "with": {"to": NUMBER, "text": "Changed"}}])
    worker.workflows = workflows(worker.settings, {"send": changed})
    advance(worker, run_id)
    assert [text for _, text in gateway.texts] == ["Hi"]
    for runtime in (worker, web):
        runtime.close(1_000)
