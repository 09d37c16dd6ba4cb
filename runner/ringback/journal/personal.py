"""What the journal holds of people, column by column, and what is left of a row when somebody is erased.

Every column of every table has its line here; a test fails for one that has none. A row is erased either whole
(it is about this person) or in parts (it is about others too: only what names the number goes). Ids, states, times,
counts and costs stay either way, so that statistics stay true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from ringback.journal import jsontext
from ringback.journal.spellings import ERASED, Spellings


class Holds(Enum):
    """What a column may hold of a person, and so what becomes of it."""

    NOTHING = "written by Ringback alone: an id, a state, a time, a count, a hash"
    NAME = "the operator's own word, such as a workflow's or a connection's name"
    TEAM = "about the people who run the project, not about those who are texted"
    RECORD = "the audit trail's: numbers are shortened as it is written, and it is never changed"
    WORD = "a word of the gateway or of a sender: stays unless it holds the number"
    KEY = "what tells copies apart: stays where it is a hash or an id of ours"
    NUMBER = "a phone number: goes where it is this one"
    TEXT = "words about somebody: go when the row is erased whole"
    JSON = "anything: goes when the row is erased whole"
    STORY = "what became of a message: states and times stay"
    FAILURE = "what went wrong: its code stays"
    LIST = "a list about somebody: is emptied when the row is erased whole"
    SPARE = "not needed once the run has ended: goes when the row is erased whole"
    ROW = "a row with it is deleted"


_H = Holds
_RUN = {"run_id": _H.NOTHING, "path": _H.NAME}

COLUMNS: Mapping[str, Mapping[str, Holds]] = {
    "definitions": {
        "hash": _H.NOTHING, "workflow": _H.NAME, "name": _H.NAME, "source": _H.NAME, "first_seen_at": _H.NOTHING,
    },
    "events": {
        "id": _H.NOTHING, "source": _H.WORD, "key": _H.KEY, "workflow": _H.NAME, "kind": _H.NOTHING,
        "data": _H.JSON, "received_at": _H.NOTHING,
    },
    "runs": {
        "id": _H.NOTHING, "event_id": _H.NOTHING, "workflow": _H.NAME, "definition": _H.NOTHING,
        "trigger": _H.NOTHING, "state": _H.NOTHING, "inputs": _H.JSON, "created_at": _H.NOTHING,
        "started_at": _H.NOTHING, "finished_at": _H.NOTHING, "wake_at": _H.NOTHING, "holder": _H.NOTHING,
        "fence": _H.NOTHING, "concurrency_key": _H.SPARE, "cancel": _H.NOTHING, "parent_run": _H.NOTHING,
        "parent_step": _H.NAME, "error": _H.FAILURE, "result": _H.JSON, "attempts": _H.NOTHING,
        "lapses": _H.NOTHING, "lapsed_after": _H.NOTHING,
    },
    "steps": {
        **_RUN, "id": _H.NAME, "uses": _H.NAME, "state": _H.NOTHING, "attempt": _H.NOTHING, "effect": _H.NOTHING,
        "started_at": _H.NOTHING, "finished_at": _H.NOTHING, "input": _H.JSON, "output": _H.JSON,
        "error": _H.FAILURE, "wake_at": _H.NOTHING,
    },
    "notes": {
        "id": _H.NOTHING, **_RUN, "at": _H.NOTHING, "message": _H.TEXT, "facts": _H.JSON,
    },
    "waits": {**_RUN, "kind": _H.NOTHING, "key": _H.ROW, "until": _H.NOTHING},
    "messages": {
        "id": _H.NOTHING, "direction": _H.NOTHING, "connection": _H.NAME, "gateway_id": _H.WORD,
        "run_id": _H.NOTHING, "step_path": _H.NAME, "number_from": _H.NUMBER, "number_to": _H.NUMBER,
        "text": _H.TEXT, "status": _H.NOTHING, "status_at": _H.NOTHING, "terminal": _H.NOTHING,
        "segments": _H.NOTHING, "encoding": _H.NOTHING, "cost": _H.WORD, "error_code": _H.WORD, "detail": _H.TEXT,
        "refunded": _H.NOTHING, "timeline": _H.STORY, "created_at": _H.NOTHING, "updated_at": _H.NOTHING,
        "media": _H.LIST, "currency": _H.WORD, "cost_source": _H.NOTHING,
    },
    "reports": {
        "id": _H.NOTHING, "event_id": _H.NOTHING, "connection": _H.NAME, "gateway_id": _H.WORD,
        "message_id": _H.NOTHING, "status": _H.NOTHING, "raw_status": _H.WORD, "number": _H.NUMBER,
        "at": _H.NOTHING, "received_at": _H.NOTHING, "error_code": _H.WORD, "detail": _H.TEXT,
        "refunded": _H.NOTHING, "raw": _H.JSON, "code": _H.NOTHING, "cost": _H.WORD, "segments": _H.NOTHING,
        "sequence": _H.NOTHING, "part": _H.WORD, "currency": _H.WORD,
    },
    "refused": {
        "id": _H.NOTHING, "connection": _H.NAME, "received_at": _H.NOTHING, "reason": _H.ROW, "method": _H.NOTHING,
        "url": _H.ROW, "headers": _H.ROW, "body": _H.ROW,
    },
    "files": {
        "sha256": _H.NOTHING, "size": _H.NOTHING, "media_type": _H.NOTHING, "created_at": _H.NOTHING,
    },
    "file_uses": {
        "id": _H.NOTHING, "sha256": _H.NOTHING, "event_id": _H.NOTHING, "run_id": _H.NOTHING, "name": _H.ROW,
    },
    "holders": dict.fromkeys(("id", "host", "pid", "until", "started_at"), _H.NOTHING),
    "schedules": dict.fromkeys(("id", "next_at", "last_at", "spec_hash"), _H.NOTHING),
    "message_ids": {
        "connection": _H.NAME, "gateway_id": _H.WORD, "message_id": _H.NOTHING, "part": _H.NOTHING,
    },
    "contacts": {
        "number": _H.ROW, "name": _H.ROW, "tags": _H.ROW, "attributes": _H.ROW, "invalid": _H.NOTHING,
        "invalid_why": _H.ROW, "opted_out_at": _H.NOTHING, "opted_out_source": _H.ROW,
        "created_at": _H.NOTHING, "updated_at": _H.NOTHING,
    },
    "leaders": dict.fromkeys(("name", "holder", "fence", "beat"), _H.NOTHING),
    "heard": {  # a word with as many digits as a number has is not kept
        "connection": _H.NAME, "kind": _H.NOTHING, "word": _H.NOTHING, "last_at": _H.NOTHING, "times": _H.NOTHING,
    },
    "accounts": {
        "id": _H.NOTHING, "name": _H.TEAM, "password": _H.TEAM, "role": _H.NOTHING, "enabled": _H.NOTHING,
        "created_at": _H.NOTHING, "updated_at": _H.NOTHING, "last_login_at": _H.NOTHING,
    },
    "sessions": {
        "hash": _H.NOTHING, "account": _H.NOTHING, "created_at": _H.NOTHING, "seen_at": _H.NOTHING,
        "until": _H.NOTHING, "address": _H.TEAM,
    },
    "tokens": {
        "name": _H.TEAM, "hash": _H.NOTHING, "hint": _H.NOTHING, "scopes": _H.NOTHING, "created_at": _H.NOTHING,
        "created_by": _H.TEAM, "expires_at": _H.NOTHING, "last_used_at": _H.NOTHING, "account": _H.NOTHING,
    },
    "tries": {"key": _H.TEAM, "failures": _H.NOTHING, "last_at": _H.NOTHING, "until": _H.NOTHING},
    "audit": {
        "seq": _H.NOTHING, "at": _H.NOTHING, "kind": _H.NOTHING, "who": _H.TEAM, "address": _H.TEAM,
        "action": _H.NOTHING, "object": _H.RECORD, "facts": _H.RECORD, "previous": _H.NOTHING, "hash": _H.NOTHING,
    },
    "sealed": {
        "name": _H.NAME, "key_id": _H.NOTHING, "wrapped": _H.NOTHING, "value": _H.NOTHING, "set_at": _H.NOTHING,
        "set_by": _H.TEAM,
    },
    "places": dict.fromkeys(("id", "connection", "at"), _H.NOTHING),
    "counts": dict.fromkeys(("connection", "period", "used"), _H.NOTHING),
    "pieces": {
        "connection": _H.NAME, "number_from": _H.ROW, "reference": _H.ROW, "total": _H.NOTHING,
        "number": _H.NOTHING, "said": _H.ROW, "received_at": _H.NOTHING,
    },
}  # fmt: skip

NEVER = frozenset({Holds.NOTHING, Holds.NAME, Holds.TEAM, Holds.RECORD})
"""What no person's number gets into, or what is the operator's own file and not changed here."""

_GONE = {"erased": True}
_OWN_KEY = re.compile(r"(report|inbound):[0-9a-f]{40}|(run|msg|rep|evt)_[0-9a-z]+(:|$)")
_STORY_DROPS = frozenset({"detail", "gate", "size"})
"""What of a message's story is words; the rest (statuses, times, parts) is needed to fold in a late report."""


