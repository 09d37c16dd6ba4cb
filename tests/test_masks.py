from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.masks import HIDDEN, Masks

SECRET = 'sk/live "ä" 77+8'


@pytest.mark.parametrize(
    "shape",
    [
        SECRET,
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_every_form_in_which_a_secret_travels_is_hidden(shape: str) -> None:
    assert Masks([SECRET]).text(f"before {shape} after") == f"before {HIDDEN} after"


@given(
    st.recursive(
        st.just(SECRET) | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.just("k") | st.just(SECRET), inner)
        ),
    )
)
def test_no_nesting_hides_a_secret_from_the_mask(value: object) -> None:
    assert SECRET not in json.dumps(Masks([SECRET]).value(value), ensure_ascii=False).replace(
        '\\"', '"'
    )


def test_the_longer_of_two_secrets_wins() -> None:
    assert Masks(["abcd", "abcdefgh"]).text("abcdefgh abcd") == f"{HIDDEN} {HIDDEN}"


def test_short_words_are_left_alone() -> None:
    assert Masks(["on"]).text("Come on") == "Come on"
