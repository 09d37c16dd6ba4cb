"""Each check of `ringback doctor`: on a good set-up, and on one with just that thing broken."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection
from tests.engine.bench import START, catalogue

from ringback.cli import commands
from ringback.clock import SimulatedClock
from ringback.connectors.callbacks import Report
from ringback.connectors.transport import Answer, Call
from ringback.doctor import Finding, examine, outside, setup, stores
from ringback.engine.accept import accept_report
from ringback.engine.identity import proof
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal import migrations, refused, runs
from ringback.journal.heard import put_heard
from ringback.problems import Failure
from ringback.settings import load_settings

KEY, TOKEN = "planted-gateway-key-8127", "planted-callback-token-9911"
PROJECT = """
project: { name: Harbour School, country: GB, timezone: Europe/London }
public_url: https://texts.example
serve: { trusted_proxies: [127.0.0.1] }
connections:
  front-desk: { uses: mysmsgate, with: { api_key: "${KEY}", callback_token: "${TOKEN}", base_url: "https://gate.example" } }
messages: { quiet_hours: { from: "21:00", to: "08:00" } }
"""
WORKFLOW = """
name: Hello
trigger: { uses: webhook.received, with: { path: hello } }
steps: [{ uses: sms.send, with: { to: "{{ trigger.body.phone }}", text: Hello } }]
"""


class Outside:
    """The world: what answers where, and which names lead to what."""

    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        self.clock = SimulatedClock(START)
        self.skew_s = 0.0
        self.front: Callable[[str], Answer] = self.ringback
        self.gateway: Answer | Failure = Answer(404, {}, b"nothing here")
        self.names = {"texts.example": ["93.184.216.34"]}
        self.calls: list[Call] = []

    def send(self, call: Call) -> Answer:
        self.calls.append(call)
        if call.url.startswith("https://texts.example/healthz?nonce="):
            answer = self.front(call.url.partition("=")[2])
        elif isinstance(self.gateway, Failure):
            raise self.gateway
        else:
            answer = self.gateway
        date = formatdate(self.clock.now_ms() / 1000 + self.skew_s, usegmt=True)
        return Answer(answer.status, {"date": date, **answer.headers}, answer.body, call.url)

    def ringback(self, nonce: str) -> Answer:
        assert self.runtime is not None
        said = {"status": "ok", "proof": proof(self.runtime.holder, nonce)}
        return Answer(200, {}, json.dumps(said).encode())

    def resolve(self, name: str) -> list[str]:
        if name not in self.names:
            raise OSError("no such name")
        return self.names[name]


class Setup:
    """A project in a folder, alive, and the world around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = Outside()
        self.write("ringback.yaml", PROJECT)
        self.write(".env", f"KEY={KEY}\nTOKEN={TOKEN}\n").chmod(0o600)
        (folder / "workflows").mkdir()
        self.write("workflows/hello.yaml", WORKFLOW)
        self.runtime = open_runtime(
            load_settings(folder, {}), clock=self.world.clock, catalogue=catalogue()
        )
        self.runtime.start()
        self.world.runtime = self.runtime

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def change(self, old: str, new: str) -> None:
        assert old in PROJECT
        self.write("ringback.yaml", PROJECT.replace(old, new))

    def journal(self, write: Callable[[Connection], Any]) -> None:
        self.runtime.journal.write(write)

    def found(self, *, offline: bool = False) -> list[Finding]:
        return examine(
            self.folder,
            {},
            transport=self.world,
            clock=self.world.clock,
            resolver=self.world.resolve,
            catalogue=catalogue(),
            offline=offline,
        )

    def wrong(self) -> dict[str, Finding]:
        """What is not good, by its place."""
        return {one.place: one for one in self.found() if one.kind != "good"}


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Setup]:
    made = Setup(tmp_path)
    accept_report(made.runtime, "front-desk", report("delivered"), {})
    yield made
    made.runtime.close(0)


def report(status: str, word: str = "done") -> Report:
    return Report(
        gateway_id="gw-1", reference=None, status=status, raw_status=word, number=None, at_ms=None,
        error_code=None, detail=None, refunded=None, raw={}, key=f"{status}{word}",
    )  # fmt: skip


def test_a_good_set_up_is_good(it: Setup) -> None:
    assert it.wrong() == {}
    places = {one.place for one in it.found()}
    assert {"Python", ".env", "workflows", "journal", "files", "public_url", "clock", "runs", "processes"} <= places  # fmt: skip


