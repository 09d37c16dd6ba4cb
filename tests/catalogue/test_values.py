from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ringback.connectors.building import build_fields
from ringback.connectors.manifest import FIELD_TYPES, Field
from ringback.connectors.values import (
    field_schema,
    json_schema,
    mistakes,
    prepare,
    secret_values,
    with_defaults,
)
from ringback.problems import Failure

FILE = {"name": "a.docx", "size": 1, "media_type": "x/y", "sha256": "ab"}
GOOD: list[tuple[dict[str, Any], Any, Any]] = [
    ({"type": "text"}, "a", "a"),
    ({"type": "text"}, 5, "5"),
    ({"type": "text"}, date(2026, 6, 28), "2026-06-28"),
    ({"type": "number"}, "2.5", 2.5),
    ({"type": "number"}, "7", 7),
    ({"type": "integer"}, 3.0, 3),
    ({"type": "integer"}, "12", 12),
    ({"type": "boolean"}, "yes", True),
    ({"type": "boolean"}, False, False),
    ({"type": "duration"}, "15 minutes", 900_000),
    ({"type": "duration"}, 0, 0),
    ({"type": "size"}, "5 MB", 5_000_000),
    ({"type": "size"}, 512, 512),
    ({"type": "phone"}, " +44 7700 900077 ", "+44 7700 900077"),
    ({"type": "email"}, "a@b.example", "a@b.example"),
    ({"type": "url"}, "https://x.example/a?b", "https://x.example/a?b"),
    ({"type": "date"}, "2026-06-28", "2026-06-28"),
    ({"type": "time"}, "9:05", "09:05"),
    ({"type": "time"}, "2026-06-28 08:00", "2026-06-28 08:00"),
    ({"type": "file"}, FILE, FILE),
    ({"type": "message"}, {"id": "msg_1"}, {"id": "msg_1"}),
    ({"type": "list", "items": {"type": "integer"}}, ["1", 2], [1, 2]),
    ({"type": "list", "items": {"type": "text"}}, "one", ["one"]),
    ({"type": "object"}, {"a": 1}, {"a": 1}),
    ({"type": "object", "properties": {"max": {"type": "size", "default": "1 MB"}}}, {}, {"max": 1_000_000}),
    ({"type": "object", "additional": {"type": "integer"}}, {"x": "1"}, {"x": 1}),
    ({"type": "choice", "choices": ["GET", "POST"]}, "post", "POST"),
    ({"type": "any"}, [1, {"a": None}], [1, {"a": None}]),
    ({"type": "any", "schema": {"type": "array"}}, [1], [1]),
]  # fmt: skip
BAD: list[tuple[dict[str, Any], Any, str]] = [
    ({"type": "text"}, True, "should be a text, not yes or no"),
    ({"type": "text"}, ["a"], "should be a text, not a list"),
    ({"type": "number"}, "many", "should be a number, not the text “many”"),
    ({"type": "integer"}, 2.5, "should be a whole number"),
    ({"type": "integer"}, "inf", "should be a whole number"),
    ({"type": "boolean"}, "perhaps", "should be yes or no"),
    ({"type": "duration"}, 15, "“15” is not a duration"),
    ({"type": "size"}, "big", "“big” is not a size"),
    ({"type": "phone"}, 447700900077, "Put it in quotes"),
    ({"type": "email"}, "nobody", "not an e-mail address"),
    ({"type": "url"}, "javascript:alert(1)", "not an address"),
    ({"type": "date"}, "28/06/2026", "not a date such as"),
    ({"type": "time"}, "soon", "not a time such as"),
    ({"type": "file"}, "a.docx", "should be a file"),
    ({"type": "message"}, {}, "should be the message"),
    ({"type": "object"}, "a", "should hold names and values"),
    ({"type": "list", "items": {"type": "integer"}}, [1, "x"], "`it.1`"),
    ({"type": "choice", "choices": ["hex", "base64"]}, "base46", "Did you mean base64?"),
    ({"type": "any", "schema": {"type": "array"}}, 1, "1 is not of type 'array'"),
    ({"type": "object", "properties": {"a": {"type": "text"}}}, {"b": 1}, "Known: a."),
]


def fields(field: dict[str, Any]) -> dict[str, Field]:
    return build_fields({"it": field})


