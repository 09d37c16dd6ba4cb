"""Filling in templates and answering conditions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import GeneratorType
from typing import Any

from jinja2 import nodes
from jinja2.environment import Template
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError

from ringback.expressions import plainly
from ringback.expressions.bounds import Bounds, check_time, open_budget, spend_object, spend_text
from ringback.expressions.environment import (
    ENVIRONMENT,
    Absent,
    Missing,
    as_text,
    guarded_tree,
    missing_name,
    missing_parent,
)
from ringback.expressions.filters import FILTERS
from ringback.problems import Failure

_MARKS = ("{{", "{%", "{#")
_RESULT = "result_of_the_expression"
_DEFAULT = Bounds()
_NO_FILTER = re.compile(r"No (filter|test) named '(\w+)'")
_SHOWN_NAMES = 12
_KINDS = {"str": "text", "int": "number", "float": "number", "bool": "yes or no", "list": "list"}


def is_template(text: str) -> bool:
    """Whether a text holds anything to fill in."""
    return any(mark in text for mark in _MARKS)


def render(value: Any, scope: Mapping[str, Any], *, bounds: Bounds = _DEFAULT) -> Any:
    """Fill in a value: lists and maps are walked, texts are templates.

    A text that is one expression and nothing else gives the object itself; any other text gives text, which
    is never read back as a number. Raises `Failure("template")` saying what is not known or went wrong.
    """
    if isinstance(value, str):
        if not is_template(value):
            return value
        return _run(_compiled(value), scope, bounds, value)
    if isinstance(value, Mapping):
        return {key: render(inner, scope, bounds=bounds) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [render(inner, scope, bounds=bounds) for inner in value]
    return value


def evaluate(expression: str, scope: Mapping[str, Any], *, bounds: Bounds = _DEFAULT) -> Any:
    """The value of an expression written with or without braces, as in `if`. Raises as `render` does."""
    return _run(_compiled(_in_braces(expression)), scope, bounds, expression)


def syntax_problem(text: str, *, expression: bool = False) -> tuple[str, int] | None:
    """What is wrong with a template before it runs: a sentence and the offset in `text`, or None.

    `expression=True` reads the text as `evaluate` does.
    """
    source = _in_braces(text) if expression else text
    added = source.find(text) if expression else 0
    if not is_template(source):
        return None
    try:
        _compile(source)
    except TemplateSyntaxError as error:
        line_at = sum(map(len, source.splitlines(keepends=True)[: max(error.lineno - 1, 0)]))
        opens = max(source.find("{", line_at), line_at)
        return _say_syntax(error), max(opens - added, 0)
    return None


def _in_braces(expression: str) -> str:
    return expression if is_template(expression) else "{{ " + expression + " }}"


Compiled = Callable[[dict[str, Any]], Any]


@lru_cache(maxsize=2048)
def _compiled(text: str) -> Compiled | Failure:
    try:
        return _compile(text)
    except TemplateSyntaxError as error:
        return Failure(
            "template",
            f"“{_short(text)}” cannot be read: {_say_syntax(error)}",
            "Mend the template.",
        )


def _compile(text: str) -> Compiled:
    tree = guarded_tree(text)
    single = _single_expression(guarded_tree(text.strip()))
    if single is None:
        template = ENVIRONMENT.from_string(tree)
        pieces = plainly.pieces(tree)
        if pieces is None:
            return lambda scope: _text_of(template, scope)
        return lambda scope: _text_of_pieces(pieces, template, scope)
    assign = nodes.Assign(nodes.Name(_RESULT, "store", lineno=1), single, lineno=1)
    holder = ENVIRONMENT.from_string(nodes.Template([assign], lineno=1))
    names = plainly.names(single)
    if names is None:
        return lambda scope: _object_of(holder, scope)
    return lambda scope: _object_at(names, holder, scope)


def _single_expression(tree: nodes.Template) -> nodes.Expr | None:
    match tree.body:
        case [nodes.Output(nodes=[only])] if not isinstance(only, nodes.TemplateData):
            return only
    return None


def _text_of(template: Template, scope: dict[str, Any]) -> str:
    context = template.new_context(scope)
    parts: list[str] = []
    length = 0
    for part in template.root_render_func(context):
        length += len(part)
        spend_text(length)
        check_time()
        parts.append(part)
    return "".join(parts)


def _text_of_pieces(
    pieces: tuple[plainly.Piece, ...], template: Template, scope: dict[str, Any]
) -> str:
    """As `_text_of`, of texts and plain names; what is not simply there is left to the template, which says why."""
    parts = []
    length = 0
    for piece in pieces:
        value = plainly.look_up(piece, scope) if isinstance(piece, tuple) else piece
        if value is plainly.ELSEWHERE:
            return _text_of(template, scope)
        part = as_text(value)
        length += len(part)
        spend_text(length)
        check_time()
        parts.append(part)
    return "".join(parts)


def _object_at(names: plainly.Names, template: Template, scope: dict[str, Any]) -> Any:
    found = plainly.look_up(names, scope)
    return _object_of(template, scope) if found is plainly.ELSEWHERE else _given_out(found)


def _object_of(template: Template, scope: dict[str, Any]) -> Any:
    context = template.new_context(scope)
    for _part in template.root_render_func(context):
        pass
    made = context.vars[_RESULT]
    if isinstance(made, Missing):
        raise Absent(missing=made)
    return _given_out(made)


def _given_out(made: Any) -> Any:
    if isinstance(made, GeneratorType | range | tuple):
        made = list(made)
    spend_object(made)
    return made


def _run(compiled: Compiled | Failure, scope: Mapping[str, Any], bounds: Bounds, text: str) -> Any:
    if isinstance(compiled, Failure):
        raise compiled
    open_budget(bounds)
    try:
        return compiled(scope if isinstance(scope, dict) else dict(scope))
    except Absent as error:
        raise _say_absent(error, scope, text) from None
    except SecurityError as error:
        raise Failure(
            "template", f"{error} (in “{_short(text)}”).", "Use a filter instead."
        ) from None
    except Failure:
        raise
    except RecursionError:
        raise Failure(
            "template", f"“{_short(text)}” is nested too deeply.", "Simplify it."
        ) from None
    except (
        TemplateError,
        ArithmeticError,
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
    ) as error:
        said = str(error) or type(error).__name__
        raise Failure(
            "template",
            f"“{_short(text)}” could not be worked out: {said}.",
            "Check the values it uses.",
        ) from error


def _say_absent(error: Absent, scope: Mapping[str, Any], text: str) -> Failure:
    missing = error.missing
    if missing is None:
        return Failure("template", f"{error} (in “{_short(text)}”).", "Check the names it uses.")
    name, parent = missing_name(missing), missing_parent(missing)
    names: list[str] = []
    if parent is None:
        said = f"“{_short(text)}” asks for `{name}` of something that is empty."
    elif isinstance(parent, Mapping):
        said = f"There is no `{name}` in what “{_short(text)}” reads."
        names = list(map(str, parent))
    elif isinstance(parent, str | int | float | list):
        kind = _KINDS.get(type(parent).__name__, "value")
        said = f"“{_short(text)}” asks for `{name}` of the {kind} “{_short(str(parent), 30)}”."
    else:
        said = f"`{name}` is not known in “{_short(text)}”."
        names = list(scope)
    return Failure("template", said, _nearest_or_all(name, names))


def _nearest_or_all(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean `{near[0]}`?"
    if names:
        return f"There is: {', '.join(sorted(names)[:_SHOWN_NAMES])}."
    return "Check the name, or use the filter default."


def _say_syntax(error: TemplateSyntaxError) -> str:
    said = (error.message or "it is not a template").rstrip(".")
    unknown = _NO_FILTER.match(said)
    if unknown:
        kind, name = unknown.groups()
        offered = FILTERS if kind == "filter" else ENVIRONMENT.tests
        return f"`{name}` is not a {kind}. {_nearest_or_all(name, [key for key in offered if key.isidentifier()])}"
    if said.endswith("got '='"):
        return "one `=` stands where two values are compared; write `==`."
    return f"{said}."


def _short(text: str, limit: int = 80) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
