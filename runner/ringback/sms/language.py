"""In which language somebody texts, as far as that can be told.

A text of a few words is too short for guesses by frequency, so nothing is guessed: what is recorded of the contact
counts, then a word of STOP and its kin that only one language has, then letters and scripts that only one language is
texted in. All else is `unknown`, which is a value too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from ringback.sms import keywords, optout

UNKNOWN = "unknown"
ATTRIBUTE = "language"
"""The attribute of a contact that says its language, as `es` or `es-MX`."""

SCRIPTS: Mapping[str, str] = {
    "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "THAI": "th", "HEBREW": "he", "GREEK": "el",
    "ARMENIAN": "hy", "GEORGIAN": "ka", "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn",
    "MALAYALAM": "ml", "GUJARATI": "gu", "GURMUKHI": "pa", "SINHALA": "si", "KHMER": "km", "LAO": "lo",
    "MYANMAR": "my",
}  # fmt: skip
"""Scripts, as Unicode names them, that texts of one language are written in nearly always."""

LETTERS: Mapping[str, str] = {
    "¿¡ñ": "es", "ß": "de", "łńśźż": "pl", "őű": "hu", "ğı": "tr", "řůě": "cs", "țș": "ro", "ãõ": "pt", "ơư": "vi",
    "їєґ": "uk", "ў": "be", "پچژگ": "fa", "ٹڈڑے": "ur",
}  # fmt: skip
"""Letters that, of the languages texted in that script, one uses nearly alone."""

_BY_LETTER = {letter: language for letters, language in LETTERS.items() for letter in letters}
_BY_WORD: dict[str, set[str]] = {}
for _languages in optout.WORDS.values():
    for _language, _words in _languages.items():
        for _word in _words:
            _BY_WORD.setdefault(keywords.plain(_word), set()).add(_language)


def language_of(text: str, attributes: Mapping[str, Any] | None = None) -> str:
    """The language of a text (ISO 639-1, `es`) from somebody of whom these `attributes` are known, else `unknown`."""
    recorded = str((attributes or {}).get(ATTRIBUTE) or "").replace("_", "-").partition("-")[0]
    if recorded:
        return recorded.strip().lower()
    words = _BY_WORD.get(keywords.plain(text), set())
    if len(words) == 1:
        return next(iter(words))
    told = {found for letter in text.lower() if (found := _of_letter(letter))}
    if told == {"ja", "zh"}:  # Japanese is written with both
        return "ja"
    return told.pop() if len(told) == 1 else UNKNOWN


def _of_letter(letter: str) -> str:
    if letter.isascii():
        return ""
    script = unicodedata.name(letter, "").partition(" ")[0]
    if script == "CJK":
        return "zh" if letter.isalpha() else ""
    return _BY_LETTER.get(letter) or (SCRIPTS.get(script, "") if letter.isalpha() else "")