@pytest.mark.parametrize(("field", "given", "read"), GOOD, ids=str)
def test_a_value_becomes_its_type(field: dict[str, Any], given: Any, read: Any) -> None:
    got = prepare(fields(field), {"it": given})["it"]
    assert (got, type(got)) == (read, type(read))


@pytest.mark.parametrize(("field", "given", "said"), BAD, ids=str)
def test_a_wrong_value_is_said(field: dict[str, Any], given: Any, said: str) -> None:
    with pytest.raises(Failure) as raised:
        prepare(fields(field), {"it": given})
    assert raised.value.code == "invalid_input"
    assert said in str(raised.value)


FORM = build_fields(
    {
        "to": {"type": "phone", "required": True},
        "text": {"type": "text", "required": True},
        "timeout": {"type": "duration", "default": "15 minutes"},
        "note": {"type": "text"},
    }
)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(Failure) as raised:
        prepare(FORM, {"too": "x", "timeout": "soon"}, "step confirmation")
    said = str(raised.value)
    assert said.startswith("step confirmation: ")
    for part in ("`too` is not known here.", "“soon”", "`to` is missing.", "`text` is missing.", "Did you mean `to`?"):  # fmt: skip
        assert part in said
    assert len(raised.value.detail["mistakes"]) == 4


def test_defaults_apply_and_what_is_not_given_is_absent() -> None:
    assert prepare(FORM, {"to": "+44", "text": "", "note": None}) == {
        "to": "+44",
        "text": "",
        "timeout": 900_000,
    }


def test_numbers_become_e164_where_the_country_is_known() -> None:
    assert prepare(FORM, {"to": "07700 900077", "text": "x"}, country="GB")["to"] == "+447700900077"
    with pytest.raises(Failure, match="not a phone number"):
        prepare(FORM, {"to": "nobody", "text": "x"}, country="GB")


def test_before_anything_runs_templates_are_taken_to_fit() -> None:
    given = {"to": "{{ agreement.phone }}", "text": "Hi", "timeout": "{{ inputs.wait }}", "not": 1}
    assert [(one.path, one.code) for one in mistakes(FORM, given)] == [(("not",), "unknown_key")]
    assert [one.code for one in mistakes(FORM, {"to": 5})] == ["wrong_type", "missing_input"]


def test_secrets_are_found_in_lists_and_objects() -> None:
    made = build_fields(
        {
            "key": {"type": "secret"},
            "keys": {"type": "list", "items": {"type": "secret"}},
            "smtp": {"type": "object", "properties": {"password": {"type": "secret"}}},
            "name": {"type": "text"},
        }
    )
    given = {"key": "k1", "keys": ["k2", "k3"], "smtp": {"password": "k4"}, "name": "n"}
    assert secret_values(made, given) == {"k1", "k2", "k3", "k4"}
    assert secret_values(made, {"keys": "k5", "smtp": None}) == {"k5"}


def test_with_defaults_takes_an_empty_text_for_not_given() -> None:
    made = build_fields({"a": {"type": "text", "default": "x"}, "b": {"type": "text"}})
    assert with_defaults(made, {"a": "", "b": "y"}) == {"a": "x", "b": "y"}


@pytest.mark.parametrize(("field", "given", "_read"), GOOD, ids=str)
def test_the_json_schema_is_one(field: dict[str, Any], given: Any, _read: Any) -> None:
    for templates in (False, True):
        schema = json_schema(fields(field), templates=templates)
        Draft202012Validator.check_schema(schema)
        if isinstance(given, str | list | dict) and field["type"] not in ("number", "integer", "boolean", "list"):  # fmt: skip
            wanted = "POST" if field["type"] == "choice" else given
            if field["type"] != "object" or "additional" not in field:
                assert not list(Draft202012Validator(schema).iter_errors({"it": wanted}))
    with_templates = field_schema(fields(field)["it"], templates=True)
    assert (
        not list(Draft202012Validator(with_templates).iter_errors("{{ a }}")) or "schema" in field
    )


@given(st.sampled_from(FIELD_TYPES), st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()), lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3))))  # fmt: skip
def test_any_value_is_read_or_refused(kind: Any, value: Any) -> None:
    codes = []
    try:
        prepare({"it": Field(type=kind)}, {"it": value}, country="GB")
    except Failure as failed:
        codes.append(failed.code)
    assert codes in ([], ["invalid_input"])
