"""The commands as processes of their own: demo, serve and rehearse, send, run, runs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ringback.cli import commands
from ringback.cli.demo import _free_ports

ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "PYTHONWARNINGS": "error"}
STAGES = (
    "receipt: 202, run run_",
    "fields read  name: Amina Yusuf, phone: +447700900077",
    "text sent to +447700900077",
    "accepted",
    "sent  signed callback",
    "delivered  signed callback",
    "an unsigned callback is refused: 401",
    "run finished: succeeded",
)


def ringback(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ringback", *arguments]


def until(look: Callable[[], Any], patience_s: float = 15.0) -> Any:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("It did not happen in time.")


@contextmanager
def process(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        started = subprocess.Popen(ringback(*arguments), stdout=out, stderr=out, env=ENVIRONMENT)
        try:
            yield started
        finally:
            started.terminate()
            started.wait(20)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in found.read_text().split()] if found.exists() else []


def test_the_demo_tells_every_stage_in_order(tmp_path: Path) -> None:
    done = subprocess.run(
        ringback("demo"), capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    places = [done.stdout.find(stage) for stage in STAGES]
    assert -1 not in places, done.stdout
    assert places == sorted(places)
    assert "\x1b" not in done.stdout


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see processes")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_the_demo_stays_and_leaves_nothing_behind(tmp_path: Path, sent: signal.Signals) -> None:
    log = tmp_path / "demo.log"
    with process(log, "demo", "--stay") as demo:
        until(lambda: "Ctrl-C ends both." in log.read_text())
        address = re.search(r"@your-agreement\.docx (http://\S+)/hooks", log.read_text())
        assert address is not None
        there = children(demo.pid)
        assert len(there) == 2
        demo.send_signal(sent)
        assert demo.wait(20) == 130
        assert [pid for pid in there if Path(f"/proc/{pid}").exists()] == []


def test_the_demo_names_the_stage_that_did_not_happen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ringback.cli import demo

    whole = demo.play

    def impatient(started: demo.Demo) -> None:
        monkeypatch.setattr(demo, "PATIENCE_S", 0.3)
        whole(started)

    monkeypatch.setattr(demo, "_step", lambda *_: None)
    monkeypatch.setattr(demo, "play", impatient)
    shown = CliRunner().invoke(commands, ["demo"])
    assert shown.exit_code == 1
    assert "The demo stopped before this stage: the document is read." in shown.output


@pytest.fixture
def project(tmp_path: Path) -> Path:
    serve_port, gateway_port = _free_ports(2)
    folder = tmp_path / "school"
    assert CliRunner().invoke(commands, ["init", str(folder)]).exit_code == 0
    settings = folder / "ringback.yaml"
    text = settings.read_text().replace("8080", str(serve_port)).replace("8099", str(gateway_port))
    settings.write_text(text)
    return folder


def on(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ringback(*arguments, "--project", str(project))
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)


def port_of(project: Path, word: str) -> str:
    found = re.search(
        rf"{word}: http://127\.0\.0\.1:(\d+)", (project / "ringback.yaml").read_text()
    )
    assert found is not None
    return found[1]


def test_a_project_from_its_first_minute(project: Path) -> None:
    """The straight line of the project's README: check, rehearse, serve, send, run, runs, show."""
    checked = CliRunner().invoke(commands, ["check", str(project)])
    assert checked.exit_code == 0, checked.output
    gateway_log, serve_log = project / "gateway.log", project / "serve.log"
    port = port_of(project, "base_url")
    rehearse = ("rehearse", "--port", port, "--delay", "50 ms", "--project", str(project))
    with (
        process(gateway_log, *rehearse),
        process(serve_log, "serve", "--project", str(project)) as serve,
    ):
        until(lambda: "/callbacks/front-desk" in serve_log.read_text())
        assert "/hooks/enrolments  Enrolment confirmation" in serve_log.read_text()
        sent = on(project, "send", "--to", "07700 900123", "--text", "Hello")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        # on a busy machine the first report is here before the answer is shown
        assert re.search(
            r"✓ \+447700900123 through front-desk: (accepted|sent|delivered)", sent.stdout
        )
        document = project / "workflows" / "samples" / "enrolment.docx"
        ran = on(project, "run", "enrolment", "--file", f"agreement={document}")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "report: delivered" in ran.stdout
        _reloads(project, serve_log)
        serve.terminate()
        assert serve.wait(20) == 0
    listed = json.loads(on(project, "runs", "--json").stdout)
    assert [run["workflow"] for run in listed] == ["enrolment", "send"]
    shown = on(project, "runs", "show", listed[0]["id"])
    assert "text to +447700900077" in shown.stdout
    for secret in re.findall(r"=(.{20,})", (project / ".env").read_text()):
        said = serve_log.read_text() + gateway_log.read_text() + shown.stdout + ran.stdout
        assert secret not in said


