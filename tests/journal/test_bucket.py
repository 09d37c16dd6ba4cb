"""Files in storage that machines share: streamed there, hashed, fetched by another machine, taken away with the journal."""

from __future__ import annotations

import io
import os
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests.journal.rows import NOW, add_run

from ringback.journal import bucket as buckets
from ringback.journal import files
from ringback.journal.bucket import Bucket
from ringback.journal.journal import Journal
from ringback.problems import Failure

TEXT = b"Student name: Amina Yusuf\n"


@pytest.fixture
def url() -> Iterator[str]:
    made = f"memory://{uuid.uuid4().hex}/school"
    yield made
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def here(tmp_path: Path, url: str) -> Bucket:
    return Bucket(tmp_path / "here", url, {})


@pytest.fixture
def elsewhere(tmp_path: Path, url: str) -> Bucket:
    return Bucket(tmp_path / "elsewhere", url, {})


def stored(store: Bucket) -> dict[str, Any]:
    found: dict[str, Any] = store._storage.store
    return found


def make_old(store: Bucket, sha256: str) -> None:
    (only,) = [one for name, one in stored(store).items() if name.endswith(sha256[2:])]
    only.created = datetime.now(UTC) - timedelta(days=2)


def test_another_machine_reads_what_came_in_here(here: Bucket, elsewhere: Bucket) -> None:
    file = here.receive(io.BytesIO(TEXT), "agreement.txt", limit=100)
    place = elsewhere.path(file["sha256"])
    assert place.read_bytes() == TEXT
    assert place.is_relative_to(elsewhere.folder)
    assert place.stat().st_mode & 0o777 == 0o600
    stored(here).clear()
    assert elsewhere.path(file["sha256"]) == place  # it is at hand now


def test_what_is_too_large_is_not_stored(here: Bucket) -> None:
    with pytest.raises(Failure, match="larger than"):
        here.receive(io.BytesIO(TEXT), "a", limit=5)
    assert stored(here) == {}
    assert list((here.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("sha256", ["0" * 64, "../../etc/passwd", ""])
def test_what_is_gone(elsewhere: Bucket, sha256: str) -> None:
    with pytest.raises(Failure, match="not here") as caught:
        elsewhere.path(sha256)
    assert caught.value.code == "not_found"


def test_what_was_changed_there_is_not_believed(here: Bucket, elsewhere: Bucket) -> None:
    file = here.save("a", TEXT)
    (name,) = stored(here)
    here._storage.pipe_file(name, b"something else")
    with pytest.raises(Failure, match="another file") as caught:
        elsewhere.path(file["sha256"])
    assert caught.value.code == "unreachable"
    assert list((elsewhere.folder / "incoming").iterdir()) == []


def test_retention_takes_away_what_is_old(here: Bucket, elsewhere: Bucket) -> None:
    old, fresh = here.save("old", b"old"), here.save("fresh", b"fresh")
    make_old(here, old["sha256"])
    assert list(elsewhere.left_over()) == [old["sha256"]]
    both = [old["sha256"], fresh["sha256"], "0" * 64]
    assert elsewhere.remove(both, older_than_s=3600) == 1
    assert elsewhere.path(fresh["sha256"]).read_bytes() == b"fresh"
    with pytest.raises(Failure, match="not here"):
        elsewhere.path(old["sha256"])


def test_what_comes_again_is_young_again(here: Bucket) -> None:
    file = here.save("a", TEXT)
    make_old(here, file["sha256"])
    here.save("b", TEXT)
    assert list(here.left_over()) == []
    assert here.remove([file["sha256"]], older_than_s=3600) == 0


def test_what_nobody_used_for_a_while_is_fetched_again(here: Bucket, elsewhere: Bucket) -> None:
    file, other = here.save("a", TEXT), here.save("b", b"b")
    place = elsewhere.path(file["sha256"])
    long_ago = time.time() - buckets.CACHED_S - 60
    os.utime(place, (long_ago, long_ago))
    elsewhere._clear_at = 0.0
    elsewhere.path(other["sha256"])
    assert not place.exists()
    assert elsewhere.path(file["sha256"]).read_bytes() == TEXT


def test_storage_that_is_down_takes_no_receipt(
    here: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise RuntimeError("no route")

    monkeypatch.setattr(here._storage, "put_file", down)
    with pytest.raises(OSError, match="did not take a file: no route"):
        here.save("a", TEXT)
    monkeypatch.setattr(here._storage, "get_file", down)
    with pytest.raises(Failure, match="does not answer") as caught:
        here.path("0" * 64)
    assert caught.value.kind.retry
    assert list((here.folder / "incoming").iterdir()) == []


def test_a_url_that_nothing_reaches(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be kept at nowhere://x"):
        Bucket(tmp_path, "nowhere://x", {})


def test_what_comes_again_as_another_machine_takes_it_away_stays(
    journal: Journal, here: Bucket, elsewhere: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = here.save("a", TEXT)
    make_old(here, file["sha256"])
    real = elsewhere._storage.rm_file

    def just_before(place: str) -> None:
        here.save("b", TEXT)
        real(place)

    monkeypatch.setattr(elsewhere._storage, "rm_file", just_before)
    away = [file["sha256"]]
    assert journal.write(lambda conn: files.take_away(conn, elsewhere, away, older_than_s=3600))
    monkeypatch.undo()
    run = journal.write(add_run)
    journal.write(lambda conn: files.keep_file(conn, here, file, NOW, run_id=run))
    assert elsewhere.path(file["sha256"]).read_bytes() == TEXT
    assert journal.write(lambda conn: files.take_away(conn, elsewhere, away)) == 0


def test_what_cannot_be_stored_again_is_not_kept(
    journal: Journal, here: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.save("a", TEXT)
    file = here.save("b", TEXT)

    def down(*_: Any) -> None:
        raise RuntimeError("no route")

    monkeypatch.setattr(here._storage, "exists", down)
    run = journal.write(add_run)
    with pytest.raises(Failure, match="no route") as caught:
        journal.write(lambda conn: files.keep_file(conn, here, file, NOW, run_id=run))
    assert caught.value.code == "internal"
