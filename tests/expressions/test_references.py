from __future__ import annotations

import pytest

from ringback.expressions import references

CASES = [
    ("{{ agreement.name }}", ["agreement.name"]),
    ("{{ a.x if a.y else a['z'].w }}", ["a.x", "a.y", "a['z'].w"]),
    (
        "{% for i in order.items %}{{ i.price }}{{ loop.index }}{{ inputs.vat }}{% endfor %}",
        ["order.items", "inputs.vat"],
    ),
    ("{% set t = a.b %}{{ t.c }}", ["a.b"]),
    ("{{ rows[0].name | join(sep=q.r) }}", ["rows[0].name", "q.r"]),
    ("{# {{ hidden }} #}{{ shown }}", ["shown"]),
    ("{{ a b }}", []),
    ("plain", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_each_name_is_found_where_it_stands(text: str, expected: list[str]) -> None:
    assert [text[found.start : found.end] for found in references(text)] == expected


def test_a_condition_without_braces() -> None:
    text = "delivery.status != 'delivered' and x.y[0]"
    assert [text[found.start : found.end] for found in references(text, expression=True)] == [
        "delivery.status",
        "x.y[0]",
    ]


def test_what_the_template_allows_to_be_absent_is_guarded() -> None:
    found = references("{{ a.b | default(c.d) }}{% if e.f is defined %}{{ g }}{% endif %}")
    assert [(".".join(reference.path), reference.guarded) for reference in found] == [
        ("a.b", True),
        ("c.d", False),
        ("e.f", True),
        ("g", False),
    ]
