"""Contacts as CSV, for spreadsheets: one line a number, columns that we do not know are attributes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from ringback.clock import from_ms, to_ms
from ringback.journal import contacts
from ringback.journal.contacts import Contact
from ringback.problems import Mistakes, Problem, Span
from ringback.sms.gate import e164

COLUMNS = ("number", "name", "tags", "invalid_why", "opted_out_at", "opted_out_source")
_BETWEEN_TAGS = ";"
_FORMULA = ("=", "+", "-", "@", "\t")
"""A cell that begins so is a formula to a spreadsheet (https://owasp.org/www-community/attacks/CSV_Injection)."""


def read_csv(text: str, file: str, country: str) -> list[Contact]:
    """The contacts of a CSV text with a line of names first; numbers are read as dialled in `country`.

    Raises `Mistakes` with every line that cannot be read.
    """
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    names = [name.strip() for name in next(lines, [])]
    if "number" not in names:
        raise Mistakes([Problem("missing_key", "There is no column `number`.", f"The first line names the columns: {','.join(COLUMNS)}", file)])  # fmt: skip
    made, problems = [], []
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        row = dict(zip(names, map(_from_cell, cells), strict=False))
        try:
            made.append(_contact(row, country))
        except ValueError as error:
            span = Span(lines.line_num, 1, lines.line_num, 1)
            problems.append(Problem("wrong_value", str(error), "", file, span))
    if problems:
        raise Mistakes(problems)
    return made


def write_csv(several: Iterable[Contact]) -> str:
    """Contacts as CSV; each attribute of any of them has a column."""
    kept = list(several)
    extra = sorted({str(name) for one in kept for name in one.attributes} - set(COLUMNS))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*COLUMNS, *extra])
    for one in kept:
        at = "" if one.opted_out_at is None else from_ms(one.opted_out_at).isoformat()
        known = [one.name, _BETWEEN_TAGS.join(one.tags), one.invalid_why, at, one.opted_out_source]
        told = [*known, *(str(one.attributes.get(name, "")) for name in extra)]
        writer.writerow([one.number, *map(_to_cell, told)])
    return out.getvalue()


def merge(conn: Connection, given: Contact, now: int) -> None:
    """Take over what a file says of a number; what it is silent about stays, an opt-out above all."""
    known = contacts.get_contact(conn, given.number) or Contact(given.number)
    out = known if known.opted_out_at is not None else given
    contacts.put_contact(
        conn,
        known._replace(
            name=given.name or known.name,
            tags=tuple(dict.fromkeys((*known.tags, *given.tags))),
            attributes={**known.attributes, **given.attributes},
            invalid=known.invalid or given.invalid,
            invalid_why=given.invalid_why or known.invalid_why,
            opted_out_at=out.opted_out_at,
            opted_out_source=out.opted_out_source,
        ),
        now,
    )


def _contact(row: Mapping[str, str], country: str) -> Contact:
    number = e164(row["number"], country)
    if number is None:
        raise ValueError(f"“{row['number']}” is not a phone number.")
    at = _moment(row.get("opted_out_at", ""))
    tags = [tag.strip() for tag in row.get("tags", "").split(_BETWEEN_TAGS)]
    attributes: dict[str, Any] = {
        name: value for name, value in row.items() if name and name not in COLUMNS and value
    }
    return Contact(
        number,
        row.get("name", ""),
        tuple(tag for tag in tags if tag),
        attributes,
        bool(row.get("invalid_why")),
        row.get("invalid_why", ""),
        at,
        (row.get("opted_out_source") or "imported") if at is not None else "",
    )


def _moment(text: str) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"“{text}” is not a time. Write it as 2026-06-28T14:30:00Z.") from None
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _to_cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _from_cell(text: str) -> str:
    text = text.strip()
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text
