"""What an action is given besides its inputs: `ringback.sdk.Context`, made for one attempt of one step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from ringback.connectors import invoke
from ringback.engine.walk import Walk
from ringback.journal import files
from ringback.problems import Failure
from ringback.sdk import File, Reply


class StepContext:
    """See `ringback.sdk.Context`."""

    def __init__(self, walk: Walk, path: str, settings: Mapping[str, Any]) -> None:
        self._walk = walk
        self._path = path
        self.project: Mapping[str, Any] = walk.runtime.settings.project
        self.settings = settings
        self._left_behind = False
        self.idempotency_key = f"{walk.run.id}:{path}"

    def leave_behind(self) -> None:
        """The step went on without this attempt, which may still be under way: nothing it does counts."""
        self._left_behind = True

    def _open(self) -> None:
        if self._left_behind:
            raise Failure("timed_out", "The time of this step was up.")

    def now(self) -> datetime:
        return self._walk.runtime.clock.now()

    def path(self, file: File) -> Path:
        return self._walk.runtime.files.path(file["sha256"])

    def save(self, name: str, content: bytes | BinaryIO, media_type: str) -> File:
        self._open()
        made = self._walk.runtime.files.save(name, content, media_type)
        self._open()
        run_id, now = self._walk.run.id, self._walk.now
        self._walk.also(lambda conn: files.keep_file(conn, made, now, run_id=run_id))
        return made

    def log(self, message: str, **facts: Any) -> None:
        self._open()
        self._walk.note(self._path, message, facts)

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
        runtime = self._walk.runtime
        return invoke.call_out(
            runtime.transport,
            method,
            url,
            headers=headers,
            params=params,
            json=json,
            form=form,
            body=body,
            timeout_ms=timeout_ms,
            allow_redirects=allow_redirects,
            allow_private=runtime.settings.allow_private,
        )
