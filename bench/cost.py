"""The processor time of one run, part by part, with nothing beside it.

    python -m bench.cost [--runs 1500] [--profile receive|advance|writer] [--sort tottime]

One thread calls the WSGI application as a server would, then walks each run; the journal's writer is the only
other thread. What `bench.runs` shows as rates is the sum of these, and what threads take from each other.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import pstats
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench import house
from bench.runs import bodies
from ringback.cli import project
from ringback.engine.executor import NORMAL, Warm
from ringback.engine.run import advance
from ringback.engine.runtime import Runtime, open_runtime
from ringback.web.app import create_app

PORT = 8099


class Line:
    """An executor that only keeps what it is given."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, Warm | None]] = []

    def submit(self, run_id: str, warm: Warm | None = None, priority: int = NORMAL) -> None:  # noqa: ARG002  the protocol's
        self.runs.append((run_id, warm))

    def notify(self, wake_at: int) -> None: ...

    def room(self) -> bool:
        return True

    def waiting(self) -> int:
        return len(self.runs)

    def start(self, runtime: Runtime) -> None: ...

    def stop(self, grace_ms: int) -> None: ...


class Spent(NamedTuple):
    """Processor seconds so far: of the process, of this thread, of the journal's writer."""

    all: float
    caller: float
    writer: float


def spent(runtime: Runtime) -> Spent:
    writer: float = runtime.journal.write(lambda _: time.thread_time())
    return Spent(time.process_time(), time.thread_time(), writer)


def environ(body: bytes) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/hooks/bench", "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(PORT), "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": f"127.0.0.1:{PORT}", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False, "wsgi.input_terminated": True,
    }  # fmt: skip


def receive(app: Any, count: int) -> None:
    """So many webhooks, one after the other."""
    for body in bodies(count):
        said: list[str] = []
        answer = app(environ(body), lambda status, _headers, _=None, said=said: said.append(status))
        b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        if not said[0].startswith("202"):
            raise SystemExit(f"a webhook was answered {said[0]}")


def walk(runtime: Runtime, line: Line) -> None:
    """Every run that stands in line."""
    held, line.runs = line.runs, []
    for run_id, warm in held:
        advance(runtime, run_id, warm)


def measured(runtime: Runtime, app: Any, line: Line, count: int) -> None:
    marks = [spent(runtime)]
    receive(app, count)
    marks.append(spent(runtime))
    walk(runtime, line)
    marks.append(spent(runtime))
    print(f"{'µs of processor time a run':28}{'all':>8}{'caller':>8}{'writer':>8}")
    for name, first, last in (("receipt", 0, 1), ("walk", 1, 2), ("both", 0, 2)):
        took = [(b - a) * 1e6 / count for a, b in zip(marks[first], marks[last], strict=True)]
        print(f"{name:28}" + "".join(f"{one:8.0f}" for one in took))


def profiled(runtime: Runtime, app: Any, line: Line, count: int, part: str, sort: str) -> None:
    """Where one part's time goes, by Python's own profiler (which makes calls look dearer than they are)."""
    profile = cProfile.Profile()
    if part == "receive":
        profile.runcall(receive, app, count)
        walk(runtime, line)
    else:
        receive(app, count)
        if part == "writer":
            runtime.journal.write(
                lambda _: profile.enable()
            )  # a profile is of the thread that asks
            walk(runtime, line)
            runtime.journal.write(lambda _: profile.disable())
        else:
            profile.runcall(walk, runtime, line)
    pstats.Stats(profile).sort_stats(sort).print_stats(70)


def main() -> None:
    said = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    said.add_argument("--runs", type=int, default=1500)
    said.add_argument("--profile", choices=("receive", "advance", "writer"))
    said.add_argument("--sort", default="tottime")
    options = said.parse_args()
    with tempfile.TemporaryDirectory() as made, house.stub_gateway(Path(made)) as gateway:
        where = house.project(Path(made), PORT, f"http://127.0.0.1:{gateway}")
        line = Line()
        runtime = open_runtime(project.settings(where), executor=line)
        try:
            app = create_app(runtime)
            receive(app, 200)
            walk(runtime, line)
            measured(runtime, app, line, options.runs)
            if options.profile:
                profiled(runtime, app, line, options.runs, options.profile, options.sort)
        finally:
            runtime.close()


if __name__ == "__main__":
    main()
