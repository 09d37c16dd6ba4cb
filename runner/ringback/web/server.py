"""The HTTP server: granian in this very process, so that what stops it stops everything.

Granian's own supervisor would put the application into a child process; killed the hard way it leaves that
child behind, holding the port and the journal. Its threaded server does what is wanted here, one process
with a pool of threads around Python, but asks for an interpreter without the global lock; that check is
all that `_InProcess` leaves out.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import mt
from granian.server.common import AbstractServer
from granian.server.mt import MTServer

from ringback.engine.runtime import Runtime
from ringback.observe.logs import set_up
from ringback.problems import Failure
from ringback.web.app import create_app
from ringback.web.patience import Patience, with_protocol

log = logging.getLogger("ringback.web.server")

GRACE_MS = 20_000
"""How long a stop waits for what runs; what takes longer is put down and goes on at the next start."""
_SPARE_THREADS = 240
"""Besides one for each worker: who waits for a commit, for a run to answer with or for the rest of a body holds a
thread. They are made as they are needed, and idle ones end after half a minute."""
_END_S = 10
"""How long granian's own threads may take to end after a signal."""
_HEAD_TIMEOUT_MS = 15_000
"""How long a connection may be without the whole head of a request, the pause between two requests included."""
mt._wsgi_call_wrap = with_protocol(mt._wsgi_call_wrap)  # type: ignore[attr-defined]  # noqa: SLF001


class _InProcess(MTServer):
    """Granian's threaded server on an interpreter with the global lock."""

    def _check_gil(self) -> None:
        pass

    def serve(self, *args: Any, **kwargs: Any) -> None:
        AbstractServer.serve(self, *args, **kwargs)


def serve(
    runtime: Runtime,
    *,
    host: str | None = None,
    port: int | None = None,
    grace_ms: int = GRACE_MS,
    ready: Callable[[str], None] | None = None,
    app: Flask | None = None,
) -> None:
    """Start the runtime and serve its doors until SIGTERM or SIGINT; then stop in order.

    Everything is logged to standard error as the settings say, with secrets masked.
    Stopping: no new connections, the requests in hand are answered, runs finish or are parked, the journal
    is closed. `ready` is called with the server's address once it answers. Call it on the main thread, which
    is where signals arrive. Raises `Failure("invalid_input")` when the address cannot be listened on.
    """
    rules = runtime.settings.log
    set_up(runtime.masks, rules.level, form=rules.form, numbers=rules.numbers)
    host = host or runtime.settings.host
    port = runtime.settings.port if port is None else port
    port = _free_address(host, port)
    threads = runtime.settings.workers + _SPARE_THREADS
    server = _InProcess(
        "ringback",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=threads,
        websockets=False,
        http=HTTPModes.http1,  # telling it from HTTP/2, a connection that says nothing would have no timeout
        log_enabled=True,
        log_level=LogLevels.warning,
        log_dictconfig=_GRANIAN_LOG,
        http1_settings=HTTP1Settings(header_read_timeout=_HEAD_TIMEOUT_MS),
    )
    made = app or create_app(runtime)
    runtime.start()
    gc.freeze()  # what is loaded by now stays, so no later collection need go through it
    ended = _end_surely(server, runtime, grace_ms)
    patience = Patience(threads, runtime.metrics)
    patience.start()
    watched = patience.watching(made.wsgi_app)
    try:
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        _say_when_ready(host, port, address, ready)
        server.serve(target_loader=lambda: watched, wrap_loader=False)
    finally:
        signal.set_wakeup_fd(-1)
        ended.set()
        patience.close()
        _stop(runtime, grace_ms)


def _stop(runtime: Runtime, grace_ms: int) -> None:
    log.info("stopping: what runs is finished or put down")
    runtime.close(grace_ms)
    log.info("stopped")


def _end_surely(server: _InProcess, runtime: Runtime, grace_ms: int) -> threading.Event:
    """See to it that a signal ends the process, even where the server's own threads do not come to their end.

    Rarely (seen under load) granian did not return after SIGTERM. The signal is heard here as well; when the server
    has not ended `_END_S` later, the runtime is closed in order and the process left. Set the event that is
    returned once the server has ended.
    """
    ended = threading.Event()
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def watch() -> None:
        with reader, writer:
            while reader.recv(1)[0] not in (signal.SIGTERM, signal.SIGINT):
                pass
            server.signal_handler_interrupt()  # type: ignore[no-untyped-call]
            if ended.wait(_END_S):
                return
            log.warning("the server's threads did not end in %d s and are left", _END_S)
            _stop(runtime, grace_ms)
            logging.shutdown()
            os._exit(0)

    threading.Thread(target=watch, name="ringback-signals", daemon=True).start()
    return ended


_GRANIAN_LOG: dict[str, Any] = {"incremental": True, "handlers": {}, "loggers": {"_granian": {}}}
"""Granian logs through our handlers, which mask secrets."""


def _free_address(host: str, port: int) -> int:
    """The port to listen on (a free one for 0), found to be free.

    The server itself shares its port with whoever asks (SO_REUSEPORT), so that a second server by mistake
    would take half of the requests instead of failing.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _cannot_listen(host, port, error) from error
        return int(probe.getsockname()[1])


def _cannot_listen(host: str, port: int, error: OSError) -> Failure:
    said = {
        errno.EADDRINUSE: "something else listens there",
        errno.EACCES: "this user may not",
        errno.EADDRNOTAVAIL: "this machine has no such address",
    }.get(error.errno or 0, str(error))
    return Failure(
        "invalid_input",
        f"Ringback cannot listen on {host}:{port}: {said}.",
        "Stop the other program, or set another port under serve in ringback.yaml.",
    )


def _say_when_ready(
    host: str, port: int, address: str, ready: Callable[[str], None] | None
) -> None:
    """Wait beside the server until it takes connections, then tell."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound

    def wait() -> None:
        pause = threading.Event()
        while True:
            try:
                with socket.create_connection((target, port), timeout=1):
                    break
            except OSError:
                pause.wait(0.01)
        log.info("listening on %s", address)
        if ready is not None:
            ready(address)

    threading.Thread(target=wait, name="ringback-ready", daemon=True).start()
