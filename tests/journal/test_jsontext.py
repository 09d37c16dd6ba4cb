"""Whatever comes in can be kept, and comes back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.journal import jsontext

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_there_and_back(value: object) -> None:
    text = jsontext.dump(value)
    assert jsontext.load(text) == value
    text.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'),
        ([float("nan"), {"x": float("-inf")}, (1.5,)], '["nan",{"x":"-inf"},[1.5]]'),
        ("half \ud83d pair", '"half \ufffd pair"'),
        ("whole \ud83d\ude00 pair", '"whole 😀 pair"'),
        ("\x00", '"\\u0000"'),
    ],
)
def test_how_it_is_written(value: object, text: str) -> None:
    assert jsontext.dump(value) == text
    json.loads(text)


def test_what_comes_from_outside_can_be_kept() -> None:
    assert jsontext.read('{"\\ud83d": ["\\udc00", "\\ud83d\\ude00", 1e999]}') == {
        "\ufffd": ["\ufffd", "😀", "inf"]
    }
    with pytest.raises(ValueError, match="Expecting"):
        jsontext.read("{")


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError):
        jsontext.dump({"when": object()})


def test_none_is_an_empty_column() -> None:
    assert jsontext.dump_or_none(None) is None
    assert jsontext.load_or_none(None) is None
    assert jsontext.load_or_none(jsontext.dump_or_none({})) == {}
