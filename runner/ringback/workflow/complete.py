"""What an editor offers at a cursor, and what it says of the word under it. Half-typed files are the usual case."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ringback import yamltext
from ringback.expressions import FILTERS
from ringback.problems import Span
from ringback.settings import Settings
from ringback.workflow import spots
from ringback.workflow.known import Shape, children, outputs
from ringback.workflow.model import CatalogueLike
from ringback.workflow.outline import Cursor, Outline, Place, cursor, outline
from ringback.workflow.spots import Spot
from ringback.workflow.surroundings import Data, all_steps, mapping, triggers

_WORD = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True)
class Completion:
    """One thing to offer. `insert` is put in place of the word that is being typed."""

    label: str
    kind: Literal["key", "value", "action", "trigger", "name", "filter"]
    detail: str = ""
    documentation: str = ""
    insert: str = ""


@dataclass(frozen=True)
class Hover:
    """What a word means; `span` is the word."""

    title: str
    text: str
    span: Span


@dataclass
class _Desk:
    """The text being edited and what it can name."""

    lines: list[str]
    catalogue: CatalogueLike
    settings: Settings | None
    workflows: tuple[str, ...]
    line: int
    data: Data
    document: yamltext.Document
    outline: Outline


def _desk(
    text: str,
    line: int,
    catalogue: CatalogueLike,
    settings: Settings | None,
    workflows: Iterable[str],
) -> _Desk:
    document = yamltext.read(text, "")
    lines = document.lines or [""]
    return _Desk(
        lines,
        catalogue,
        settings,
        tuple(workflows),
        line,
        mapping(document.data),
        document,
        outline(lines),
    )


def complete(
    text: str,
    line: int,
    column: int,
    catalogue: CatalogueLike,
    settings: Settings | None = None,
    workflows: Iterable[str] = (),
) -> list[Completion]:
    """What may be written at a 1-based line and column, that which fits what is typed already.

    `workflows` are the ids of the project's workflows. Never raises on an unfinished text.
    """
    desk = _desk(text, line, catalogue, settings, workflows)
    lines = [*desk.lines, *[""] * max(line - len(desk.lines), 0)]
    at = cursor(lines, line, column)
    offers = _OFFERS[at.kind](desk, at)
    typed = at.typed.rpartition(".")[2] if at.kind == "name" else at.typed
    low = typed.lower()
    starts = [offer for offer in offers if offer.label.lower().startswith(low)]
    return starts + [
        offer for offer in offers if offer not in starts and low in offer.label.lower()
    ]


def _keys(desk: _Desk, at: Cursor) -> list[Completion]:
    here = spots.spot(at.path, desk.outline, desk.catalogue)
    if here is None:
        return []
    there = desk.outline.beside(at.path)
    return [
        Completion(name, "key", _detail(one), one.description, f"{name}: ")
        for name, one in spots.keys(here).items()
        if name not in there or name == at.typed
    ]


def _detail(here: Spot) -> str:
    kind = here.type if here.type not in {"any", ""} else ""
    default = "" if here.default is None else f"default {_shown(here.default)}"
    return ", ".join(filter(None, [here.title, kind, "required" if here.required else "", default]))


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(desk: _Desk, at: Cursor) -> list[Completion]:
    if at.path and at.path[-1] == "uses":
        return _usables(desk, spots.is_trigger(at.path[:-1]))
    here = spots.spot(at.path, desk.outline, desk.catalogue)
    if here is None:
        return []
    words = [_shown(choice) for choice in here.choices]
    if here.type == "boolean":
        words = ["true", "false"]
    elif here.type == "workflow":
        words = list(desk.workflows)
    elif (here.type == "connection" or at.path[-1:] == ("send_through",)) and desk.settings:
        words = list(desk.settings.connections)
    elif here.type in {"message", "file"}:
        words = [f'"{{{{ {name} }}}}"' for name in _of_type(desk, here.type)]
    if not words and here.example is not None and not isinstance(here.example, Mapping | list):
        shown = _shown(here.example)
        words = [f'"{shown}"' if "{" in shown or shown[:1] in "+@*&0" else shown]
    return [Completion(word, "value", here.title, here.description, word) for word in words]


def _usables(desk: _Desk, wants_trigger: bool) -> list[Completion]:
    if wants_trigger:
        return [
            Completion(t.full, "trigger", t.title, t.description, t.full)
            for t in desk.catalogue.triggers.values()
        ]
    return [
        Completion(a.full, "action", a.title, a.description, a.full)
        for a in desk.catalogue.actions.values()
    ]


def _of_type(desk: _Desk, kind: str) -> list[str]:
    """The names in reach that hold a file or a message."""
    names = _scope(desk)
    if kind == "message":
        uses = {str(step.get("id")): str(step.get("uses")) for _, step in all_steps(desk.data)}
        sends = {
            name for name, one in desk.catalogue.actions.items() if one.engine == "send_message"
        }
        return [name for name in names if uses.get(name) in sends]
    files = mapping(children(names.get("trigger"))).get("files")
    return [f"trigger.files.{name}" for name in children(files) or {}]


def _names(desk: _Desk, at: Cursor) -> list[Completion]:
    scope: Shape = _scope(desk)
    before = at.typed.split(".")[:-1]
    for name in before:
        known = children(scope)
        if known is None or name not in known:
            return []
        scope = known[name]
    return [
        Completion(
            name,
            "name",
            getattr(one, "title", ""),
            getattr(one, "description", ""),
            ".".join([*before, name]),
        )
        for name, one in (children(scope) or {}).items()
    ]


def _scope(desk: _Desk) -> dict[str, Shape]:
    """The names that a template on the cursor's line may read."""
    yielded = [
        outputs(one, mapping(said.get("with")))
        for _, said in triggers(desk.data)
        if (one := desk.catalogue.trigger(str(said.get("uses")))) is not None
    ]
    merged = {name: inner for shape in yielded if shape for name, inner in shape.items()}
    scope: dict[str, Shape] = {
        "trigger": merged or None,
        "inputs": dict.fromkeys(mapping(desk.data.get("inputs"))),
        "project": dict.fromkeys(desk.settings.project) if desk.settings else None,
        "run": None,
        "now": None,
    }
    for path, step in all_steps(desk.data):
        span = desk.document.span(path)
        if span.line <= desk.line <= span.end_line and "for_each" in step:
            scope[str(step.get("as", "item"))] = None
        if span.end_line < desk.line and isinstance(step.get("id"), str):
            action = desk.catalogue.action(str(step.get("uses")))
            scope[step["id"]] = outputs(action, mapping(step.get("with"))) if action else None
    return scope


