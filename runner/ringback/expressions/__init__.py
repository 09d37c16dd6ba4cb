"""What stands between braces: Jinja2, sandboxed, strict, bounded.

`render` fills a value, `evaluate` answers an `if`, `references` says which names a text reads, and
`syntax_problem` what is wrong with it before anything runs.
"""

from __future__ import annotations

from ringback.expressions.bounds import Bounds
from ringback.expressions.environment import FILTERS
from ringback.expressions.references import (
    Comparison,
    Reference,
    comparisons,
    references,
)
from ringback.expressions.render import evaluate, is_template, render, syntax_problem

RESERVED = frozenset({"trigger", "inputs", "project", "run", "item", "now"})
"""Names that a template always means the same by; no step may be called so."""

__all__ = [
    "FILTERS",
    "RESERVED",
    "Bounds",
    "Comparison",
    "Reference",
    "comparisons",
    "evaluate",
    "is_template",
    "references",
    "render",
    "syntax_problem",
]
