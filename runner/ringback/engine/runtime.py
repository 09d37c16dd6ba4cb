"""What a running Ringback consists of, put together once and handed to everything that happens."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from ringback.access import vault
from ringback.clock import Clock, SharedClock, SystemClock, uptime
from ringback.connectors import catalogue as catalogues
from ringback.connectors import values
from ringback.connectors.catalogue import Catalogue
from ringback.connectors.manifest import Manifest
from ringback.connectors.transport import Sender, Transport
from ringback.connectors.watched import Watched
from ringback.engine.executor import Executor, InlineExecutor
from ringback.engine.senders import Senders
from ringback.ids import new_id
from ringback.journal import definitions, holders
from ringback.journal.files import FileStore
from ringback.journal.journal import Journal
from ringback.journal.runs import Lease
from ringback.masks import Masks
from ringback.observe.metrics import Metrics
from ringback.observe.traces import OFF, Traces
from ringback.problems import Failure
from ringback.settings import Connection, Settings
from ringback.workflow import load
from ringback.workflow.model import Workflow, WorkflowSet

log = logging.getLogger(__name__)

HOLDER_LIVES_MS = 30_000
"""How long a holder counts as alive after its last heartbeat."""
_CAUTION_MS = 1_000
"""So much earlier a process takes itself for dead than others do."""
_DEFINITIONS_KEPT = 256


@dataclass
class Runtime:
    """One project, running. `workflows` may be replaced at any time; runs keep the version they started with."""

    settings: Settings
    catalogue: Catalogue
    workflows: WorkflowSet
    journal: Journal
    files: FileStore
    transport: Sender
    clock: Clock
    masks: Masks
    executor: Executor
    holder: str
    timezone: ZoneInfo
    metrics: Metrics = field(default_factory=Metrics)
    traces: Traces = OFF
    started_at: int = 0
    stopping: bool = False
    stuck: list[Lease] = field(default_factory=list)
    last_heard: dict[tuple[str, str], int] = field(default_factory=dict, repr=False)
    senders: Senders = field(default_factory=Senders, repr=False)
    _life: int = field(default=0, repr=False)
    _lives_until: float = field(default=0.0, repr=False)
    _parsed: OrderedDict[str, Workflow] = field(default_factory=OrderedDict, repr=False)
    _kept: set[str] = field(default_factory=set, repr=False)
    _connections: dict[str, tuple[Connection, Manifest, Mapping[str, Any]]] = field(
        default_factory=dict, repr=False
    )
    _watched: dict[str, list[threading.Event]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self) -> None:
        """Say that this process lives, take over what dead ones left, and let the executor begin."""
        self.started_at = self.clock.now_ms()
        self.beat()
        self.take_over()
        self.executor.start(self)

    def close(self, grace_ms: int = 10_000) -> None:
        """Finish or park what runs, hand back the rest, and close the journal. Closing twice is fine."""
        self.stopping = True
        self.executor.stop(grace_ms)
        try:
            self.journal.write(lambda conn: holders.leave(conn, self.holder, self.clock.now_ms()))
        except Failure as failure:
            log.warning("The holder could not sign off: %s", failure)
        if isinstance(self.clock, SharedClock):
            self.clock.close()
        self.journal.close()
        if isinstance(self.transport, Watched):
            self.transport.close()
        self.traces.close()

    def beat(self) -> None:
        """Prolong this holder's life; called every few seconds."""
        now, began = self.clock.now_ms(), uptime()
        holder = holders.Holder(
            self.holder,
            socket.gethostname(),
            os.getpid(),
            now + HOLDER_LIVES_MS,
            self.started_at,
        )
        self.journal.write(lambda conn: holders.beat(conn, holder))
        if began >= self._lives_until:
            self._life += 1
        self._lives_until = began + (HOLDER_LIVES_MS - _CAUTION_MS) / 1000

    def life(self) -> int:
        """Which of its lives this process is in: another number when others may have taken it for dead in between.

        Measured by a clock that went on while the process stood still; 0 while it may be taken for dead now.
        """
        return self._life if uptime() < self._lives_until else 0

    def take_over(self) -> int:
        """Make the runs of dead holders due again; how many."""
        freed = self.journal.write(
            lambda conn: holders.lapse_dead(conn, self.clock.now_ms(), socket.gethostname())
        )
        if freed:
            self.metrics.count("take_overs", by=len(freed))
            log.warning("Took over %d runs from a holder that is gone", len(freed))
        return len(freed)

    def definition(self, content_hash: str) -> Workflow:
        """A workflow version by its hash. Raises `Failure("not_found")` when it is not kept or no longer readable."""
        known = self._parsed.get(content_hash)
        if known is not None:
            return known
        kept = self.journal.look(lambda conn: definitions.get_definition(conn, content_hash))
        if kept is None:
            raise Failure(
                "not_found", "The version of the workflow that this run began with is gone."
            )
        workflow, _document = load.parse(
            kept.source, f"workflows/{kept.workflow}.yaml", id=kept.workflow
        )
        if workflow is None:
            raise Failure(
                "not_found",
                f"The version of {kept.workflow} that this run began with can no longer be read.",
                "Start the run again with the workflow as it is now.",
            )
        return self.remember(workflow)

    def remember(self, workflow: Workflow) -> Workflow:
        """Keep a parsed version at hand."""
        with self._lock:
            self._parsed[workflow.hash] = workflow
            self._parsed.move_to_end(workflow.hash)
            while len(self._parsed) > _DEFINITIONS_KEPT:
                self._parsed.popitem(last=False)
        return workflow

    def is_kept(self, workflow: Workflow) -> bool:
        """Whether the journal is known to hold this version."""
        return workflow.hash in self._kept

    def now_kept(self, hashes: Iterable[str]) -> None:
        """A commit that held these versions has succeeded."""
        self._kept.update(hashes)

    def connection(self, name: str) -> tuple[Connection, Manifest, Mapping[str, Any]]:
        """A connection, its connector and its settings with defaults. Raises `Failure("not_found")`."""
        known = self._connections.get(name)
        if known is not None:
            return known
        connection = self.settings.connections.get(name)
        if connection is None:
            names = ", ".join(self.settings.connections) or "none"
            raise Failure(
                "not_found",
                f"There is no connection {name}.",
                f"Configured in ringback.yaml: {names}.",
            )
        manifest = self.catalogue.connectors.get(connection.uses)
        if manifest is None:
            raise Failure(
                "not_found",
                f"The connection {name} uses {connection.uses}, which is not a connector here.",
                "See the list with: ringback connectors",
            )
        settings = values.prepare(manifest.settings, connection.settings, f"connection {name}")
        self._connections[name] = (connection, manifest, settings)
        return self._connections[name]

    def watch(self, run_id: str) -> threading.Event:
        """An event that is set when the run ends in this process. Give it back with `unwatch`."""
        event = threading.Event()
        with self._lock:
            self._watched.setdefault(run_id, []).append(event)
        return event

    def unwatch(self, run_id: str, event: threading.Event) -> None:
        with self._lock:
            left = [one for one in self._watched.get(run_id, []) if one is not event]
            if left:
                self._watched[run_id] = left
            else:
                self._watched.pop(run_id, None)

    def ended(self, run_id: str) -> None:
        """Tell whoever watches a run that it has ended."""
        if self._watched:
            with self._lock:
                watching = self._watched.get(run_id, [])
            for event in watching:
                event.set()


