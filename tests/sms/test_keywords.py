"""Words that are listened for."""

from __future__ import annotations

from typing import Any

import pytest

from ringback.problems import Failure
from ringback.sms.keywords import heard

CASES: list[tuple[str, Any, str, str | None]] = [
    ("YES please", ["yes"], "starts", "yes"),
    ("yesterday", ["yes"], "starts", None),
    ("¡Sí!", ["si"], "starts", "si"),
    ("“OK”", "ok", "exact", "ok"),
    ("ok then", "ok", "exact", None),
    ("I want my  refund, now", ["my refund"], "contains", "my refund"),
    ("refunds", ["refund"], "contains", None),
    ("order AB-12?", ["[a-z]{2}-[0-9]+"], "pattern", "[a-z]{2}-[0-9]+"),
    ("nope", {"yes": ["y"], "no": ["n", "nope"]}, "starts", "no"),
    ("1", {"bad": "1", "good": ["2", "3"]}, "exact", "bad"),
    ("anything", None, "starts", None),
    ("", ["yes"], "starts", None),
    ("yes", ["", "yes"], "starts", "yes"),
    ("👍", {"yes": ["👍"]}, "starts", "yes"),
    ("STRASSE", ["straße"], "exact", "straße"),
]


@pytest.mark.parametrize(("text", "keywords", "match", "said"), CASES)
def test_heard(text: str, keywords: Any, match: str, said: str | None) -> None:
    assert heard(text, keywords, match) == said


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(Failure, match="regular expression"):
        heard("x", ["("], "pattern")