def test_offline_calls_nobody(it: Setup) -> None:
    assert it.found(offline=True)
    assert it.world.calls == []


def test_no_secret_and_no_credentials_are_told_or_sent_to_strangers(it: Setup) -> None:
    it.world.gateway = Failure("unreachable", f"{KEY} and {TOKEN} did not work")
    shown = str(it.found())
    assert KEY not in shown
    assert TOKEN not in shown
    assert not [call for call in it.world.calls if KEY in str(call)]


def test_an_old_python_is_told() -> None:
    assert next(setup.ground((3, 10, 4))).kind == "bad"


def test_a_readable_env_file(it: Setup) -> None:
    (it.folder / ".env").chmod(0o644)
    assert "chmod 600" in it.wrong()[".env"].next


def test_a_readable_journal(it: Setup) -> None:
    it.runtime.settings.journal_path.chmod(0o640)
    assert it.wrong()["journal"].kind == "bad"


def test_an_unset_secret_is_told_and_the_rest_is_looked_at(it: Setup) -> None:
    it.write(".env", f"TOKEN={TOKEN}\n").chmod(0o600)
    wrong = [one.found for one in it.found() if one.kind != "good"]
    assert wrong.count("KEY is not set.") == 1
    assert "Its api_key is empty." in wrong
    assert {"journal", "public_url"} <= {one.place for one in it.found()}


def test_a_ringback_yaml_that_cannot_be_read_ends_it(it: Setup) -> None:
    it.write("ringback.yaml", "project: [\n")
    found = it.found()
    assert found[-1].kind == "bad"
    assert found[-1].place.startswith("ringback.yaml")


def test_a_mistake_in_a_workflow(it: Setup) -> None:
    it.write("workflows/hello.yaml", WORKFLOW.replace("sms.send", "sms.sent"))
    (found,) = it.wrong().values()
    assert found.place.startswith("workflows/hello.yaml:")
    assert "sms.send" in found.next


def test_country_and_time_zone(it: Setup) -> None:
    it.change(", country: GB, timezone: Europe/London", "")
    assert {"project.country", "project.timezone"} == set(it.wrong())


def test_a_journal_of_another_version_is_left_as_it_is(it: Setup) -> None:
    it.journal(lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'"))
    assert "ringback migrate" in it.wrong()["journal"].next
    it.journal(lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer" in it.wrong()["journal"].found
    it.journal(
        lambda conn: conn.exec_driver_sql(
            f"UPDATE alembic_version SET version_num = '{migrations.HEAD}'"
        )
    )


def test_a_damaged_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as driver:
        driver.execute("CREATE TABLE t (a TEXT)")
        driver.executemany("INSERT INTO t VALUES (?)", [("x" * 500,) for _ in range(200)])
    driver.close()
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)
    (found,) = stores._whole(path)
    assert found.kind == "bad"
    assert "backup" in found.next


def test_a_large_journal_is_looked_at_for_a_while_only(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as driver:
        driver.execute("CREATE TABLE t (a TEXT)")
        driver.executemany("INSERT INTO t VALUES (?)", [("x" * 500,) for _ in range(20_000)])
    driver.close()
    (found,) = stores._whole(path, within_s=-1)
    assert "within" in found.found


def test_a_journal_that_is_not_there_yet_is_not_made(it: Setup, tmp_path: Path) -> None:
    it.change("messages:", "journal: { path: elsewhere/journal.db }\nmessages:")
    assert it.wrong()["journal"].kind == "warn"
    assert "ringback serve" in it.wrong()["journal"].next
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk(it: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "FREE_BYTES", (1 << 60, 1 << 61))
    assert it.wrong()["disk of the journal"].kind == "bad"
    monkeypatch.setattr(stores, "FREE_BYTES", (0, 1 << 61))
    assert it.wrong()["disk of the journal"].kind == "warn"


def test_a_name_that_leads_nowhere(it: Setup) -> None:
    it.world.names.clear()
    assert "DNS" in it.wrong()["public_url"].next


def test_a_name_that_leads_inside(it: Setup) -> None:
    it.world.names["texts.example"] = ["192.168.1.4"]
    assert "192.168.1.4" in it.wrong()["public_url"].found


def test_a_proxy_that_is_not_trusted(it: Setup) -> None:
    it.change("serve: { trusted_proxies: [127.0.0.1] }\n", "")
    found = it.wrong()["public_url"]
    assert found.kind == "warn"
    assert "all callers look like the proxy" in found.found
    assert "trusted_proxies: [127.0.0.1]" in found.next


def test_an_address_without_https(it: Setup) -> None:
    it.change("https://texts.example", "http://texts.example")
    found = [one for one in it.found() if one.place == "public_url" and one.kind == "warn"]
    assert "not https" in found[0].found


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(200, {}, b"<html>It works!</html>"), "Something else answers"),
        (Answer(502, {}, b""), "Something else answers"),
        (Answer(301, {"location": "https://www.texts.example/x"}, b""), "www.texts.example"),
        (Answer(200, {}, b'{"status": "ok", "proof": "00"}'), "none that works with this journal"),
        (Answer(200, {}, b'{"status": "ok"}'), "none that works with this journal"),
    ],
)
def test_somebody_else_at_the_public_address(it: Setup, answer: Answer, words: str) -> None:
    it.world.front = lambda _nonce: answer
    found = it.wrong()["public_url"]
    assert found.kind == "bad"
    assert words in found.found


