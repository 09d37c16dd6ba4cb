"""`ringback demo`: two real processes, one real document, signed callbacks, told as it happens."""

from __future__ import annotations

import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click

from ringback.cli import console, init, stage
from ringback.problems import Failure
from ringback.words import say_duration

RECIPE, HOOK, CONNECTION = "enrolment", "enrolments", "front-desk"
UPLOAD = "agreement"
REPORT_DELAY = "150 ms"
PATIENCE_S = 20.0
LOOK_EVERY_S = 0.03
STOP_S = 5.0


@click.command()
@click.option(
    "--stay", is_flag=True, help="Keep both processes running, to send them your own document."
)
def command(stay: bool) -> None:
    """Watch a signed document become a text, end to end, on this machine.

    Starts the runner and a rehearsal gateway as two processes in a temporary project, posts a Word
    document to the webhook, and tells what happens until the delivery report has come back. No text
    leaves this machine.

    \b
    Example:
      ringback demo
      ringback demo --stay
    """
    began = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(_terminated_as_interrupted())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-demo-")))
        demo = prepare(folder)
        with console.busy("Starting the runner and the rehearsal gateway"):
            start(demo, stack)
        play(demo)
        console.say()
        console.mark("good", f"Done in {say_duration(round((time.monotonic() - began) * 1000))}.")
        if stay:
            _stay(demo)


@dataclass
class Demo:
    """One demo: where it lives, its addresses, and its processes by name."""

    folder: Path
    serve_url: str
    rehearsal_url: str
    token: str = field(repr=False)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def document(self) -> Path:
        return self.folder / "workflows" / "samples" / "enrolment.docx"


class Stopped(Failure):
    """A stage of the demo did not happen."""


def prepare(folder: Path) -> Demo:
    """A project with the enrolment recipe, set to free ports and fresh secrets."""
    serve_port, rehearsal_port = _free_ports(2)
    rehearsal_url = f"http://127.0.0.1:{rehearsal_port}"
    made = stage.write_project(folder, serve_port, rehearsal_url)
    init.add_recipe(folder, init.recipe_file(RECIPE))
    console.hide(made.values())
    return Demo(folder, f"http://127.0.0.1:{serve_port}", rehearsal_url, made["DEMO_API_TOKEN"])


def start(demo: Demo, stack: ExitStack) -> None:
    """Start both processes and wait until both answer; they end with the stack."""
    rehearse = ["rehearse", "--port", demo.rehearsal_url.rsplit(":", 1)[1], "--delay", REPORT_DELAY]
    for name, arguments in {"gateway": rehearse, "runner": ["serve"]}.items():
        log = stack.enter_context((demo.folder / f"{name}.log").open("wb"))
        demo.processes[name] = stack.enter_context(_process(arguments, demo.folder, log))
    _until("the rehearsal gateway starts", demo, lambda: _answers(f"{demo.rehearsal_url}/"))
    _until("the runner starts", demo, lambda: _answers(f"{demo.serve_url}/readyz"))


def play(demo: Demo) -> None:
    """Post the document and tell the stages. Raises `Stopped` naming the stage that did not happen."""
    console.heading("A signed agreement arrives, the student is texted, the delivery comes back.")
    console.mark("note", f"runner on {demo.serve_url}", "ringback serve")
    console.mark("note", f"gateway on {demo.rehearsal_url}", "ringback rehearse")
    began = time.monotonic()
    receipt = _post(demo)
    _told(
        began, f"receipt: 202, run {receipt['run']}", f"{demo.document.name} → POST /hooks/{HOOK}"
    )
    run = _Watched(demo, receipt["run"])
    step = run.wait("the document is read", lambda told: _step(told, "agreement", "succeeded"))
    read = step.get("output") or {}
    _told(
        began, "fields read", ", ".join(f"{name}: {read.get(name)}" for name in ("name", "phone"))
    )
    message = run.wait("the text is sent", lambda told: (told["messages"] or [None])[0])
    _told(began, f"text sent to {message['number_to']}", message["text"])
    accepted = run.wait("the gateway accepts the text", _accepted)
    _told(began, "accepted", f"the gateway calls it {accepted}")
    for status in ("sent", "delivered"):
        run.wait(f"the text is {status}", partial(_reported, status))
        _told(began, status, f"signed callback → POST /callbacks/{CONNECTION}")
    _forge(demo, message, began)
    ended = run.wait(
        "the run finishes", lambda told: told["run"] if told["run"]["finished_at"] else None
    )
    if ended["state"] != "succeeded":
        raise _stopped("the run succeeds", demo, f"It ended {ended['state']}: {ended['error']}.")
    took = say_duration(ended["finished_at"] - ended["created_at"])
    _told(began, "run finished: succeeded", f"{took} from receipt to the end")


