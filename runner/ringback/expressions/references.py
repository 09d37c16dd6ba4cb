"""Which names a template reads, and where, without running it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import get_lexer

from ringback.expressions.environment import ENVIRONMENT

_OWN_NAMES = frozenset(
    {"loop", "range", "namespace", "true", "false", "none", "True", "False", "None"}
)
_SPACE = frozenset({"whitespace", "comment", "comment_begin", "comment_end"})


@dataclass(frozen=True, slots=True)
class Reference:
    """One name path that a template reads: `("agreement", "phone")` and its place as offsets in the text.

    `guarded` is true where the template itself allows for its absence (`default`, `is defined`).
    """

    path: tuple[str, ...]
    start: int
    end: int
    guarded: bool = False


@lru_cache(maxsize=2048)
def references(text: str, *, expression: bool = False) -> tuple[Reference, ...]:
    """The name paths that a text reads, in the order in which they stand.

    Names bound by the template itself (`for`, `set`, `loop`) are left out. A text that does not parse reads
    nothing: `syntax_problem` tells about it. `expression=True` reads the text as `evaluate` does.
    """
    opened = "{{ " if expression and "{{" not in text else ""
    source = f"{opened}{text} }}}}" if opened else text
    try:
        tree = ENVIRONMENT.parse(source)
    except (TemplateSyntaxError, RecursionError):
        return ()
    chains = list(_chains(source))
    found = []
    for path, guarded in _reads(tree, frozenset(_OWN_NAMES)):
        place = next((chain for chain in chains if chain[0][: len(path)] == path), None)
        if place is None:
            place = next((chain for chain in chains if chain[0][0] == path[0]), None)
        if place is None:
            continue
        chains.remove(place)
        names, start, ends = place
        end = ends[min(len(path), len(names)) - 1]
        found.append(Reference(path, start - len(opened), end - len(opened), guarded))
    return tuple(sorted(found, key=lambda reference: reference.start))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A name path that a template compares with a word it writes out: `answer.keyword == 'yes'`."""

    path: tuple[str, ...]
    word: str
    start: int
    end: int


@lru_cache(maxsize=2048)
def comparisons(text: str, *, expression: bool = False) -> tuple[Comparison, ...]:
    """What a text compares with `==`, `!=` and `in` to words that it writes out, with the place of each word."""
    source = f"{{{{ {text} }}}}" if expression and "{{" not in text else text
    try:
        tree = ENVIRONMENT.parse(source)
    except (TemplateSyntaxError, RecursionError):
        return ()
    found = []
    for node in tree.find_all(nodes.Compare):
        sides = [(one.op, one.expr) for one in node.ops if one.op in ("eq", "ne", "in", "notin")]
        for _, right in sides:
            for path, word in _compared(node.expr, right):
                quoted = [f"'{word}'", f'"{word}"']
                start = next((at for one in quoted if (at := text.find(one)) >= 0), -1)
                end = start + len(word) + 2 if start >= 0 else len(text)
                found.append(Comparison(path, word, max(start, 0), end))
    return tuple(found)


def _compared(left: nodes.Node, right: nodes.Node) -> Iterator[tuple[tuple[str, ...], str]]:
    for one, other in ((left, right), (right, left)):
        path = _path(one)
        written = other.items if isinstance(other, nodes.List | nodes.Tuple) else [other]
        if path is not None:
            for item in written:
                if isinstance(item, nodes.Const) and isinstance(item.value, str):
                    yield path, item.value


def _reads(
    node: nodes.Node, bound: frozenset[str], guarded: bool = False
) -> Iterator[tuple[tuple[str, ...], bool]]:
    match node:
        case nodes.Template(body=body):
            yield from _reads_in_order(body, bound)
            return
        case nodes.For():
            yield from _reads(node.iter, bound)
            inside = bound | _stored(node.target) | {"loop"}
            if node.test is not None:
                yield from _reads(node.test, inside)
            yield from _reads_in_order(node.body, inside)
            yield from _reads_in_order(node.else_, bound)
            return
        case nodes.If():
            yield from _reads(node.test, bound)
            yield from _reads_in_order([*node.body, *node.elif_, *node.else_], bound)
            return
        case nodes.Filter(name="default" | "d", node=inner) if inner is not None:
            yield from _reads(inner, bound, True)
            for argument in node.args:
                yield from _reads(argument, bound)
            return
        case nodes.Test(name="defined" | "undefined", node=inner):
            yield from _reads(inner, bound, True)
            return
    path = _path(node)
    if path is not None:
        if path[0] not in bound:
            yield path, guarded
        return
    for child in node.iter_child_nodes():
        yield from _reads(child, bound, guarded)


def _reads_in_order(
    body: list[nodes.Node], bound: frozenset[str]
) -> Iterator[tuple[tuple[str, ...], bool]]:
    for node in body:
        yield from _reads(node, bound)
        if isinstance(node, nodes.Assign | nodes.AssignBlock):
            bound = bound | _stored(node.target)


def _stored(target: nodes.Node) -> frozenset[str]:
    names = {name.name for name in target.find_all(nodes.Name)}
    if isinstance(target, nodes.Name):
        names.add(target.name)
    return frozenset(names)


def _path(node: nodes.Node) -> tuple[str, ...] | None:
    """`a.b['c'].d` as a path; the part before a computed or numbered index is what is known."""
    match node:
        case nodes.Name(name=name, ctx="load"):
            return (name,)
        case nodes.Getattr(node=inner, attr=attr):
            before = _path(inner)
            return (*before, attr) if before else None
        case nodes.Getitem(node=inner, arg=nodes.Const(value=str(key))):
            before = _path(inner)
            return (*before, key) if before else None
        case nodes.Getitem(node=inner, arg=nodes.Const(value=int())):
            before = _path(inner)
            return (*before, "0") if before else None
    return None


Chain = tuple[tuple[str, ...], int, list[int]]


def _chains(source: str) -> Iterator[Chain]:
    """Every run of `name.name['name']` in the text's tokens: names, start, and the end after each name."""
    tokens = list(_placed(source))
    at = 0
    while at < len(tokens):
        kind, value, start, end = tokens[at]
        after_dot = at > 0 and tokens[at - 1][1] in {".", "|"}
        at += 1
        if kind != "name" or after_dot:
            continue
        names, ends = [value], [end]
        while at < len(tokens):
            follows = tokens[at : at + 3]
            values = [token[1] for token in follows]
            if values[0] == "." and len(follows) > 1 and follows[1][0] in {"name", "integer"}:
                names.append(values[1])
                ends.append(follows[1][3])
                at += 2
            elif (
                len(follows) == 3
                and values[0] == "["
                and values[2] == "]"
                and follows[1][0] == "string"
            ):
                names.append(values[1][1:-1])
                ends.append(follows[2][3])
                at += 3
            elif (
                len(follows) == 3
                and values[0] == "["
                and values[2] == "]"
                and follows[1][0] == "integer"
            ):
                names.append("0")
                ends.append(follows[2][3])
                at += 3
            else:
                break
        yield tuple(names), start, ends


def _placed(source: str) -> Iterator[tuple[str, str, int, int]]:
    at = 0
    for _line, kind, value in get_lexer(ENVIRONMENT).tokeniter(source, None):
        start = source.find(value, at)
        if start < 0:
            start = at
        at = start + len(value)
        if kind not in _SPACE and kind != "data":
            yield kind, value, start, at
