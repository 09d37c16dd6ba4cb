"""Whether what somebody texted is one of the words that are listened for.

Capitals, accents, and the punctuation around a text do not matter: `sí!` is `SI`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ringback.problems import Failure

MATCHES = ("starts", "exact", "contains", "pattern")
"""How a keyword may stand in a text: at its beginning, alone, anywhere as a word, or as a regular expression."""
_MOST_CHARACTERS = 2000
"""Of a text that patterns are tried on: more than any SMS has."""


def heard(text: str, keywords: Any, match: str = "starts") -> str | None:
    """The keyword that a text says, as it was written; None when it says none of them.

    `keywords` is a word, a list of words, or a map of lists, of which the name of the first that fits is
    given: `{yes: [Y, YES, OK], no: [N, NO]}`. Raises `Failure("invalid_input")` for a pattern that is none.
    """
    said = plain(text)
    for name, words in sets(keywords):
        for word in words:
            if match == "pattern":
                if pattern(word).search(text.strip()[:_MOST_CHARACTERS]):
                    return name
            elif _fits(said, plain(word), match):
                return name
    return None


def said_to(listens: Mapping[str, Any], text: str) -> str | None:
    """As `heard`, by the `keywords` and `match` of who listens; None where it has no keywords."""
    asked = listens.get("keywords")
    return heard(text, asked, str(listens.get("match") or "starts")) if asked else None


def sets(keywords: Any) -> list[tuple[str, list[str]]]:
    """Keywords as pairs of a name and its words; a word in a list is its own name."""
    if keywords is None:
        return []
    if isinstance(keywords, Mapping):
        return [(str(name), _words(words)) for name, words in keywords.items()]
    return [(word, [word]) for word in _words(keywords)]


def plain(text: str) -> str:
    """A text as keywords are compared: without capitals, accents, and punctuation around it."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(one for one in parts if not unicodedata.combining(one))
    return " ".join(letters.split()).strip(" \t.,;:!?¡¿'\"“”‘’()[]")


@lru_cache(maxsize=512)
def pattern(written: str) -> re.Pattern[str]:
    """A pattern, in which capitals do not matter. Raises `Failure("invalid_input")`."""
    try:
        return re.compile(written, re.IGNORECASE)
    except re.error as error:
        raise Failure(
            "invalid_input",
            f"“{written}” is not a regular expression: {error}.",
            "For example: ^[0-9]{6}$ is six digits and nothing else.",
        ) from None


def _words(value: Any) -> list[str]:
    several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [str(one) for one in several if one is not None]


def _fits(said: str, word: str, match: str) -> bool:
    if not word:
        return False
    if match == "exact":
        return said == word
    if match == "contains":
        return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said) is not None
    return said == word or (said.startswith(word) and not said[len(word)].isalnum())
