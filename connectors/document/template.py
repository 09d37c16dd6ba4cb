"""The expressions of a Word template: `{{ name }}`, `{{ student.name }}`, `{{ fee | money }}`.

Fewer things are allowed here than in a workflow: names, their parts, constants, comparisons, `a if b else c`, and
the filters below. No call and no multiplication, so a template can neither reach out nor blow up.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ringback.sdk import Failure

MARK = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
MAX_VALUE = 100_000
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "–": "-"})
_CONTROL = re.compile(r"[^\t\n\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Filter,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.TemplateData,
)  # fmt: skip


def _date(value: Any, form: str = "%d %B %Y") -> str:
    """An ISO date in words: `{{ starts | date("%d/%m/%Y") }}`."""
    if isinstance(value, date):
        return value.strftime(form)
    return datetime.fromisoformat(str(value)).strftime(form)


def _money(value: Any) -> str:
    """`{"amount": 480, "currency": "GBP"}` as `480.00 GBP`."""
    if isinstance(value, Mapping):
        return f"{float(value['amount']):,.2f} {value.get('currency', '')}".strip()
    return f"{float(value):,.2f}"


FILTERS = (
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "default",
    "join",
    "length",
    "first",
    "last",
    "round",
    "int",
)
"""Jinja's own filters that a template may use, besides `date` and `money`."""


class _Environment(ImmutableSandboxedEnvironment):
    """`a.b` is a part of an object, never an attribute of Python's."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return self.getitem(obj, attribute)
        hint = f"there is no {attribute} in it"
        if isinstance(obj, (list, tuple)):
            hint = "it is a list: put it in a table row, which is then repeated"
        return self.undefined(hint, obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping):
            if argument in obj:
                return obj[argument]
            near = difflib.get_close_matches(str(argument), map(str, obj), 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            return self.undefined(f"there is no {argument} in it{meant}", obj=obj, name=argument)
        if isinstance(obj, (list, tuple, str)) and isinstance(argument, int):
            return super().getitem(obj, argument)
        return self.undefined(f"there is no {argument} in it", obj=obj, name=str(argument))


def _environment() -> ImmutableSandboxedEnvironment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False)
    kept = {name: environment.filters[name] for name in FILTERS}
    environment.filters = {**kept, "date": _date, "money": _money}
    environment.globals.clear()
    return environment


_JINJA = _environment()


@lru_cache(maxsize=512)
def parse(text: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """An expression with plain quotes, and the (name, part) pairs that it reads.

    Raises:
        ValueError: with what is wrong with it.
    """
    source = text.translate(_QUOTES).strip()
    try:
        tree = _JINJA.parse("{{" + source + "}}")
    except TemplateSyntaxError as error:
        raise ValueError(str(error.message)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise ValueError(f"{type(node).__name__.lower()} is not allowed in a document")
        if isinstance(node, nodes.Filter) and node.name not in _JINJA.filters:
            near = difflib.get_close_matches(node.name, _JINJA.filters, 1)
            raise ValueError(
                f"there is no filter {node.name}" + (f"; did you mean {near[0]}?" if near else "")
            )
    parts = frozenset(
        (node.node.name, node.attr)
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name)
    )
    return source, parts


def show(text: str, scope: Mapping[str, Any]) -> str:
    """What an expression says, as text for a document.

    Raises:
        ValueError: with what is wrong, ready to follow the expression and a colon.
    """
    source, _parts = parse(text)
    try:
        value = _JINJA.compile_expression(source, undefined_to_none=False)(**scope)
        if isinstance(value, StrictUndefined):
            str(value)
    except UndefinedError as error:
        raise ValueError(_undefined(str(error.message), scope)) from error
    except (TypeError, ValueError, KeyError, ArithmeticError) as error:
        raise ValueError(str(error)) from error
    return _CONTROL.sub("", _text(value))[:MAX_VALUE]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "☒" if value else "☐"
    if isinstance(value, Mapping) and set(value) == {"amount", "currency"}:
        return _money(value)
    if isinstance(value, (list, tuple)) and not any(
        isinstance(one, (Mapping, list)) for one in value
    ):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _undefined(message: str, scope: Mapping[str, Any]) -> str:
    found = re.match(r"'([^']+)' is undefined", message)
    if found is None:
        return message
    near = difflib.get_close_matches(found[1], scope, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {_listed(scope)}"
    return f"`values` has no {found[1]}; {hint}"


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:12]) if shown else "no values at all"


def failure(mistakes: Iterable[str]) -> Failure:
    """All that is wrong with a template, in one failure."""
    told = list(dict.fromkeys(mistakes))
    return Failure(
        "template",
        "The Word template has mistakes: " + "; ".join(told[:20]) + ".",
        "Correct the template, or give the values that it names.",
        detail={"mistakes": told[:100]},
    )
