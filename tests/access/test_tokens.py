"""Tokens: random, recognised by their form, refused when a letter is wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.access import tokens


@pytest.mark.parametrize("prefix", [tokens.PROGRAM, tokens.SESSION])
def test_a_token_has_its_form(prefix: str) -> None:
    made = [tokens.make(prefix) for _ in range(200)]
    assert len(set(made)) == 200
    for one in made:
        assert one.startswith(prefix)
        assert tokens.is_whole(one)
        assert re.search(rf"\b{tokens.PATTERN}\b", f"key = '{one}';")
    assert len({tokens.hash_of(one) for one in made}) == 200


@given(st.integers(4, 51), st.sampled_from("0aZ_ é"))
def test_a_wrong_letter_shows(at: int, letter: str) -> None:
    token = tokens.make(tokens.PROGRAM)
    wrong = token[:at] + letter + token[at + 1 :]
    assert tokens.is_whole(wrong) == (wrong == token)


@given(st.text())
def test_any_text_is_looked_at_calmly(text: str) -> None:
    assert not tokens.is_whole(text)


def test_a_hint_tells_little() -> None:
    token = tokens.make(tokens.PROGRAM)
    assert token.startswith(tokens.hint_of(token)[:-1])
    assert len(tokens.hint_of(token)) == 10