def _filters(_desk: _Desk, _at: Cursor) -> list[Completion]:
    return [
        Completion(name, "filter", "filter", (function.__doc__ or "").strip().split("\n")[0], name)
        for name, function in sorted(FILTERS.items())
        if name.isidentifier()
    ]


_OFFERS = {"key": _keys, "value": _values, "name": _names, "filter": _filters}


def hover(
    text: str, line: int, column: int, catalogue: CatalogueLike, settings: Settings | None = None
) -> Hover | None:
    """What the word at a 1-based line and column means; None where nothing is known of it."""
    desk = _desk(text, line, catalogue, settings, ())
    if line > len(desk.lines):
        return None
    here = desk.lines[line - 1]
    word = next((m for m in _WORD.finditer(here) if m.start() < column <= m.end() + 1), None)
    if word is None:
        return None
    span = Span(line, word.start() + 1, line, word.end() + 1)
    at = cursor(desk.lines, line, word.end() + 1)
    said = _meaning(desk, at, word.group())
    return Hover(*said, span) if said else None


def _meaning(desk: _Desk, at: Cursor, word: str) -> tuple[str, str] | None:
    if at.kind == "filter":
        function = FILTERS.get(word)
        return (word, (function.__doc__ or "").strip().split("\n")[0]) if function else None
    if at.kind == "name":
        return _name_meaning(desk, at.typed or word)
    if at.kind == "value" and at.path[-1:] == ("uses",):
        usable = desk.catalogue.action(word) or desk.catalogue.trigger(word)
        return (usable.title or usable.full, usable.description) if usable else None
    place: Place = (*at.path, word) if at.kind == "key" else at.path
    found = spots.spot(place, desk.outline, desk.catalogue)
    if found is None or not (found.title or found.description):
        return None
    example = "" if found.example is None else f" For example: {_shown(found.example)}"
    return _detail(found) or word, f"{found.description}{example}".strip()


def _name_meaning(desk: _Desk, dotted: str) -> tuple[str, str] | None:
    scope: Shape = _scope(desk)
    for name in dotted.split("."):
        known = children(scope)
        if known is None:
            return None
        if name not in known:
            return None
        scope = known[name]
    if isinstance(scope, Mapping) and scope:
        return dotted, f"Has {', '.join(scope)}."
    title, text = getattr(scope, "title", ""), getattr(scope, "description", "")
    return (title or dotted, text) if title or text else None
