"""Files: uploads and what actions made, on disk by the hash of their content.

A file is never named on disk by what its sender called it; that name is kept for people to read. Content
that comes twice is kept once. The rows say which events and runs use a content; one that none uses any
more goes with retention.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, bindparam, insert, or_, select

from ringback.journal import locks
from ringback.journal.mediatypes import EDGE, recognise
from ringback.journal.schema import file_uses, files, runs
from ringback.journal.statements import Statement
from ringback.problems import Failure
from ringback.sdk import File
from ringback.words import say_size

_CHUNK = 256 * 1024
CONTENT = re.compile(r"[0-9a-f]{64}")
_UNSHOWABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LONGEST_NAME = 150
LEFT_OVER_S = 86_400

_KEEP = Statement(
    insert(files).values({column.name: bindparam(column.name) for column in files.c}),
    " ON CONFLICT DO NOTHING",
)
_USE = Statement(
    insert(file_uses).values(
        {name: bindparam(name) for name in ("sha256", "event_id", "run_id", "name")}
    )
)
_JOINED = select(file_uses.c.name, files.c.size, files.c.media_type, files.c.sha256).join(
    files, files.c.sha256 == file_uses.c.sha256
)
_OF_RUN = Statement(
    _JOINED.where(
        or_(
            file_uses.c.run_id == bindparam("run"),
            file_uses.c.event_id
            == select(runs.c.event_id).where(runs.c.id == bindparam("run")).scalar_subquery(),
        )
    ).order_by(file_uses.c.id)
)
_KNOWN = Statement(select(files.c.sha256).where(files.c.sha256 == bindparam("sha256")))


def keep_file(
    conn: Connection,
    store: FileStore,
    file: File,
    at: int,
    *,
    event_id: str | None = None,
    run_id: str | None = None,
) -> None:
    """Say that an event or a run uses a file that the store holds.

    Raises `Failure("internal")` where it was taken away between being stored and this: then it is to come again.
    """
    locks.hold(conn, locks.file(file["sha256"]))
    store.confirm(file["sha256"])
    _KEEP.run(
        conn,
        {
            "sha256": file["sha256"],
            "size": file["size"],
            "media_type": file["media_type"],
            "created_at": at,
        },
    )
    _USE.run(
        conn,
        {
            "sha256": file["sha256"],
            "event_id": event_id,
            "run_id": run_id,
            "name": file["name"],
        },
    )


def of_run(conn: Connection, run_id: str) -> list[File]:
    """The files of a run: those that came with its event, then those that its steps made."""
    return [
        File(name=name, size=size, media_type=media_type, sha256=sha256)
        for name, size, media_type, sha256 in _OF_RUN.rows(conn, {"run": run_id})
    ]


def unknown(conn: Connection, contents: Collection[str]) -> set[str]:
    """Those of the contents that no row speaks of."""
    return {sha256 for sha256 in contents if _KNOWN.row(conn, {"sha256": sha256}) is None}


def take_away(
    conn: Connection, store: FileStore, contents: Collection[str], *, older_than_s: float = 0
) -> int:
    """Take away those of the contents that no row speaks of, while nobody else says that they use them; how many went."""
    locks.hold(conn, *map(locks.file, contents))
    return store.remove(unknown(conn, contents), older_than_s=older_than_s)


class FileStore:
    """A folder of contents: `ab/cdef…` by SHA-256, and `incoming/` for what is still arriving."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._incoming = folder / "incoming"
        for made in (folder, self._incoming):
            made.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._moving = threading.Lock()

    def receive(self, stream: BinaryIO, name: str, limit: int) -> File:
        """Store what a stream gives; when this returns, it is on disk for good.

        At most `limit` bytes are taken: beyond them `Failure("invalid_input")` is raised and nothing kept.
        The media type is what the bytes are recognised as.
        """
        shown = display_name(name)
        temporary = self._incoming / uuid.uuid4().hex
        digest, size, head, tail = hashlib.sha256(), 0, b"", b""
        try:
            with _create(temporary) as out:
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise _too_large(shown, limit)
                    digest.update(chunk)
                    if len(head) < EDGE:
                        head += chunk[: EDGE - len(head)]
                    tail = (tail + chunk)[-EDGE:]
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            sha256 = digest.hexdigest()
            self._move(temporary, sha256, size)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
        return File(name=shown, size=size, media_type=recognise(head, tail), sha256=sha256)

    def save(self, name: str, content: bytes | BinaryIO, media_type: str = "") -> File:
        """Store what an action made; `media_type` is believed where it is given."""
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        file = self.receive(stream, name, limit=1 << 62)
        if media_type:
            file["media_type"] = media_type
        return file

    def path(self, sha256: str) -> Path:
        """Where a content lies. Raises `Failure("not_found")`."""
        if CONTENT.fullmatch(sha256):
            found = self._place(sha256)
            if found.is_file():
                return found
        raise Failure(
            "not_found",
            "The file is not here any more.",
            "Files go with the runs that used them, after the time in journal.keep of ringback.yaml.",
            detail={"sha256": sha256},
        )

    def confirm(self, sha256: str) -> None:
        """Inside the write that says who uses a content, its lock held: whether it is still here.

        Raises `Failure("internal")`, as nothing may be kept without its content.
        """
        if not self._place(sha256).is_file():
            raise Failure("internal", "A file was taken away just as it came.", "Send it again.", detail={"sha256": sha256})  # fmt: skip

    def remove(self, contents: Collection[str], *, older_than_s: float = 0) -> int:
        """Take contents away, but for those stored (again) within `older_than_s`; how many went."""
        return sum(self._take_away(self._place(sha256), older_than_s) for sha256 in contents)

    def _take_away(self, place: Path, older_than_s: float) -> bool:
        """Put aside first and looked at again there: on a shared folder it may come again on another machine just now."""
        aside = self._incoming / uuid.uuid4().hex
        with self._moving, suppress(FileNotFoundError):
            if time.time() - place.stat().st_mtime < older_than_s:
                return False
            place.rename(aside)
            if time.time() - aside.stat().st_mtime < older_than_s:
                aside.rename(place)
                return False
            aside.unlink()
            return True
        return False

    def left_over(self) -> Iterator[str]:
        """Clear arrivals that were broken off, and name the contents that lie here for a day or more.

        Those of them that no row speaks of (`unknown`) are what a crash left behind.
        """
        before = time.time() - LEFT_OVER_S
        for entry in os.scandir(self._incoming):
            if entry.stat().st_mtime < before:
                Path(entry.path).unlink(missing_ok=True)
        yield from self._lying(LEFT_OVER_S)

    def _lying(self, for_s: float) -> Iterator[str]:
        before = time.time() - for_s
        for shelf in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            for entry in os.scandir(shelf):
                if entry.stat().st_mtime < before and CONTENT.fullmatch(shelf.name + entry.name):
                    yield shelf.name + entry.name

    def _place(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256[2:]

    def _move(self, temporary: Path, sha256: str, size: int) -> None:
        place = self._place(sha256)
        if not place.parent.is_dir():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self.folder)
        with self._moving:
            try:
                whole = place.stat().st_size == size
                if whole:
                    os.utime(place)  # retention leaves alone what has just come again
            except FileNotFoundError:
                whole = False
            if not whole:
                temporary.rename(place)
        _sync_folder(place.parent)


def display_name(name: str) -> str:
    """What a sender called a file, fit to be shown: no folders, no control or direction characters, not long."""
    last = _UNSHOWABLE.sub("", name.replace("\\", "/")).rsplit("/", 1)[-1].strip().strip(".")
    if len(last) > _LONGEST_NAME:
        stem, dot, ending = last.rpartition(".")
        ending = dot + ending if stem and len(ending) <= 10 else ""
        last = last[: _LONGEST_NAME - 1 - len(ending)] + "…" + ending
    return last or "file"


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _too_large(name: str, limit: int) -> Failure:
    return Failure(
        "invalid_input",
        f"The file {name} is larger than {say_size(limit)}, the most that is taken here.",
        "Send a smaller file, or raise the limit: max_size of the file in the workflow's trigger,"
        " serve.max_file in ringback.yaml.",
        detail={"limit": limit},
    )
