"""Files: streamed, bounded, kept once, named by content only."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journal.rows import NOW, add_event, add_run

from ringback.journal import files
from ringback.journal.files import FileStore
from ringback.journal.journal import Journal
from ringback.problems import Failure

TEXT = b"Student name: Amina Yusuf\n"


class Trickle(io.BytesIO):
    """A stream that gives a little at a time, and counts what was taken."""

    taken = 0

    def read(self, _size: int | None = -1) -> bytes:
        chunk = super().read(7)
        self.taken += len(chunk)
        return chunk


class Broken(io.BytesIO):
    def read(self, _size: int | None = -1) -> bytes:
        if self.tell():
            raise ConnectionResetError
        return super().read(5)


def everything(store: FileStore) -> list[Path]:
    return sorted(path for path in store.folder.rglob("*") if path.is_file())


def test_a_stream_is_kept_under_its_hash(store: FileStore) -> None:
    file = store.receive(Trickle(TEXT), "agreement.txt", limit=len(TEXT))
    sha256 = hashlib.sha256(TEXT).hexdigest()
    assert file == {
        "name": "agreement.txt",
        "size": len(TEXT),
        "media_type": "text/plain",
        "sha256": sha256,
    }
    place = store.path(sha256)
    assert place.read_bytes() == TEXT
    assert place == store.folder / sha256[:2] / sha256[2:]
    assert place.stat().st_mode & 0o777 == 0o600
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert everything(store) == [place]


def test_the_limit_holds_while_streaming(store: FileStore) -> None:
    stream = Trickle(b"x" * 10_000)
    with pytest.raises(Failure, match=r"form\.docx is larger than 1 KB") as caught:
        store.receive(stream, "form.docx", limit=1000)
    assert caught.value.code == "invalid_input"
    assert "max_size" in caught.value.next
    assert stream.taken < 1010
    assert everything(store) == []


def test_a_stream_that_breaks_off_leaves_nothing(store: FileStore) -> None:
    with pytest.raises(ConnectionResetError):
        store.receive(Broken(TEXT), "form.docx", limit=1000)
    assert everything(store) == []


def test_one_content_is_kept_once(store: FileStore) -> None:
    first = store.save("a.txt", TEXT)
    second = store.save("b.txt", io.BytesIO(TEXT), "text/x-form")
    assert first["sha256"] == second["sha256"]
    assert (second["name"], second["media_type"]) == ("b.txt", "text/x-form")
    assert len(everything(store)) == 1


def test_a_content_cut_short_is_put_right(store: FileStore) -> None:
    file = store.save("a.txt", TEXT)
    store.path(file["sha256"]).write_bytes(TEXT[:3])
    store.save("a.txt", TEXT)
    assert store.path(file["sha256"]).read_bytes() == TEXT


def test_many_at_once(store: FileStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda n: store.save(f"{n}.txt", bytes([n % 5]) * 300), range(80)))
    assert len({file["sha256"] for file in kept}) == len(everything(store)) == 5


def test_an_empty_file_is_a_file(store: FileStore) -> None:
    file = store.receive(io.BytesIO(), "empty", limit=0)
    assert file["size"] == 0
    assert store.path(file["sha256"]).read_bytes() == b""


@pytest.mark.parametrize("sha256", ["0" * 64, "../../etc/passwd", "", "A" * 64, "0" * 63 + "/"])
def test_what_is_not_here(store: FileStore, sha256: str) -> None:
    with pytest.raises(Failure, match="not here") as caught:
        store.path(sha256)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("agreement.docx", "agreement.docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a\\form.docx", "form.docx"),
        ("/", "file"),
        ("..", "file"),
        ("", "file"),
        ("a\x00b\r\nX: y.txt", "abX: y.txt"),
        ("gpj.\u202ecod.docx", "gpj.cod.docx"),
        ("x" * 300 + ".docx", "x" * 144 + "….docx"),
        ("x" * 300, "x" * 149 + "…"),
        ("\ud800.txt", "txt"),
        ("契約書.docx", "契約書.docx"),
    ],
)
def test_names_are_for_showing_only(sent: str, shown: str) -> None:
    assert files.display_name(sent) == shown


@given(st.text())
def test_no_name_is_dangerous(sent: str) -> None:
    shown = files.display_name(sent)
    assert 0 < len(shown) <= 150
    assert "/" not in shown
    assert "\\" not in shown
    assert shown not in {".", ".."}
    shown.encode()


def test_the_files_of_a_run(journal: Journal, store: FileStore) -> None:
    came, made = store.save("form.docx", TEXT), store.save("answer.docx", b"made")
    event = journal.write(add_event).id
    run = journal.write(lambda conn: add_run(conn, event=event))
    journal.write(lambda conn: files.keep_file(conn, store, came, NOW, event_id=event))
    journal.write(lambda conn: files.keep_file(conn, store, made, NOW, run_id=run))
    other = journal.write(add_run)
    journal.write(lambda conn: files.keep_file(conn, store, came, NOW, run_id=other))
    with journal.read() as conn:
        assert files.of_run(conn, run) == [came, made]
        assert files.of_run(conn, other) == [came]
        assert files.unknown(conn, {came["sha256"], "0" * 64}) == {"0" * 64}


def test_no_row_speaks_of_what_was_taken_away_meanwhile(journal: Journal, store: FileStore) -> None:
    file, run = store.save("form.docx", TEXT), journal.write(add_run)
    assert journal.write(lambda conn: files.take_away(conn, store, [file["sha256"]])) == 1
    with pytest.raises(Failure, match="taken away just as it came") as caught:
        journal.write(lambda conn: files.keep_file(conn, store, file, NOW, run_id=run))
    assert caught.value.code == "internal"
    again = store.save("form.docx", TEXT)
    journal.write(lambda conn: files.keep_file(conn, store, again, NOW, run_id=run))
    assert journal.write(lambda conn: files.take_away(conn, store, [file["sha256"]])) == 0
    assert store.path(file["sha256"]).read_bytes() == TEXT


def test_what_a_crash_left_behind(store: FileStore) -> None:
    kept, fresh = store.save("kept", b"kept"), store.save("fresh", b"fresh")
    arriving, broken_off = store.folder / "incoming" / "a", store.folder / "incoming" / "b"
    arriving.touch()
    broken_off.touch()
    long_ago = time.time() - 2 * 86_400
    for path in (broken_off, store.path(kept["sha256"])):
        os.utime(path, (long_ago, long_ago))
    assert list(store.left_over()) == [kept["sha256"]]
    assert arriving.exists()
    assert not broken_off.exists()
    assert store.remove([kept["sha256"], fresh["sha256"], "0" * 64], older_than_s=3600) == 1
    assert everything(store) == sorted([arriving, store.path(fresh["sha256"])])


def test_what_comes_again_is_young_again(store: FileStore) -> None:
    file = store.save("a", TEXT)
    long_ago = time.time() - 2 * 86_400
    os.utime(store.path(file["sha256"]), (long_ago, long_ago))
    store.save("b", TEXT)
    assert list(store.left_over()) == []
    assert store.remove([file["sha256"]], older_than_s=3600) == 0


def interrupted(
    monkeypatch: pytest.MonkeyPatch, at: int, act: Callable[[], object], by: Callable[[], object]
) -> bool:
    """Do `act`, and before its `at`th look at or change of the disk all of `by`; whether it has so many."""
    left = [at]

    def counted(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                by()
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patched:
        for name in ("stat", "rename", "unlink", "utime"):
            patched.setattr(os, name, counted(getattr(os, name)))
        act()
    return left[0] <= 0


@pytest.mark.parametrize("first", ["retention", "a receipt"])
def test_what_comes_again_as_another_machine_takes_it_away_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Two machines on one folder, each between any two steps of the other."""
    here, elsewhere = FileStore(tmp_path), FileStore(tmp_path)
    at, more = 0, True
    while more:
        at += 1
        file = here.save("a", TEXT)
        long_ago = time.time() - 2 * 86_400
        os.utime(here.path(file["sha256"]), (long_ago, long_ago))

        def take_away(sha256: str = file["sha256"]) -> int:
            return here.remove([sha256], older_than_s=3600)

        def store() -> object:
            return elsewhere.save("b", TEXT)

        act, by = (take_away, store) if first == "retention" else (store, take_away)
        more = interrupted(monkeypatch, at, act, by)
        if more:
            assert here.path(file["sha256"]).read_bytes() == TEXT, at
    assert at > 3
