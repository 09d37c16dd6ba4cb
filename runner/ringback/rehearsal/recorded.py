"""A connector's recorded examples, as the rehearsal needs them: an answer to a send, and callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ringback.connectors.examples import cases
from ringback.connectors.manifest import Action, Manifest


def accepted(manifest: Manifest) -> tuple[Mapping[str, Any], Any] | None:
    """An answer by which the gateway took a message (`status headers body`), and the id that is in it.

    An answer with one id comes before one with an id for each part, and that before one without (None).
    """
    found: dict[int, tuple[Mapping[str, Any], Any]] = {}
    for case in cases(manifest.folder):
        expected = case.get("expect")
        answers = case.get("answers") or []
        if "send" in case and isinstance(expected, Mapping) and answers and "status" in answers[-1]:
            ids = expected.get("gateway_ids") or [expected.get("gateway_id")]
            rank = 2 if ids[0] is None else 0 if len(ids) == 1 else 1
            found.setdefault(rank, (answers[-1], ids[0]))
    return found[min(found)] if found else None


def refused(manifest: Manifest, code: str) -> Mapping[str, Any] | None:
    """An answer by which the gateway refused a message for the failure `code`, where one is recorded."""
    for case in cases(manifest.folder):
        answers, error = case.get("answers") or [], case.get("error")
        said = isinstance(error, Mapping) and error.get("code") == code
        if "send" in case and said and answers and "status" in answers[-1]:
            return dict(answers[-1])
    return None


def told(manifest: Manifest, status: str) -> Mapping[str, Any] | None:
    """An answer by which the gateway said what became of a message: that it is `status`, where one is recorded."""
    found: Mapping[str, Any] | None = None
    for case in cases(manifest.folder):
        answers, expected = case.get("answers") or [], case.get("expect")
        if "ask" in case and isinstance(expected, Mapping) and answers:
            if expected.get("status") == status:
                return dict(answers[-1])
            found = found or dict(answers[-1])
    return found


def given(action: Action, code: str = "") -> Mapping[str, Any] | None:
    """A recorded answer to an action: one from which its outputs were read, or one that failed by the `code`."""
    for case in cases(action.connector.folder):
        answers, error = case.get("answers") or [], case.get("error")
        failed = error.get("code", "") if isinstance(error, Mapping) else ""
        if case.get("action") == action.full and failed == code and answers:
            return dict(answers[-1])
    return None


def callbacks(manifest: Manifest, kind: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Recorded callbacks of a kind (`report`, `inbound`), each with what it was read as."""
    found = []
    for case in cases(manifest.folder):
        expected = case.get("expect")
        if "callback" in case and isinstance(expected, list) and expected:
            meaning = expected[0].get(kind)
            if isinstance(meaning, Mapping):
                found.append((case["callback"], meaning))
    return found


def requests(manifest: Manifest) -> list[Mapping[str, Any]]:
    """Every recorded callback, whatever it says."""
    return [case["callback"] for case in cases(manifest.folder) if "callback" in case]
