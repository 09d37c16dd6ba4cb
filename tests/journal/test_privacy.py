"""Everything about one number: found wherever it stands, and gone from the very bytes of the disk."""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Connection, Integer, LargeBinary, Table, insert, select

from ringback.journal import erasing
from ringback.journal.dossier import gather
from ringback.journal.files import FileStore
from ringback.journal.journal import Journal
from ringback.journal.personal import COLUMNS, NEVER, Holds
from ringback.journal.schema import metadata, runs
from ringback.journal.spellings import ERASED, Spellings

NUMBER = "+447700900077"
SPELLED = Spellings(NUMBER, "44", "7700900077", "0", at_home=True)
WRITTEN = (
    NUMBER, "447700900077", "00447700900077", "07700 900077", "+44 (0)7700-900077", "%2B447700900077",
    "to=%252B447700900077&x=1", "%20447700900077", "0 77 00/90.00.77", "07700+900077", "\\u002b447700900077",
    "+44\u00a07700\u00a0900077", "7700900077", "011 44 7700 900 077",
)  # fmt: skip
OTHERS = (
    "+447700900078", "4477009000771", "1447700900077", "+44770090007", "17700900077", "07700900770", "2026-06-28",
)  # fmt: skip
DIGITS = re.compile(rb"7\W{0,3}7\W{0,3}0\W{0,3}0\W{0,3}9\W{0,3}0\W{0,3}0\W{0,3}0\W{0,3}7\W{0,3}7")
TABLES = metadata.sorted_tables


@pytest.mark.parametrize("written", WRITTEN)
def test_a_number_is_found_however_it_is_written(written: str) -> None:
    for around in ("{}", "a{}b", "({})", '"{}"', "x={}&y", "{}."):
        text = around.format(written)
        assert SPELLED.in_text(text), text
        assert SPELLED.in_bytes(text.encode())
        assert SPELLED.in_bytes(text.encode("utf-16-le"))
        assert not SPELLED.in_text(SPELLED.out_of(text))
        assert ERASED in SPELLED.out_of(text)


@pytest.mark.parametrize("written", OTHERS)
def test_another_number_is_left_alone(written: str) -> None:
    assert not SPELLED.in_text(written)
    assert SPELLED.out_of(written) == written


@given(st.text(max_size=80))
def test_any_text_can_be_looked_through(text: str) -> None:
    assert SPELLED.in_text(text) == (SPELLED.out_of(text) != text)


def test_a_number_goes_from_any_depth_of_json() -> None:
    value = {"a": [{NUMBER: 447700900077}, "x 07700900077", 7.5, True, None], "n": 4477}
    assert SPELLED.out_of_value(value) == {"a": [{ERASED: ERASED}, f"x {ERASED}", 7.5, True, None], "n": 4477}  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_it_is_decided_of_every_column_what_it_holds_of_people(table: Table) -> None:
    assert set(COLUMNS.get(table.name, {})) == set(table.c.keys())


def planted(table: Table, column: str, written: str) -> dict[str, Any]:
    """A row that holds the number in this one column."""
    row: dict[str, Any] = {}
    for one in table.c:
        holds = COLUMNS[table.name][one.name]
        here = one.name == column
        if isinstance(one.type, BigInteger | Integer):
            row[one.name] = (
                abs(hash((table.name, column, written))) % 10**9 if one.primary_key else 1
            )
        elif isinstance(one.type, LargeBinary):
            row[one.name] = f"to={written}".encode() if here else b"x"
        elif holds in (Holds.JSON, Holds.FAILURE):
            said: dict[str, Any] = {"code": "refused", "message": written, written: [447700900077]}
            row[one.name] = json.dumps(said if here else {}, ensure_ascii=False)
        elif holds in (Holds.STORY, Holds.LIST):
            said = {"status": "sent", "at": 1, "detail": written, "gateway_id": written}
            row[one.name] = json.dumps([said] if here else [], ensure_ascii=False)
        elif one.name in ("tags", "attributes", "headers", "said"):
            row[one.name] = json.dumps({"x": written} if here else {}, ensure_ascii=False)
        else:
            row[one.name] = f"id {written}" if here else f"{table.name} {column} {written!r:.3}"
            row[one.name] = row[one.name] if here or not SPELLED.in_text(row[one.name]) else "x"
    return row


def _insert(conn: Connection, table: Table, row: dict[str, Any]) -> None:
    conn.execute(insert(table).values(row))


def plant(journal: Journal) -> int:
    """The number, in every way it is written, in every column of every table that may hold one."""
    ways, count = cycle(WRITTEN), 0
    for table in TABLES:
        for column, holds in COLUMNS[table.name].items():
            if holds in NEVER:
                continue
            written = next(ways)
            row = planted(table, column, written)
            journal.write(partial(_insert, table=table, row=row))
            count += 1
    return count


def raw(folder: Path) -> dict[str, int]:
    """How often the digits of the number stand in the bytes of each file."""
    found = {
        path.name: len(DIGITS.findall(path.read_bytes()))
        for path in folder.rglob("*")
        if path.is_file()
    }
    return {name: count for name, count in found.items() if count}


def test_it_is_found_everywhere_and_found_no_more(journal: Journal, store: FileStore) -> None:
    count = plant(journal)
    journal.write(lambda conn: conn.execute(runs.update().values(finished_at=1)))
    found = gather(journal, SPELLED, thorough=True)
    assert sum(found.counts().values()) >= count
    erasing.erase(journal, store, found, keep_optout=False)
    assert erasing.scrub(journal)
    assert gather(journal, SPELLED, thorough=True).counts() == {}


@pytest.mark.sqlite
def test_nothing_of_it_is_left_in_the_bytes_of_the_disk(journal: Journal, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    count = plant(journal)
    journal.write(lambda conn: conn.execute(runs.update().values(finished_at=1)))
    assert raw(tmp_path)
    found = gather(journal, SPELLED, thorough=True)
    assert sum(found.counts().values()) >= count
    changed, kept = erasing.erase(journal, store, found, keep_optout=False)
    assert sum(changed.values()) >= count
    assert not kept
    assert erasing.scrub(journal)
    assert raw(tmp_path) == {}
    again = gather(journal, SPELLED, thorough=True)
    assert again.counts() == {}
    with journal.read() as conn:
        rows = {table.name: len(conn.execute(select(table)).all()) for table in TABLES}
    assert rows["messages"] == len(
        [1 for holds in COLUMNS["messages"].values() if holds not in NEVER]
    )
    journal.close()
    assert raw(tmp_path) == {}


@pytest.mark.sqlite
def test_a_reader_keeps_the_log_from_being_emptied_and_that_is_told(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(journal)
    monkeypatch.setattr(erasing, "_PATIENCE_S", 0.01)
    with journal.read() as conn:
        conn.exec_driver_sql("SELECT count(*) FROM messages").all()
        journal.write(lambda other: other.execute(runs.update().values(finished_at=2)))
        assert not erasing.scrub(journal)
    assert erasing.scrub(journal)
