"""Scopes and roles: what an operation needs, and what an account of a role has. Two tables, and nothing else decides."""

from __future__ import annotations

from collections.abc import Iterable

SCOPES: dict[str, str] = {
    "runs:read": "See runs with their events, steps and notes.",
    "runs:write": "Settle an uncertain step, cancel a run.",
    "messages:read": "See messages and their reports.",
    "messages:send": "Start a workflow by hand, and whatever else may text somebody.",
    "callbacks:read": "See refused callbacks, and when gateways last called.",
    "callbacks:replay": "Take in a refused callback after all.",
    "contacts:read": "See contacts, whose numbers are whole.",
    "contacts:write": "Change contacts, opt numbers out and in.",
    "numbers:read": "See phone numbers whole; without it they are shortened in every answer.",
    "workflows:read": "See workflows and connectors, check a workflow's text.",
    "workflows:write": "Change workflows.",
    "connections:write": "Change connections and their secrets.",
    "audit:read": "Read the audit trail.",
    "accounts:write": "Add and change accounts and tokens.",
    "privacy:write": "Find, export and erase everything about one phone number.",
}
"""Every scope, by name, with what it lets one do."""

_VIEWER = ("runs:read", "messages:read", "callbacks:read", "workflows:read")
_OPERATOR = (
    *_VIEWER, "numbers:read", "runs:write", "messages:send", "callbacks:replay", "contacts:read", "contacts:write",
)  # fmt: skip
_EDITOR = (*_OPERATOR, "workflows:write", "connections:write")

ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "viewer": ("Looks on; phone numbers are shortened.", _VIEWER),
    "operator": ("Sends, settles, replays, looks after contacts.", _OPERATOR),
    "editor": ("Also changes workflows and connections.", _EDITOR),
    "owner": ("Also accounts, tokens, the audit trail, and erasing a number.", tuple(SCOPES)),
}
"""Every role, from the least to the most, with a sentence and its scopes."""

OWNER = "owner"
"""The role without which nobody could sign in to change accounts."""

ABOUT_NUMBERS = frozenset({"contacts:read", "contacts:write", "privacy:write"})
"""Scopes that are about numbers, and so show them whole."""

NONE = ""
"""What an operation names that needs nobody to be known (signing in)."""
ANYBODY = "any"
"""What an operation names that is open to everybody who is known (who am I, sign out)."""
OWN = "own"
"""What an operation names that is open to who has signed in, about what is theirs; with `MANAGES` about everybody's."""
MANAGES = "accounts:write"

ALL = frozenset(SCOPES)


def scopes_of(role: str) -> frozenset[str]:
    """The scopes of a role; none for a role that there is no more."""
    return frozenset(ROLES[role][1]) if role in ROLES else frozenset()


def unknown(scopes: Iterable[str]) -> list[str]:
    """Those of the scopes that there are not, in order."""
    return sorted(set(scopes) - ALL)
