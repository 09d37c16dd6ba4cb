"""Files in S3-compatible storage, or wherever else fsspec reaches, for machines that share no folder.

A content arrives in a local folder, where it is hashed, and counts as kept once the storage has it. A machine that
needs it later fetches it into its own folder, checks the hash, and lets go of it some time after the last use.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ringback.journal.files import CONTENT, LEFT_OVER_S, FileStore
from ringback.problems import Failure

CACHED_S = 3_600
"""So long after its last use a fetched content stays in the local folder."""
_CLEAR_EVERY_S = 600
_CHUNK = 256 * 1024


class Bucket(FileStore):
    """A store whose contents lie below an fsspec URL such as `s3://texts/harbour-school`.

    `folder` is where they arrive and are cached. `options` go to fsspec as they are; credentials that they do not
    name come from where the storage's own library looks for them.
    """

    def __init__(self, folder: Path, url: str, options: Mapping[str, Any]) -> None:
        super().__init__(folder)
        self.url = url
        self._storage, self._root = _open(url, options)
        self._clearing = threading.Lock()
        self._clear_at = 0.0
        self._came_again: set[str] = set()

    def path(self, sha256: str) -> Path:
        """Where a content lies on this machine, fetched if need be. Raises `Failure`: "not_found" where it is gone,
        "unreachable" where the storage does not answer."""
        self._clear()
        try:
            found = super().path(sha256)
        except Failure:
            if not CONTENT.fullmatch(sha256):
                raise
            found = self._fetch(sha256)
        with suppress(FileNotFoundError):
            os.utime(found)
        return found

    def confirm(self, sha256: str) -> None:
        """See `FileStore.confirm`. Asked of the storage only where the content had been there before it came now:
        another machine may have taken that away. Then it is stored again from here."""
        if sha256 not in self._came_again:
            return
        place = self._there(sha256)
        try:
            if not self._storage.exists(place):
                self._storage.put_file(str(super().path(sha256)), place)
        except Exception as error:
            raise Failure("internal", f"{self.url} did not take a file again: {error}", "Send it again.") from error  # fmt: skip
        self._came_again.discard(sha256)

    def remove(self, contents: Collection[str], *, older_than_s: float = 0) -> int:
        """See `FileStore.remove`. Raises `Failure("unreachable")`."""
        gone = 0
        for sha256 in contents:
            place = self._there(sha256)
            try:
                if self._age_s(self._storage.info(place)) < older_than_s:
                    continue
                self._storage.rm_file(place)
            except FileNotFoundError:
                continue
            except Exception as error:
                raise _unreachable(self.url, error) from error
            gone += 1
            super().remove([sha256])
        return gone

    def left_over(self) -> Iterator[str]:
        """See `FileStore.left_over`. Raises `Failure("unreachable")`."""
        for _ in super().left_over():
            pass
        try:
            found = self._storage.find(self._root, detail=True)
        except FileNotFoundError:
            return
        except Exception as error:
            raise _unreachable(self.url, error) from error
        for place, about in sorted(found.items()):
            sha256 = place[len(self._root) :].replace("/", "")
            if CONTENT.fullmatch(sha256) and self._age_s(about) >= LEFT_OVER_S:
                yield sha256

    def _move(self, temporary: Path, sha256: str, size: int) -> None:
        """The storage first, always: a content that comes again is young again there."""
        place = self._there(sha256)
        try:
            if self._storage.exists(place):
                self._came_again.add(sha256)
            self._storage.put_file(str(temporary), place)
        except Exception as error:
            raise OSError(f"{self.url} did not take a file: {error}") from error
        super()._move(temporary, sha256, size)

    def _fetch(self, sha256: str) -> Path:
        temporary = self._incoming / uuid.uuid4().hex
        try:
            try:
                self._storage.get_file(self._there(sha256), str(temporary))
            except FileNotFoundError:
                return super().path(sha256)  # says what it means
            except Exception as error:
                raise _unreachable(self.url, error) from error
            size = temporary.stat().st_size
            if _hash(temporary) != sha256:
                raise Failure(
                    "unreachable",
                    f"{self.url} gave another file than the one that was kept.",
                    "See what else writes there; the content no longer has its hash.",
                    detail={"sha256": sha256},
                )
            temporary.chmod(0o600)
            super()._move(temporary, sha256, size)
        finally:
            temporary.unlink(missing_ok=True)
        return self._place(sha256)

    def _clear(self) -> None:
        """Let go of contents that nobody used for a while; they are in the storage."""
        now = time.monotonic()
        with self._clearing:
            if now < self._clear_at:
                return
            self._clear_at = now + _CLEAR_EVERY_S
        super().remove(list(self._lying(CACHED_S)), older_than_s=CACHED_S)

    def _there(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256[2:]}"

    def _age_s(self, about: Mapping[str, Any]) -> float:
        """How long ago a content was stored, by the storage's word; 0 where it gives none."""
        at = about.get("LastModified") or about.get("created") or about.get("mtime")
        if isinstance(at, datetime):
            return time.time() - (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        return time.time() - at if isinstance(at, int | float) else 0


def _open(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    try:
        import fsspec

        storage, root = fsspec.core.url_to_fs(url, use_listings_cache=False, **options)
    except ImportError as error:
        raise Failure(
            "not_found",
            f"What reaches {url.partition(':')[0]}:// is not installed ({error}).",
            "Install it with: pip install 'ringback[s3]'",
        ) from error
    except ValueError as error:
        raise Failure(
            "invalid_input", f"Files cannot be kept at {url}: {error}.", "Write s3://bucket/folder."
        ) from error
    return storage, root.rstrip("/")


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unreachable(url: str, error: BaseException) -> Failure:
    return Failure(
        "unreachable",
        f"{url} does not answer ({type(error).__name__}: {error}).",
        "See that it is there, and that its credentials are right (files in ringback.yaml).",
    )
