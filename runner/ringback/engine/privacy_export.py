"""Everything about one number as one zip: JSON for programs, a page for people, and the files themselves."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, BinaryIO

from jinja2 import Environment
from sqlalchemy import LargeBinary, Table, select, tuple_

from ringback.clock import from_ms
from ringback.engine.runtime import Runtime
from ringback.journal.dossier import Dossier, batches
from ringback.journal.personal import COLUMNS, Holds
from ringback.journal.schema import metadata
from ringback.problems import Failure

PARTS: Mapping[str, str] = {
    "contacts": "What is kept of the number beside its messages: name, tags, attributes, whether it asked for no more texts, when, and how we know.",
    "messages": "Each text to and from the number, with its status, parts and cost.",
    "message_ids": "The ids by which the gateway knows those texts.",
    "reports": "What the gateway reported about those texts, word for word in `raw`.",
    "events": "What came in and started something: forms, texts, callbacks, as they came.",
    "runs": "Each automation that was carried out for the number: which workflow, when, how it ended.",
    "steps": "The single steps of those runs: what each was given and what it made.",
    "notes": "What those runs noted along the way.",
    "waits": "What unfinished runs wait for, such as an answer from the number.",
    "pieces": "Parts of long texts from the number whose other parts have not come.",
    "refused": "Callbacks that name the number and were not believed.",
    "file_uses": "The names under which files came, or were made; the files are in the folder files/.",
}
"""What each part of an export is, by its name in data.json."""

_JSON = frozenset({Holds.JSON, Holds.STORY, Holds.FAILURE, Holds.LIST})
_AS_JSON = frozenset({("contacts", "tags"), ("contacts", "attributes"), ("refused", "headers"), ("pieces", "said")})  # fmt: skip
_MOMENTS = frozenset({"at", "until", "opted_out_at"})
_OURS = frozenset({"holder", "fence"})


def export(runtime: Runtime, found: Dossier, out: BinaryIO) -> dict[str, int]:
    """Write the zip; how many entries each part has. Secrets are blacked out as everywhere.

    Of runs that concern other people too, only what names the number is in it.
    """
    parts = {name: _rows(runtime, found, metadata.tables[name]) for name in PARTS}
    said = {
        "number": found.spelled.number,
        "made_at": runtime.clock.now().isoformat(timespec="seconds"),
        "project": str(runtime.settings.project.get("name") or ""),
        "thorough": found.thorough,
        "what": PARTS,
        "parts": parts,
    }
    files = _files(runtime, found)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps(said, ensure_ascii=False, indent=1, default=str))
        archive.writestr("index.html", _page().render(**said, files=sorted(files), moment=_moment))
        for name, path in files.items():
            archive.write(path, name)
    return {name: len(rows) for name, rows in parts.items() if rows} | (
        {"files": len(files)} if files else {}
    )


def _rows(runtime: Runtime, found: Dossier, table: Table) -> list[dict[str, Any]]:
    key, made = list(table.primary_key), []
    for some in batches(found.keys(table.name)):
        with runtime.journal.read() as conn:
            rows = conn.execute(select(table).where(tuple_(*key).in_(some)).order_by(*key))
            made += [one for row in rows.mappings() if (one := _row(found, table, dict(row)))]
    shown: list[dict[str, Any]] = runtime.masks.value(made)
    return shown


def _row(found: Dossier, table: Table, row: dict[str, Any]) -> dict[str, Any] | None:
    """One row as JSON; of a row that is about others too, nothing but what names the number, or None."""
    shown = {name: _value(table, name, value) for name, value in row.items() if name not in _OURS}
    whole = {str(row.get("id")), str(row.get("run_id")), str(row.get("message_id"))} & found.whole
    if whole or table.name in ("pieces", "refused", "file_uses", "waits"):
        return shown
    if table.name == "contacts" and found.spelled.in_text(row["number"]):
        return shown
    naming = {name: value for name, value in shown.items() if found.spelled.in_text(str(value))}
    if not naming and table.name not in ("runs", "events"):
        return None
    plain = {
        name: value
        for name, value in shown.items()
        if COLUMNS[table.name][name] in (Holds.NOTHING, Holds.NAME)
    }
    return {**plain, "shared_with_others": True}


def _value(table: Table, name: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(table.c[name].type, LargeBinary):
        return bytes(value).decode("utf-8", "replace")
    if COLUMNS[table.name][name] in _JSON or (table.name, name) in _AS_JSON:
        return json.loads(value)
    if isinstance(value, int) and (name.endswith("_at") or name in _MOMENTS):
        return _moment(value)
    return value


def _moment(milliseconds: int) -> str:
    return from_ms(milliseconds).isoformat(timespec="seconds")


def _files(runtime: Runtime, found: Dossier) -> dict[str, Any]:
    """The files that are still here, by a name in the zip that two of them never share."""
    files = {}
    for sha256, name in sorted(found.files.items()):
        try:
            files[f"files/{sha256[:8]}-{name}"] = runtime.files.path(sha256)
        except Failure:
            continue
    return files


@lru_cache(maxsize=1)
def _page() -> Any:
    return Environment(autoescape=True).from_string(_PAGE)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>What is kept about {{ number }}</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem } td, th { text-align: left; vertical-align: top;
padding: .3rem .6rem; border-bottom: 1px solid #ddd } th { font-weight: 600 } td { overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85em; background: #f6f6f6; padding: .6rem }
summary { cursor: pointer }
</style></head><body>
<h1>What is kept about {{ number }}</h1>
<p>{{ project }}{% if project %}, {% endif %}{{ made_at }}.
The same is in <code>data.json</code> for programs, times in UTC.
{% if not thorough %}Found from the messages to and from the number; forms that never led to a message were not looked for.{% endif %}</p>
<h2>The texts</h2>
<table><tr><th>When</th><th>Who</th><th>Text</th><th>Status</th></tr>
{% for one in parts.messages %}<tr><td>{{ one.created_at }}</td>
<td>{{ "from them" if one.direction == "in" else "to " ~ (one.number_to or "") }}</td>
<td>{{ one.text }}</td><td>{{ one.status }}</td></tr>
{% else %}<tr><td colspan="4">None.</td></tr>{% endfor %}</table>
{% if files %}<h2>Files</h2><ul>{% for one in files %}<li><a href="{{ one | urlencode }}">{{ one }}</a></li>{% endfor %}</ul>{% endif %}
<h2>All of it</h2>
{% for name, rows in parts.items() %}{% if rows %}
<details><summary><strong>{{ name }}</strong> ({{ rows | length }}): {{ what[name] }}</summary>
{% for row in rows %}<pre>{{ row | tojson(indent=1) }}</pre>{% endfor %}</details>
{% endif %}{% endfor %}
</body></html>
"""
