"""Templates that hold nothing but names: `{{ trigger.body.phone }}`, `Hi {{ student.name }}`.

Most do, and what they mean can be looked up without Jinja. What is not found at once among dicts is left to it.
"""

from __future__ import annotations

from typing import Any

from jinja2 import nodes

Names = tuple[str, ...]
Piece = str | Names
ELSEWHERE: Any = object()
_OWN_OF_JINJA = frozenset({"self", "super", "loop", "caller", "varargs", "kwargs"})


def names(expression: nodes.Node) -> Names | None:
    """The names of `a.b.c` in order; None for any other expression."""
    found: list[str] = []
    while isinstance(expression, nodes.Getattr):
        found.append(expression.attr)
        expression = expression.node
    if not isinstance(expression, nodes.Name) or expression.name in _OWN_OF_JINJA:
        return None
    return (expression.name, *reversed(found))


def pieces(tree: nodes.Template) -> tuple[Piece, ...] | None:
    """The texts and names of a template in order; None where it holds anything else."""
    found: list[Piece] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            piece = node.data if isinstance(node, nodes.TemplateData) else names(node)
            if piece is None:
                return None
            found.append(piece)
    return tuple(found)


def look_up(path: Names, scope: dict[str, Any]) -> Any:
    """What the names lead to, or ELSEWHERE."""
    value: Any = scope
    for name in path:
        if type(value) is not dict or name not in value:
            return ELSEWHERE
        value = value[name]
    return value