def _file_store(settings: Settings) -> FileStore:
    if settings.files_at is None:
        return FileStore(settings.files_folder)
    from ringback.journal.bucket import Bucket

    return Bucket(settings.files_folder, settings.files_at.url, settings.files_at.options)


def _clock(journal: Journal) -> Clock:
    """The clock that every process of this journal goes by."""
    if journal.server_ms() is None:
        return SystemClock()
    return SharedClock(lambda: journal.server_ms() or 0)


def secrets_of(settings: Settings, catalogue: Catalogue) -> set[str]:
    """Every secret value of a project: the settings' own, and what stands in secret fields of connections."""
    found = set(settings.secrets)
    for connection in settings.connections.values():
        manifest = catalogue.connectors.get(connection.uses)
        if manifest is not None:
            found |= values.secret_values(manifest.settings, connection.settings)
    return found


def open_runtime(
    settings: Settings,
    *,
    clock: Clock | None = None,
    transport: Sender | None = None,
    executor: Executor | None = None,
    catalogue: Catalogue | None = None,
    workflows: WorkflowSet | None = None,
    traces: Traces = OFF,
) -> Runtime:
    """Open the journal and put a runtime together; nothing runs before `start`.

    Without an `executor` runs are advanced only by `inline.drain`; `worker.LocalExecutor` has threads.
    Secrets that the journal keeps are filled into the settings. Raises `Failure` when the journal cannot be opened,
    and `Mistakes` when such a secret is missing or does not open.
    """
    catalogue = catalogue or catalogues.load_catalogue(settings.folder)
    journal = Journal.open(settings.journal, clock or SystemClock())
    try:
        journal.clock = clock = clock or _clock(journal)
        settings = vault.fill(settings, journal)
    except BaseException:
        journal.close()
        raise
    metrics = Metrics()
    metrics.built(journal.kind)
    journal.on_commit = metrics.committed
    return Runtime(
        settings=settings,
        catalogue=catalogue,
        workflows=workflows if workflows is not None else load.load_folder(settings, catalogue),
        journal=journal,
        files=_file_store(settings),
        transport=Watched(transport or Transport(), metrics, traces),
        clock=clock,
        masks=Masks(secrets_of(settings, catalogue)),
        executor=executor or InlineExecutor(),
        holder=new_id("hld"),
        timezone=ZoneInfo(str(settings.project.get("timezone") or "UTC")),
        metrics=metrics,
        traces=traces,
    )
