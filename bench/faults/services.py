"""PostgreSQL, Redis and RabbitMQ of our own, each on a free port in a folder of its own, to be stopped and started."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import house

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The server without the wrapper that makes it the machine's one."""
READY_S = 120


def postgres_programs() -> Path | None:
    """The folder of `initdb` and `postgres`: PATH's, else the newest of Debian's."""
    if at := shutil.which("initdb"):
        return Path(at).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class Service:
    """A server program in a temporary folder. `stop` and `start` as often as wanted; `close` takes all away."""

    name = ""
    user: str | None = None

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"ringback-{self.name}-"))
        self.port = house.free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return {}

    def answers(self) -> None:
        """Ask it something small. Raises where it does not answer."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it; it answers when this returns. RuntimeError with its log where it ends instead."""
        log = self.folder / "out.log"
        with log.open("ab") as out:
            self.process = process = subprocess.Popen(
                self.command(), stdout=out, stderr=out, cwd=self.folder, user=self.user,
                env={**os.environ, **self.environment()}, start_new_session=True,
            )  # fmt: skip

        def ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {log.read_text()[-2000:]}")
            return _works(self.answers)

        house.wait_until(ready, f"{self.name} to answer", READY_S)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal and wait until it is gone; SIGKILL takes its children with it."""
        process, self.process = self.process, None
        if process is None:
            return
        if number == signal.SIGKILL:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, number)
        process.wait(READY_S)

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder)


class Postgres(Service):
    """`FAST` ends every session and writes all down; `IMMEDIATE` is a crash, mended from the log at the next start."""

    name = "postgresql"
    FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT

    def __init__(self) -> None:
        super().__init__()
        programs = postgres_programs()
        if programs is None:
            raise SystemExit("PostgreSQL is not installed.")
        self.programs = programs
        self.data = self.folder / "data"
        if os.geteuid() == 0:  # it refuses to run as root
            self.user = _somebody()
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        made = subprocess.run(
            [str(programs / "initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"],
            capture_output=True, text=True, user=self.user, cwd=self.folder, check=False,
        )  # fmt: skip
        if made.returncode:
            raise SystemExit(f"initdb: {made.stderr}")
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        return [
            str(self.programs / "postgres"), "-D", str(self.data), "-h", "127.0.0.1",
            "-p", str(self.port), "-k", str(self.folder), "-c", "max_connections=300",
        ]  # fmt: skip

    def answers(self) -> None:
        import psycopg

        psycopg.connect(self.url, connect_timeout=2).close()


class Redis(Service):
    """It keeps nothing on disk, so a stop loses every id that waits in it: the harder case."""

    name = "redis"

    def __init__(self) -> None:
        super().__init__()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]  # fmt: skip

    def answers(self) -> None:
        redis: Any = import_module("redis")
        with redis.Redis(port=self.port, socket_timeout=2) as client:
            client.ping()


class RabbitMq(Service):
    """A node of its own beside the machine's. It keeps its queue, so ids come again after a stop."""

    name = "rabbitmq"

    def __init__(self) -> None:
        super().__init__()
        self.between = house.free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        (self.folder / "plugins").write_text("[].")
        (self.folder / "rabbit.conf").write_text(f"listeners.tcp.local = 127.0.0.1:{self.port}\n")

    def command(self) -> list[str]:
        return [str(RABBITMQ)]

    def environment(self) -> Mapping[str, str]:
        at = str(self.folder)
        return {
            "HOME": at, "RABBITMQ_NODENAME": f"faults{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.between), "RABBITMQ_MNESIA_BASE": at, "RABBITMQ_LOG_BASE": at,
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{at}/plugins", "RABBITMQ_CONFIG_FILE": f"{at}/rabbit",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_PID_FILE": f"{at}/pid", "ERL_EPMD_ADDRESS": "127.0.0.1",
        }  # fmt: skip

    def answers(self) -> None:
        kombu: Any = import_module("kombu")
        socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
        with kombu.Connection(self.url, connect_timeout=3) as connection:
            connection.connect()


BROKERS: dict[str, type[Redis] | type[RabbitMq]] = {"redis": Redis, "rabbitmq": RabbitMq}


def missing(*names: str) -> str:
    """Which of these servers is not installed here, or nothing."""
    there = {
        "postgresql": postgres_programs() is not None,
        "redis": shutil.which("redis-server") is not None,
        "rabbitmq": RABBITMQ.exists(),
    }
    gone = [name for name in names if not there[name]]
    return f"{' and '.join(gone)} not installed" if gone else ""


def _works(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except Exception:  # noqa: BLE001  each client has its own
        return False
    return True


def _somebody() -> str:
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"
