"""Contacts as CSV, for spreadsheets: one line a number, columns that we do not know are attributes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from ringback.clock import from_ms, to_ms
from ringback.journal import contacts, locks
from ringback.journal.contacts import Contact
from ringback.problems import Mistakes, Problem, Span
from ringback.sms.gate import e164

COLUMNS = ("number", "name", "tags", "invalid_why", "opted_out_at", "opted_out_source")
MOST_MISTAKES = 1000
"""Lines of one file that are told to be wrong, so that the wrong file does not fill the memory."""
_BETWEEN_TAGS = ";"
_FORMULA = ("=", "+", "-", "@", "\t")
"""A cell that begins so is a formula to a spreadsheet (https://owasp.org/www-community/attacks/CSV_Injection)."""

News = Literal["new", "changed", "same"]


class _Row(NamedTuple):
    """A line of a file: where it ends, and its cells by column, or why it cannot be told apart."""

    line: int
    cells: Mapping[str, str] = {}
    mistake: str = ""


def check_csv(lines: Iterable[str], file: str, country: str) -> int:
    """How many contacts a CSV text has. Raises `Mistakes` with every line that cannot be read, up to `MOST_MISTAKES`."""
    count, problems = 0, []
    for row in _rows(lines, file):
        try:
            _contact(row, country)
            count += 1
        except ValueError as error:
            problems.append(_problem(file, row.line, str(error)))
            if len(problems) == MOST_MISTAKES:
                break
    if problems:
        raise Mistakes(problems)
    return count


def read_csv(lines: Iterable[str], file: str, country: str) -> Iterator[Contact]:
    """The contacts of a CSV text with a line of names first; numbers are read as dialled in `country`.

    Raises `Mistakes` at the first line that cannot be read; `check_csv` tells them all.
    """
    for row in _rows(lines, file):
        try:
            yield _contact(row, country)
        except ValueError as error:
            raise Mistakes([_problem(file, row.line, str(error))]) from None


def write_csv(several: Iterable[Contact], attributes: Iterable[str]) -> Iterator[str]:
    """Contacts as CSV, line by line; each of `attributes` has a column."""
    extra = sorted(set(attributes) - set(COLUMNS))
    yield _line([*COLUMNS, *map(_to_cell, extra)])
    for one in several:
        at = "" if one.opted_out_at is None else from_ms(one.opted_out_at).isoformat()
        known = [one.name, _BETWEEN_TAGS.join(one.tags), one.invalid_why, at, one.opted_out_source]
        told = [*known, *(str(one.attributes.get(name, "")) for name in extra)]
        yield _line([one.number, *map(_to_cell, told)])


def merged(conn: Connection, given: Contact) -> tuple[News, Contact]:
    """What is known of a number with what a file says of it; what the file is silent about stays, an opt-out above all."""
    found = contacts.get_contact(conn, given.number)
    known = found or Contact(given.number)
    out = known if known.opted_out_at is not None else given
    made = known._replace(
        name=given.name or known.name,
        tags=tuple(dict.fromkeys((*known.tags, *given.tags))),
        attributes={**known.attributes, **given.attributes},
        invalid=known.invalid or given.invalid,
        invalid_why=given.invalid_why or known.invalid_why,
        opted_out_at=out.opted_out_at,
        opted_out_source=out.opted_out_source,
    )
    return ("new" if found is None else "same" if made == known else "changed"), made


def merge(conn: Connection, given: Contact, now: int) -> News:
    """Keep what a file says of a number, as `merged` has it."""
    locks.hold(conn, locks.number(given.number))
    news, made = merged(conn, given)
    if news != "same":
        contacts.put_contact(conn, made, now)
    return news


def _rows(lines: Iterable[str], file: str) -> Iterator[_Row]:
    """The lines below the names. Raises `Mistakes` where the names are no good."""
    text = iter(lines)
    first = next(text, "").removeprefix("\ufeff")
    reader = csv.reader(chain([first], text))
    try:
        names = [_from_cell(name) for name in next(reader, [])]
    except csv.Error as error:
        raise Mistakes([_problem(file, 1, f"The line of names cannot be read: {error}.")]) from None
    _check_names(names, file)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _Row(reader.line_num, mistake=f"The line cannot be read: {error}.")
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
            said = f"The line has {len(cells)} cells, and there are {len(names)} columns."
            yield _Row(reader.line_num, mistake=said)
            continue
        yield _Row(reader.line_num, dict(zip(names, map(_from_cell, cells), strict=False)))


def _check_names(names: list[str], file: str) -> None:
    twice = {name for name in names if name and names.count(name) > 1}
    problems = [
        Problem("wrong_value", f"The column `{name}` comes more than once.", "Leave one.", file)
        for name in sorted(twice)
    ]
    if "number" not in names:
        problems.append(Problem("missing_key", "There is no column `number`.", f"The first line names the columns: {','.join(COLUMNS)}", file))  # fmt: skip
    if problems:
        raise Mistakes(problems)


def _problem(file: str, line: int, said: str) -> Problem:
    return Problem("wrong_value", said, "", file, Span(line, 1, line, 1))


def _contact(row: _Row, country: str) -> Contact:
    if row.mistake:
        raise ValueError(row.mistake)
    cells = row.cells
    if any("\0" in cell for cell in cells.values()):
        raise ValueError("The line holds a NUL character; save the file as CSV UTF-8.")
    told = cells.get("number", "")
    number = e164(told, country)
    if number is None:
        raise ValueError(f"“{told}” is not a phone number." if told else "The number is missing.")
    at = _moment(cells.get("opted_out_at", ""))
    tags = [tag.strip() for tag in cells.get("tags", "").split(_BETWEEN_TAGS)]
    attributes: dict[str, Any] = {
        name: value for name, value in cells.items() if name and name not in COLUMNS and value
    }
    return Contact(
        number,
        cells.get("name", ""),
        tuple(dict.fromkeys(tag for tag in tags if tag)),
        attributes,
        bool(cells.get("invalid_why")),
        cells.get("invalid_why", ""),
        at,
        (cells.get("opted_out_source") or "imported") if at is not None else "",
    )


def _moment(text: str) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        made = to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        from_ms(made)
    except (ValueError, OverflowError):
        raise ValueError(f"“{text}” is not a time. Write it as 2026-06-28T14:30:00Z.") from None
    return made


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def _to_cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _from_cell(text: str) -> str:
    text = text.strip()
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text