def erased(
    table: str, row: Mapping[str, Any], spelled: Spellings, *, whole: bool
) -> dict[str, Any]:
    """The columns of a row that change when it is erased, with what they become."""
    changes: dict[str, Any] = {}
    for name, holds in COLUMNS[table].items():
        value = row[name]
        if value is None or holds in NEVER or holds is Holds.ROW:
            continue
        made = _whole(holds, value, spelled) if whole else _parts(holds, value, spelled)
        if made != value:
            changes[name] = made
    return changes


def _whole(holds: Holds, value: Any, spelled: Spellings) -> Any:
    if holds is Holds.TEXT:
        return ERASED
    if holds is Holds.JSON:
        return jsontext.dump(_GONE)
    if holds is Holds.STORY:
        kept = [_without(entry, _STORY_DROPS) for entry in jsontext.load(value)]
        return jsontext.dump(spelled.out_of_value(kept))
    if holds is Holds.FAILURE:
        error = jsontext.load(value)
        code = error.get("code") if isinstance(error, dict) else None
        return jsontext.dump({"code": code or "internal", "message": ERASED})
    if holds is Holds.LIST:
        return "[]"
    if holds is Holds.SPARE:
        return None
    if holds is Holds.KEY:
        return value if _OWN_KEY.match(value) else ERASED
    return _parts(holds, value, spelled)


def _parts(holds: Holds, value: Any, spelled: Spellings) -> Any:
    if not spelled.in_text(value):
        return value
    if holds in (Holds.JSON, Holds.STORY, Holds.FAILURE, Holds.LIST):
        return jsontext.dump(spelled.out_of_value(jsontext.load(value)))
    if holds is Holds.NUMBER:
        return ERASED
    if holds is Holds.SPARE:
        return None
    return spelled.out_of(value)


def _without(entry: Any, dropped: frozenset[str]) -> Any:
    return {key: inner for key, inner in entry.items() if key not in dropped}