def _reloads(project: Path, log: Path) -> None:
    """A changed workflow is taken up; with a mistake the last good one stays."""
    file = project / "workflows" / "enrolment.yaml"
    good = file.read_text()
    file.write_text(good.replace("  - id: delivery", "  - idd: delivery"))
    until(lambda: "The workflows stay as they were until this is mended." in log.read_text())
    assert "`idd` is not a key of a step. Did you mean `id`?" in log.read_text()
    file.write_text(good + "\n")
    until(lambda: "Workflows taken up: enrolment." in log.read_text())


def test_serve_says_what_is_wrong_with_own_connectors_and_that_changed_ones_wait(
    tmp_path: Path,
) -> None:
    (tmp_path / "ringback.yaml").write_text("project: {name: Harbour School, country: GB}\n")
    (tmp_path / "workflows").mkdir()
    manifest, log = tmp_path / "connectors" / "acme" / "connector.yaml", tmp_path / "serve.log"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("id: acme\nextends: mysmsgat\nname: Acme\n")
    with process(log, "serve", "--port", str(_free_ports(1)[0]), "--project", str(tmp_path)):
        until(lambda: "listening on" in log.read_text())
        assert "connectors/acme/connector.yaml:2:10: `mysmsgat`" in log.read_text()
        assert "The connectors with a mistake are left out" in log.read_text()
        manifest.write_text("id: acme\nextends: mysmsgate\nname: Acme\n")
        until(lambda: "Changed: connectors/acme/connector.yaml." in log.read_text())


REFUSED = {
    "an unknown workflow": (["run", "enrolmnt"], "There is no workflow enrolmnt."),
    "a file that is not there": (
        ["run", "enrolment", "--file", "agreement=no.docx"],
        "There is no file",
    ),
    "a file without its name": (
        ["run", "enrolment", "--file", "no.docx"],
        "write a name, =, and a value",
    ),
    "an unknown run": (["runs", "show", "run_x"], "There is no run run_x."),
    "a run that cannot be canceled": (
        ["runs", "cancel", "run_x"],
        "There is no unfinished run run_x.",
    ),
    "a step that is not uncertain": (
        ["runs", "settle", "run_x", "a", "--sent"],
        "is not uncertain",
    ),
    "a run that is not there": (["runs", "settle", "run_x", "--sent"], "There is no run run_x."),
    "no decision": (["runs", "settle", "run_x"], "Say either --sent or --again."),
    "an unknown connection": (
        ["send", "--to", "+447700900077", "--text", "Hi", "--through", "bak"],
        "bak",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_one_paragraph(project: Path, case: str) -> None:
    arguments, said = REFUSED[case]
    shown = CliRunner().invoke(commands, [*arguments, "--project", str(project)])
    assert shown.exit_code == 1, shown.output
    assert said in shown.output
    assert "Traceback" not in shown.output


def test_a_failed_run_exits_1_and_says_why(project: Path) -> None:
    shown = CliRunner().invoke(commands, ["run", "enrolment", "--project", str(project)])
    assert shown.exit_code == 1
    assert "✗ failed" in shown.output


def test_a_port_that_is_taken(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for verb in ("serve", "rehearse"):
            done = on(project, verb, "--port", port)
            assert done.returncode == 1, done.stdout + done.stderr
            assert len(done.stderr.strip().splitlines()) == 1, done.stderr
            assert port in done.stderr


def test_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["serve"], ["runs"], ["check"], ["rehearse"], ["run", "enrolment"]):
        shown = CliRunner().invoke(commands, arguments)
        assert shown.exit_code == 1
        assert "There is no ringback.yaml in this folder or above it." in shown.output


@pytest.mark.parametrize("decision", ["sent", "again"])
def test_an_uncertain_text_is_shown_and_settled(project: Path, decision: str) -> None:
    """A gateway that hangs up without an answer: nobody knows whether the text went, so a person is asked."""

    def hang_up(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)

    with socket.create_server(("127.0.0.1", int(port_of(project, "base_url")))) as listening:
        threading.Thread(target=hang_up, args=(listening,), daemon=True).start()
        sent = CliRunner().invoke(
            commands, ["send", "--to", "+447700900077", "--text", "Hi", "--project", str(project)]
        )
    assert sent.exit_code == 1, sent.output
    (run,) = json.loads(on(project, "runs", "--json").stdout)
    assert run["state"] == "uncertain"
    shown = on(project, "runs", "show", run["id"]).stdout
    assert f"ringback runs settle {run['id']} --{decision}" in shown
    settled = on(project, "runs", "settle", run["id"], f"--{decision}")
    assert settled.returncode == 0, settled.stderr
    told = json.loads(on(project, "runs", "show", run["id"], "--json").stdout)
    assert [step for step in told["steps"] if step["state"] == "uncertain"] == []
    assert told["run"]["wake_at"] is not None
    again = on(project, "runs", "settle", run["id"], f"--{decision}")
    assert again.returncode == 1
    assert f"No step of {run['id']} is uncertain." in again.stderr
