"""The sandbox: what a template can reach, and what it cannot do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sized
from datetime import date, timedelta
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from ringback.expressions.bounds import counted, spend_text
from ringback.expressions.filters import FILTERS
from ringback.problems import Failure

__all__ = ["ENVIRONMENT", "FILTERS", "Missing", "guarded_tree"]

_TEXT_METHODS = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "isalnum",
        "isalpha",
        "isdigit",
        "islower",
        "isupper",
        "join",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "replace",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "title",
        "upper",
    ]
)
_MOMENT_NAMES = frozenset(
    [
        "day",
        "days",
        "hour",
        "isoformat",
        "isoweekday",
        "minute",
        "month",
        "second",
        "seconds",
        "strftime",
        "date",
        "time",
        "timestamp",
        "total_seconds",
        "weekday",
        "year",
    ]
)
_MAPPING_METHODS = frozenset({"get", "items", "keys", "values"})
_LIST_METHODS = frozenset({"count", "index"})
_FORBIDDEN: tuple[tuple[type[nodes.Node], str], ...] = (
    (nodes.Macro, "macro"),
    (nodes.CallBlock, "call"),
    (nodes.Include, "include"),
    (nodes.Import, "import"),
    (nodes.FromImport, "import"),
    (nodes.Extends, "extends"),
    (nodes.Block, "block"),
)
_LARGEST_BITS = 4096


class Missing(StrictUndefined):
    """A name or a key that is not there; using it raises with the parent's own names kept for the sentence."""

    __slots__ = ()


def missing_name(missing: Missing) -> str:
    """The name or key that was asked for. (A property would be data to a template.)"""
    return str(missing._undefined_name)  # noqa: SLF001 (Jinja offers no other way)


def missing_parent(missing: Missing) -> Any:
    """What it was asked of; Jinja's own sentinel when it is a name of the scope."""
    return missing._undefined_obj  # noqa: SLF001 (Jinja offers no other way)


class Absent(UndefinedError):
    """Raised by a `Missing`; carries it."""

    def __init__(self, message: str | None = None, missing: Missing | None = None) -> None:
        super().__init__(message)
        self.missing = missing


def _fail(self: Missing, *_args: Any, **_kwargs: Any) -> NoReturn:
    raise Absent(self._undefined_message, self)


# Jinja's Undefined binds each operator to its own failing function, so each one is named here again.
_OPERATORS = (
    "__iter__ __str__ __len__ __eq__ __ne__ __bool__ __hash__ __contains__ __getitem__ __call__ __add__ __radd__ "
    "__sub__ __rsub__ __mul__ __rmul__ __truediv__ __lt__ __le__ __gt__ __ge__ __int__ __float__ __neg__ __mod__ __rmod__"
)
for _method in ("_fail_with_undefined_error", *_OPERATORS.split()):
    setattr(Missing, _method, _fail)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, narrowed: data first, few methods, bounded arithmetic and texts."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        # Data before methods: `order.items` of a webhook's JSON is its items, not dict.items.
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        # So that `trigger.query.source | default('web')` holds where there is no query at all.
        if isinstance(obj, Missing):
            return obj
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return obj if isinstance(obj, Missing) else super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        if isinstance(obj, Mapping):
            return attr in _MAPPING_METHODS
        if isinstance(obj, list | tuple):
            return attr in _LIST_METHODS
        if isinstance(obj, date | timedelta):
            return attr in _MOMENT_NAMES
        # loop, namespace and the like are Jinja's own.
        return type(obj).__module__.startswith("jinja2.") and super().is_safe_attribute(
            obj, attr, value
        )

    def wrap_str_format(self, value: Any) -> None:  # noqa: ARG002
        """No `format` on texts: a width in a pattern makes a large text from a small one."""
        return

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str) and name in {"join", "replace"}:
            return (
                FILTERS["join"](args[0], owner)
                if name == "join"
                else FILTERS["replace"](owner, *args)
            )
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _check_binop(operator, left, right)
        return super().call_binop(context, operator, left, right)


def _check_binop(operator: str, left: Any, right: Any) -> None:
    if operator == "%" and isinstance(left, str):
        raise Failure(
            "template",
            "Texts are not formatted with %.",
            "Put the value in braces, or join with ~.",
        )
    if operator == "**" and not (abs(left) <= 10**6 and abs(right) <= 64):
        raise Failure(
            "template", f"{left} ** {right} is too large a number.", "Use smaller numbers."
        )
    if operator == "*":
        for sized, times in ((left, right), (right, left)):
            if isinstance(sized, Sized) and isinstance(times, int):
                spend_text(len(sized) * times)
        if (
            isinstance(left, int)
            and isinstance(right, int)
            and left.bit_length() + right.bit_length() > _LARGEST_BITS
        ):
            raise Failure(
                "template", "A number in the template grows too large.", "Use smaller numbers."
            )
    if operator == "+" and isinstance(left, Sized) and isinstance(right, Sized):
        spend_text(len(left) + len(right))


def _glue(parts: list[Any]) -> str:
    words = [as_text(part) for part in parts]
    spend_text(sum(map(len, words)))
    return "".join(words)


def as_text(value: Any) -> str:
    """How a value stands in a text: nothing for null, true/false as in YAML, JSON for lists and maps."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return _json(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Undefined):
        return str(value)
    return str(value)


def _json(value: Any) -> str:
    parts: list[str] = []
    letters = 0
    for part in _ENCODER.iterencode(value):
        letters += len(part)
        spend_text(letters)
        parts.append(part)
    return "".join(parts)


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)


class _Guard(NodeTransformer):
    """Counts the turns of loops, bounds what `~` glues, and refuses what a template of ours never needs."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        for kind, word in _FORBIDDEN:
            if isinstance(node, kind):
                raise TemplateSyntaxError(f"`{word}` is not offered in templates", node.lineno)
        return super().generic_visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 (Jinja's naming)
        if node.recursive:
            raise TemplateSyntaxError("recursive loops are not offered in templates", node.lineno)
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "_counted", [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 (Jinja's naming)
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "_glue", [], [], None, None, lineno=node.lineno)


def _environment() -> Sandbox:
    made = Sandbox(
        undefined=Missing, autoescape=False, finalize=as_text, keep_trailing_newline=True
    )
    made.filters = {**FILTERS, "_counted": counted, "_glue": _glue}
    made.globals = {"range": _short_range, "namespace": made.globals["namespace"]}
    return made


def _short_range(*numbers: int) -> range:
    """`range`, of at most 10,000 numbers."""
    made = range(*numbers)
    if len(made) > 10_000:
        raise Failure("template", "range() gives over 10,000 numbers.", "Use a smaller range.")
    return made


ENVIRONMENT = _environment()


def guarded_tree(text: str) -> nodes.Template:
    """The text's syntax tree, made safe to run. Raises jinja2's TemplateSyntaxError."""
    try:
        guarded = _Guard().visit(ENVIRONMENT.parse(text))
    except RecursionError:
        raise TemplateSyntaxError("it is nested too deeply", 1) from None
    assert isinstance(guarded, nodes.Template)
    return guarded
