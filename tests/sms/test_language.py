"""In which language somebody texts; what cannot be told is unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.sms.language import LETTERS, UNKNOWN, language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿A qué hora abren?", "es"),
        ("Mañana", "es"),
        ("Grüße aus der Straße", "de"),
        ("Później", "pl"),
        ("yarın öğlen", "tr"),
        ("Amanhã não", "pt"),
        ("안녕하세요", "ko"),
        ("明日の予約", "ja"),
        ("你好", "zh"),
        ("Дякую, це її номер", "uk"),
        ("Καλημέρα", "el"),
        ("Abmelden!", "de"),
        ("AYUDA", "es"),
        ("Да, спасибо", UNKNOWN),
        ("नमस्ते", UNKNOWN),
        ("Yes please", UNKNOWN),
        ("ok", UNKNOWN),
        ("cancelar", UNKNOWN),
        ("café", UNKNOWN),
        ("¿straße?", UNKNOWN),
        ("", UNKNOWN),
        ("👍", UNKNOWN),
        ("µ € … ’", UNKNOWN),
    ],
)
def test_what_can_be_told(text: str, language: str) -> None:
    assert language_of(text) == language


def test_what_is_recorded_of_the_contact_counts() -> None:
    assert language_of("¿Qué?", {"language": "en-GB"}) == "en"
    assert language_of("Yes", {"language": "CY"}) == "cy"
    assert language_of("Mañana", {"language": ""}) == "es"


@given(st.text())
def test_wild_texts_have_a_language_of_two_letters_or_none(text: str) -> None:
    found = language_of(text)
    assert found == UNKNOWN or (len(found) == 2 and found.isascii())


def test_no_letter_is_two_languages() -> None:
    letters = "".join(LETTERS)
    assert len(letters) == len(set(letters))