class _Watched:
    """A run, looked at through the API until something is there."""

    def __init__(self, demo: Demo, run_id: str) -> None:
        self._demo = demo
        self._url = f"{demo.serve_url}/api/v1/runs/{run_id}"

    def wait(self, stage: str, look: Callable[[Mapping[str, Any]], Any]) -> Any:
        """What `look` finds in the run's story, once it finds something."""
        return _until(stage, self._demo, lambda: self._found(look))

    def _found(self, look: Callable[[Mapping[str, Any]], Any]) -> Any:
        import requests

        headers = {"Authorization": f"Bearer {self._demo.token}"}
        answer = requests.get(self._url, headers=headers, timeout=5)
        answer.raise_for_status()
        told = answer.json()
        found = look(told)
        ended = told["run"]["state"]
        if not found and ended in {"failed", "stopped", "canceled", "skipped"}:
            raise _stopped("", self._demo, f"The run ended {ended}: {told['run']['error']}.")
        return found


def _post(demo: Demo) -> dict[str, Any]:
    import requests

    with demo.document.open("rb") as stream:
        files = {UPLOAD: (demo.document.name, stream)}
        answer = requests.post(f"{demo.serve_url}/hooks/{HOOK}", files=files, timeout=10)
    if answer.status_code != 202:
        raise _stopped(
            "the receipt", demo, f"The runner answered {answer.status_code}: {answer.text}"
        )
    receipt: dict[str, Any] = answer.json()
    return receipt


def _forge(demo: Demo, message: Mapping[str, Any], began: float) -> None:
    """Anyone may call the callback address; without the signature nobody is believed."""
    import requests

    forged = {"message_id": message["gateway_id"], "status": "failed"}
    answer = requests.post(f"{demo.serve_url}/callbacks/{CONNECTION}", json=forged, timeout=10)
    if answer.status_code < 400:
        raise _stopped(
            "an unsigned callback is refused", demo, f"It was answered {answer.status_code}."
        )
    _told(
        began,
        f"an unsigned callback is refused: {answer.status_code}",
        "it said that the text had failed",
    )


def _step(told: Mapping[str, Any], name: str, state: str) -> Any:
    return next((one for one in told["steps"] if one["id"] == name and one["state"] == state), None)


def _accepted(told: Mapping[str, Any]) -> Any:
    return told["messages"][0]["gateway_id"]


def _reported(status: str, told: Mapping[str, Any]) -> bool:
    return any(report["status"] == status for report in told["messages"][0]["reports"])


def _told(began: float, text: str, detail: str = "") -> None:
    console.mark("good", f"{time.monotonic() - began:5.2f} s  {text}", detail)


def _until(stage: str, demo: Demo, look: Callable[[], Any]) -> Any:
    """What `look` gives, once it is true. Raises `Stopped` when a process ended or patience did."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except Stopped as stopped:
            raise _stopped(stage, demo, stopped.next) from None
        for name, process in demo.processes.items():
            if process.poll() is not None:
                raise _stopped(stage, demo, f"The {name} ended with {process.returncode}.")
        time.sleep(LOOK_EVERY_S)
    raise _stopped(stage, demo, f"Waited {PATIENCE_S:.0f} seconds.")


def _stopped(stage: str, demo: Demo, why: str) -> Stopped:
    """The failure for a stage, with the last lines of both processes for whoever looks into it."""
    tails = []
    for name in demo.processes:
        lines = (demo.folder / f"{name}.log").read_text("utf-8", "replace").splitlines()[-15:]
        if lines:
            tails.append("\n".join([f"--- {name}", *lines]))
    if tails and stage:
        console.say("\n".join(tails), err=True)
    return Stopped("refused", f"The demo stopped before this stage: {stage}.", why)


def _answers(url: str) -> bool:
    import requests

    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


@contextmanager
def _process(arguments: list[str], folder: Path, log: Any) -> Iterator[subprocess.Popen[bytes]]:
    """`ringback <arguments>` in the folder; asked to stop, then made to, at the end of the body."""
    command = [sys.executable, "-m", "ringback", *arguments, "--project", str(folder)]
    process = subprocess.Popen(  # noqa: S603  our own command
        command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Being asked to end is Ctrl-C, so that the processes are ended too."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _stay(demo: Demo) -> None:
    """Say how to go on by hand, and wait for Ctrl-C."""
    console.say()
    console.say("Both keep running. Send your own document:")
    console.say(f"  curl -F {UPLOAD}=@your-agreement.docx {demo.serve_url}/hooks/{HOOK}")
    console.say("Or the same one again:")
    console.say(
        f"  curl -F {UPLOAD}=@{shlex.quote(str(demo.document))} {demo.serve_url}/hooks/{HOOK}"
    )
    console.say(f"See the runs:      ringback runs --project {shlex.quote(str(demo.folder))}")
    console.say(f"See the messages:  curl {demo.rehearsal_url}/rehearsal/messages")
    console.say("Ctrl-C ends both.")
    sys.stdout.flush()
    while all(process.poll() is None for process in demo.processes.values()):
        time.sleep(0.5)
