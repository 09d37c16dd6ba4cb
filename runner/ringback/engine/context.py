"""What an action is given besides its inputs: `ringback.sdk.Context`, made for one attempt of one step."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from ringback.connectors import invoke
from ringback.engine.runtime import Runtime
from ringback.engine.walk import Walk
from ringback.journal import files, locks
from ringback.problems import Failure
from ringback.sdk import File, Reply

log = logging.getLogger(__name__)


class Context:
    """A `ringback.sdk.Context` outside any run: for questions that the program itself puts to a gateway."""

    idempotency_key = ""

    def __init__(
        self, runtime: Runtime, settings: Mapping[str, Any], *, tell_trace: bool = False
    ) -> None:
        self._runtime = runtime
        self._tell_trace = tell_trace
        self.project: Mapping[str, Any] = runtime.settings.project
        self.settings = settings

    def now(self) -> datetime:
        return self._runtime.clock.now()

    def path(self, file: File) -> Path:
        return self._runtime.files.path(file["sha256"])

    def save(self, name: str, content: bytes | BinaryIO, media_type: str) -> File:  # noqa: ARG002
        raise Failure("internal", f"A question to a gateway stores no file {name}.")

    def log(self, message: str, **facts: Any) -> None:
        log.info("%s %s", self._runtime.masks.text(message), self._runtime.masks.value(facts))

    def _open(self) -> None:
        """Whether what is asked for still counts."""

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        body: bytes | str | None = None,
        timeout_ms: int | None = None,
        allow_redirects: bool = True,
    ) -> Reply:
        self._open()
        return invoke.call_out(
            self._runtime.transport,
            method,
            url,
            headers=headers,
            params=params,
            json=json,
            form=form,
            body=body,
            timeout_ms=timeout_ms,
            allow_redirects=allow_redirects,
            allow_private=self._runtime.settings.allow_private,
            tell_trace=self._tell_trace,
        )


class StepContext(Context):
    """See `ringback.sdk.Context`."""

    def __init__(
        self, walk: Walk, path: str, settings: Mapping[str, Any], *, tell_trace: bool = False
    ) -> None:
        super().__init__(walk.runtime, settings, tell_trace=tell_trace)
        self._walk = walk
        self._path = path
        self._left_behind = False
        self.idempotency_key = f"{walk.run.id}:{path}"

    def leave_behind(self) -> None:
        """The step went on without this attempt, which may still be under way: nothing it does counts."""
        self._left_behind = True

    def _open(self) -> None:
        if self._left_behind:
            raise Failure("timed_out", "The time of this step was up.")

    def save(self, name: str, content: bytes | BinaryIO, media_type: str) -> File:
        self._open()
        store = self._walk.runtime.files
        made = store.save(name, content, media_type)
        self._open()
        run_id, now = self._walk.run.id, self._walk.now
        self._walk.guard(locks.file(made["sha256"]))
        self._walk.also(lambda conn: files.keep_file(conn, store, made, now, run_id=run_id))
        return made

    def log(self, message: str, **facts: Any) -> None:
        self._open()
        self._walk.note(self._path, message, facts)