def test_nobody_at_the_public_address(it: Setup) -> None:
    def nobody(_nonce: str) -> Answer:
        raise Failure("unreachable", "texts.example could not be reached.")

    it.world.front = nobody
    assert it.wrong()["public_url"].kind == "bad"
    it.world.clock.advance_to(START + 60_000)
    wrong = it.wrong()
    assert "Start `ringback serve`" in wrong["public_url"].next
    assert wrong["processes"].kind == "warn"


def test_the_health_door_proves_itself(it: Setup) -> None:
    from ringback.web.app import create_app

    client = create_app(it.runtime).test_client()
    nonce = "0123456789abcdef-_"
    assert client.get(f"/healthz?nonce={nonce}").json == {
        "status": "ok",
        "proof": proof(it.runtime.holder, nonce),
    }
    assert client.get("/healthz?nonce=short").json == {"status": "ok"}
    assert it.runtime.holder not in client.get(f"/healthz?nonce={nonce}").text


@pytest.mark.parametrize(("skew_s", "kind"), [(20, "warn"), (-20, "warn"), (300, "bad")])
def test_a_clock_that_is_wrong(it: Setup, skew_s: float, kind: str) -> None:
    it.world.skew_s = skew_s
    assert it.wrong()["clock"].kind == kind


def test_a_gateway_that_is_away(it: Setup) -> None:
    it.world.gateway = Failure("unreachable", "gate.example could not be reached.")
    assert "not reached" in it.wrong()["connection front-desk"].found


def test_callbacks_that_cannot_prove_themselves(it: Setup) -> None:
    it.change(', callback_token: "${TOKEN}"', "")
    assert "all are refused" in it.wrong()["connection front-desk"].found


def test_a_gateway_that_never_called_back(it: Setup) -> None:
    it.change("front-desk:", "second:")
    found = it.wrong()["callbacks of second"]
    assert "https://texts.example/callbacks/second" in found.next


def test_a_gateway_of_which_only_a_test_came(it: Setup) -> None:
    it.change("front-desk:", "second:")
    it.journal(partial(put_heard, connection="second", kind="refused", now=START))
    assert "has not called back yet" in it.wrong()["callbacks of second"].found
    it.journal(partial(put_heard, connection="second", kind="ping", now=START))
    (said,) = [one for one in it.found() if one.place == "callbacks of second"]
    assert (said.kind, said.found) == ("good", "MySMSGate called back 1 second ago with a test or a handshake.")  # fmt: skip


def test_reports_of_messages_that_are_none_of_ours(it: Setup) -> None:
    it.journal(partial(put_heard, connection="front-desk", kind="unknown_message", now=START))
    assert it.wrong() == {}
    said = [one.found for one in it.found() if one.place == "callbacks of front-desk"]
    assert any("none of ours, 1 second ago" in one for one in said), said


def test_a_process_that_ended_without_a_word(it: Setup) -> None:
    it.journal(
        lambda conn: conn.exec_driver_sql(
            f"INSERT INTO holders (id, host, pid, until, started_at) VALUES ('hld_x', 'far', 7, {START - 90_000}, 1)"
        )
    )
    assert "far" in it.wrong()["processes"].found


