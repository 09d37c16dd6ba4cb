"""A body against its schema, in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from ringback.web.bodyschema import compile_schema

SCHEMA = {
    "type": "object",
    "required": ["name", "phone"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "phone": {"type": "string", "pattern": r"^\+\d+$"},
        "age": {"type": "integer", "minimum": 18},
        "plan": {"enum": ["day", "evening"]},
        "students": {"type": "array", "items": {"type": "object", "required": ["id"]}},
        "mail": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
}

CASES: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"name": "Amina", "phone": "+44"}, []),
    (None, [("body", "null is not an object.")]),
    ({}, [("body.name", "It is missing."), ("body.phone", "It is missing.")]),
    (
        {"name": "A", "phone": "07", "age": "x", "plan": "night", "extra": 1},
        [
            ("body.extra", "There is no such field."),
            ("body.age", "“x” is not a whole number."),
            ("body.name", "“A” is shorter than 2 characters."),
            ("body.phone", "“07” does not match the pattern ^\\+\\d+$."),
            ("body.plan", "“night” is not one of: day, evening."),
        ],
    ),
    (
        {"name": "Amina", "phone": "+44", "age": 3, "students": [{"id": 1}, {}]},
        [("body.age", "3 is less than 18."), ("body.students[1].id", "It is missing.")],
    ),
    (
        {"name": "Amina", "phone": "+44", "mail": 7},
        [("body.mail", "7 fits none of the allowed forms: 7 is not text.; or 7 is not null.")],
    ),
]


@pytest.mark.parametrize(("body", "found"), CASES)
def test_all_mistakes_at_once(body: Any, found: list[tuple[str, str]]) -> None:
    assert compile_schema(SCHEMA)(body) == found


@pytest.mark.parametrize("said", ["planted-7731", "planted-7731" * 9, 7731, ["planted-7731"]])
def test_a_password_is_not_repeated(said: Any) -> None:
    schema = {"type": "string", "minLength": 20, "maxLength": 30, "format": "password"}
    mistakes = compile_schema({"properties": {"password": schema}})({"password": said})
    assert [place for place, _ in mistakes] == ["body.password"]
    assert mistakes[0][1].startswith("It is ")
    assert "7731" not in str(mistakes)


def test_a_slow_pattern_is_given_up() -> None:
    mistakes = compile_schema({"type": "string", "pattern": "^(a|a?)+$"})("a" * 40 + "!")
    assert mistakes[0][0] == "body"


def test_no_schema_is_fetched() -> None:
    from referencing.exceptions import Unresolvable

    with pytest.raises(Unresolvable):
        compile_schema({"$ref": "http://127.0.0.1:1/s.json"})({})
