"""Statements: constants stand in the SQL, what changes is bound."""

from __future__ import annotations

from sqlalchemy import bindparam, select, update

from ringback.journal.journal import Journal
from ringback.journal.schema import messages
from ringback.journal.statements import Statement


def sql_of(journal: Journal, statement: Statement) -> str:
    with journal.read() as conn:
        return statement._sql(conn)[0]


def test_a_constant_is_written_out(journal: Journal) -> None:
    """Bound, one that a partial index asks for would have SQLite plan the statement anew at each run."""
    found = Statement(
        select(messages.c.id).where(
            messages.c.number_to == bindparam("number"), messages.c.direction == "out"
        )
    )
    sql = sql_of(journal, found)
    assert "messages.direction = 'out'" in sql
    assert "messages.number_to = 'number'" not in sql


def test_what_could_end_the_text_stays_bound(journal: Journal) -> None:
    found = Statement(select(messages.c.id).where(messages.c.text == "it's"))
    assert "it's" not in sql_of(journal, found)
    with journal.read() as conn:
        assert found.rows(conn, {}) == []


def test_values_that_are_set_are_written_out_too(journal: Journal) -> None:
    changed = Statement(
        update(messages).where(messages.c.id == bindparam("message")).values(terminal=1)
    )
    assert "terminal=1" in sql_of(journal, changed)