def test_overdue_and_uncertain_runs(it: Setup) -> None:
    def add(conn: Connection) -> None:
        for name, wake in (("run_a", START - 120_000), ("run_b", None)):
            runs.add_run(
                conn, id=name, event_id=name, workflow="hello", definition="d", trigger=0, inputs={},
                created_at=START, wake_at=wake,
            )  # fmt: skip
        conn.exec_driver_sql("UPDATE runs SET state = 'uncertain' WHERE id = 'run_b'")

    it.journal(add)
    found = [one for one in it.found() if one.place == "runs"]
    assert [one.kind for one in found] == ["bad", "warn"]
    assert "2 minutes" in found[0].found


def test_refused_callbacks_with_the_doctors_sentence(it: Setup) -> None:
    def add(conn: Connection, at: int, name: str) -> None:
        row = refused.Refused(
            name, "front-desk", at, refused.reason_of("No.", ["Set public_url to X."]), "POST", "/", {}, b"",
        )  # fmt: skip
        refused.add_refused(conn, row)

    it.journal(lambda conn: add(conn, START - 90_000_000, "ref_a"))
    assert it.wrong() == {}
    it.journal(lambda conn: add(conn, START, "ref_b"))
    found = it.wrong()["callbacks of front-desk"]
    assert found.found == "1 refused within a day. No."
    assert found.next == "Set public_url to X."


def test_words_that_a_connector_does_not_know(it: Setup) -> None:
    accept_report(it.runtime, "front-desk", report("unknown", "TELEPORTED"), {})
    assert "TELEPORTED" in it.wrong()["callbacks of front-desk"].found


def test_traces_without_their_extra(it: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "find_spec", lambda _name: None)
    found = examine(
        it.folder,
        {"OTEL_TRACES_EXPORTER": "otlp"},
        transport=it.world,
        clock=it.world.clock,
        resolver=it.world.resolve,
        catalogue=catalogue(),
    )
    assert "ringback[otel]" in next(one for one in found if one.place == "traces").next


def test_the_command_says_it_and_exits_1(it: Setup) -> None:
    good = CliRunner().invoke(commands, ["doctor", "--offline", "--project", str(it.folder)])
    assert good.exit_code == 0, good.output
    assert "✓ project.country:" in good.output
    (it.folder / ".env").chmod(0o644)
    shown = CliRunner().invoke(commands, ["doctor", "--offline", "--json", "--project", str(it.folder)])  # fmt: skip
    assert shown.exit_code == 1
    said = json.loads(shown.output)
    assert not said["ok"]
    assert {"kind", "place", "found", "next"} == set(said["findings"][0])
    assert outside.PLACE not in {one["place"] for one in said["findings"]}


def test_a_broker_that_is_away_and_one_that_answers(
    it: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.distributed.lines import FakeLine

    it.change("messages:", "work: { where: celery, broker: 'redis://:planted-pass@queue.example/0' }\nmessages:")  # fmt: skip
    line = FakeLine()
    monkeypatch.setattr(stores, "Line", lambda _work: line)
    assert it.wrong() == {}
    line.down = True
    found = it.wrong()["broker"]
    assert found.kind == "bad"
    assert "work.broker" in found.next
    assert "planted-pass" not in str(found)


ASKED = {
    "uses: mysmsgate": "uses: telnyx",
    'api_key: "${KEY}", callback_token: "${TOKEN}", base_url: "https://gate.example"': (
        'api_key: "${KEY}", public_key: "e8LuGfjdJNSDkBZmoAZjEQAYYKVhVMjFrkv4Y6zlPQA=", sender: "+447700900100"'
    ),
}


def test_credentials_are_tried_by_a_question_where_the_gateway_can_be_asked(it: Setup) -> None:
    text = PROJECT
    for old, new in ASKED.items():
        assert old in text
        text = text.replace(old, new)
    it.write("ringback.yaml", text)
    balance = {"data": {"available_credit": "400.00", "currency": "USD"}}
    it.world.gateway = Answer(200, {}, json.dumps(balance).encode())
    found = [one for one in it.found() if one.place == "connection front-desk"]
    assert "takes its credentials: credit 400.00, currency USD." in found[-1].found
    it.world.gateway = Answer(401, {}, b"{}")
    assert "credentials" in it.wrong()["connection front-desk"].found
    asked = [call.url for call in it.world.calls if "telnyx" in call.url]
    assert set(asked) == {"https://api.telnyx.com/v2/balance"}
