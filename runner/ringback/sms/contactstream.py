"""Contacts in and out of the journal as a stream, however many there are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from sqlalchemy import Connection

from ringback.journal import contacts, locks
from ringback.journal.contacts import Contact
from ringback.journal.journal import Journal
from ringback.problems import Mistakes, Problem
from ringback.sms import contactbook

BATCH = 500
"""Contacts in one write, so that nothing else waits long for it."""


class Taken(NamedTuple):
    """What became of a file: its contacts, and how many of them were new or changed something known."""

    contacts: int
    new: int
    changed: int


def every(journal: Journal, **only: Any) -> Iterator[Contact]:
    """Every contact in order of numbers; `only` are the filters of `contacts.list_contacts`."""
    after = ""
    while True:
        with journal.read() as conn:
            page = contacts.list_contacts(conn, after, BATCH, **only)
        yield from page
        if len(page) < BATCH:
            return
        after = page[-1].number


def give_csv(journal: Journal) -> Iterator[str]:
    """All contacts as lines of CSV."""
    names, after = set[str](), ""
    while True:
        with journal.read() as conn:
            some, after = contacts.attribute_names(conn, after, BATCH)
        names |= some
        if not after:
            break
    return contactbook.write_csv(every(journal), names)


def take_csv(
    journal: Journal, stream: BinaryIO, file: str, country: str, *, dry_run: bool = False
) -> Taken:
    """Take the contacts of a CSV file, read twice: nothing is taken before every line is known to be right.

    Broken off between two writes it has taken the first part; taking the same file again does the rest.
    Raises `Mistakes` with every wrong line.
    """
    with _text(stream, file) as lines:
        count = contactbook.check_csv(lines, file, country)
    new = changed = 0
    now = journal.clock.now_ms()
    with _text(stream, file) as lines:
        given = contactbook.read_csv(lines, file, country)
        while some := list(islice(given, BATCH)):
            if dry_run:
                with journal.read() as conn:
                    news = [contactbook.merged(conn, one)[0] for one in some]
            else:
                news = journal.write(partial(_merge, some=some, now=now))
            new += news.count("new")
            changed += news.count("changed")
    return Taken(count, new, changed)


def _merge(conn: Connection, some: list[Contact], now: int) -> list[contactbook.News]:
    locks.hold(conn, *(locks.number(one.number) for one in some))
    return [contactbook.merge(conn, one, now) for one in some]


@contextmanager
def _text(stream: BinaryIO, file: str) -> Iterator[io.TextIOWrapper]:
    """The stream from its start as lines of text. Raises `Mistakes` where it is not UTF-8."""
    stream.seek(0)
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        yield lines
    except UnicodeDecodeError:
        raise Mistakes([Problem("wrong_value", "The file is not UTF-8 text.", "Save it as CSV UTF-8.", file)]) from None  # fmt: skip
    finally:
        lines.detach()
