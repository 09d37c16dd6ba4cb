"""Values as people write them, and what a workflow gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.document.builders import p, word
from tests.connectors.document.modules import extract, module

from ringback.problems import Failure

READ: list[tuple[str, str, str, Any]] = [
    # type, country, as written, value
    ("phone", "GB", "07700 900077", "+447700900077"),
    ("phone", "GB", "(0117) 496 0200", "+441174960200"),
    ("phone", "GB", "+44 (0)7700 900077", "+447700900077"),
    ("phone", "GB", "0044 7700-900-077", "+447700900077"),
    ("phone", "GB", "07700 900077 (mobile)", "+447700900077"),
    ("phone", "GB", "tel. 07700.900.077", "+447700900077"),
    ("phone", "GB", "٠٧٧٠٠ ٩٠٠٠٧٧", "+447700900077"),
    ("phone", "GB", "０７７００ ９０００７７", "+447700900077"),
    ("phone", "US", "(555) 010-0123", "+15550100123"),
    ("phone", "US", "1-212-555-0123", "+12125550123"),
    ("phone", "IE", "020 912 3456", "+353209123456"),
    ("phone", "KE", "0712 345678", "+254712345678"),
    ("email", "GB", "mailto: Jo.Park@Example.ORG", "Jo.Park@example.org"),
    ("email", "GB", "<jo@example.org>.", "jo@example.org"),
    ("date", "GB", "07/09/2026", "2026-09-07"),
    ("date", "US", "07/09/2026", "2026-07-09"),
    ("date", "US", "25/12/2026", "2026-12-25"),
    ("date", "DE", "7.9.2026", "2026-09-07"),
    ("date", "GB", "7-9-26", "2026-09-07"),
    ("date", "GB", "14/3/98", "1998-03-14"),
    ("date", "GB", "2026-09-07", "2026-09-07"),
    ("date", "GB", "2026/9/7", "2026-09-07"),
    ("date", "GB", "20260907", "2026-09-07"),
    ("date", "GB", "Monday, 7 September 2026", "2026-09-07"),
    ("date", "GB", "7th Sept. 2026", "2026-09-07"),
    ("date", "GB", "7th of September, 2026", "2026-09-07"),
    ("date", "US", "September 7, 2026", "2026-09-07"),
    ("date", "GB", "7-Sep-26", "2026-09-07"),
    ("date", "FR", "7 août 2026", "2026-08-07"),
    ("date", "DE", "7. März 2026", "2026-03-07"),
    ("date", "ES", "7 de septiembre de 2026", "2026-09-07"),
    ("date", "JP", "2026年9月7日", "2026-09-07"),
    ("date", "GB", "０７/０９/２０２６", "2026-09-07"),
    ("number", "GB", "1,250", 1250),
    ("number", "GB", "1,250.50", 1250.5),
    ("number", "GB", "1.5", 1.5),
    ("number", "GB", "24 lessons", 24),
    ("number", "GB", "-3", -3),
    ("number", "DE", "1.250", 1250),
    ("number", "DE", "1.250,50", 1250.5),
    ("number", "DE", "12,5", 12.5),
    ("number", "FR", "1\u00a0250,50", 1250.5),
    ("number", "CH", "1'250.50", 1250.5),
    ("number", "GB", "15 %", 15),
    ("money", "GB", "£1,200.50", {"amount": 1200.5, "currency": "GBP"}),
    ("money", "GB", "480", {"amount": 480, "currency": "GBP"}),
    ("money", "GB", "USD 480.00", {"amount": 480, "currency": "USD"}),
    ("money", "US", "$480", {"amount": 480, "currency": "USD"}),
    ("money", "AU", "$480", {"amount": 480, "currency": "AUD"}),
    ("money", "DE", "1.200,50 €", {"amount": 1200.5, "currency": "EUR"}),
    ("money", "SE", "480 kr", {"amount": 480, "currency": "SEK"}),
    ("checkbox", "GB", "Yes, I do", True),
    ("checkbox", "GB", "no", False),
    ("checkbox", "GB", "✓", True),
    ("checkbox", "GB", "x", True),
    ("checkbox", "GB", "☐", False),
    ("list", "GB", "Maths, English , Art", ["Maths", "English", "Art"]),
    ("list", "GB", "Maths; English, advanced", ["Maths", "English, advanced"]),
    ("text", "GB", "  Jo \u00a0 Park ", "Jo Park"),
]

WRONG: list[tuple[str, str, str]] = [
    ("phone", "none", "is not a phone number"),
    ("phone", "07700", "is not a whole phone number"),
    ("phone", "123", "is too short for a phone number"),
    ("phone", "07700 900077 900077 900077", "is too long for a phone number"),
    ("email", "jo at example", "is not an email address"),
    ("date", "next week", "is not a date"),
    ("date", "7 September", "is not a date with a year"),
    ("date", "31/02/2026", "is not a day of the calendar"),
    ("number", "several", "holds no number"),
    ("number", "3 or 4", "holds more than one number"),
    ("money", "free", "holds no number"),
    ("checkbox", "perhaps", "is neither a tick nor yes or no"),
    ("checkbox", "Yes / No", "says both yes and no"),
    ("checkbox", "☒ Yes ☒ No", "has more than one box ticked"),
    ("choice", "☐ A ☐ B", "has no box ticked"),
]


@pytest.mark.parametrize(("kind", "country", "written", "value"), READ)
def test_read(kind: str, country: str, written: str, value: Any, tmp_path: Path) -> None:
    document = word(p(f"Field: {written}"))
    result = extract(
        tmp_path, document, {"field": {"type": kind}}, country=country, locale=f"en-{country}"
    )
    assert result["field"] == value
    assert result["problems"] == []


@pytest.mark.parametrize(("kind", "written", "reason"), WRONG)
def test_wrong(kind: str, written: str, reason: str, tmp_path: Path) -> None:
    document = word(p(f"Field: {written}"))
    fields = {"field": {"type": kind, "required": True}}
    with pytest.raises(Failure) as raised:
        extract(tmp_path, document, fields)
    assert raised.value.code == "field_missing"
    assert raised.value.message == (
        f"Field (`field`) is “{written}” (paragraph 1), which {reason}."
    )


def test_choice_keeps_the_declared_spelling(tmp_path: Path) -> None:
    fields = {"level": {"choices": ["Beginner", "Advanced"]}}
    assert extract(tmp_path, word(p("Level: ADVANCED ")), fields)["level"] == "Advanced"


def test_choice_names_the_choices(tmp_path: Path) -> None:
    fields = {"level": {"choices": ["Beginner", "Advanced"]}}
    result = extract(tmp_path, word(p("Level: Advancd")), fields)
    assert result["level"] is None
    assert result["problems"][0]["message"] == (
        "Level (`level`) is “Advancd” (paragraph 1), which is not one of Beginner, Advanced; "
        "perhaps Advanced is meant."
    )


def test_an_ambiguous_date_has_a_note(tmp_path: Path) -> None:
    result = extract(tmp_path, word(p("Starts: 03/04/2026")), {"starts": {"type": "date"}})
    assert result["starts"] == "2026-04-03"
    assert "2026-03-04" in result["found"]["starts"]["note"]


def test_a_number_for_films_is_taken_with_a_note(tmp_path: Path) -> None:
    result = extract(tmp_path, word(p("Phone: 07700 900077")), {"phone": {"type": "phone"}})
    assert result["phone"] == "+447700900077"
    assert "no range known to be in use" in result["found"]["phone"]["note"]


def test_pattern_takes_the_part_that_matches(tmp_path: Path) -> None:
    document = word(p("Reference: our AB123456 (see letter)"))
    fields = {
        "ref": {"label": "Reference", "pattern": r"[A-Z]{2}\d{6}"},
        "digits": {"label": "Reference", "pattern": r"[A-Z]{2}(\d{6})", "type": "number"},
    }
    result = extract(tmp_path, document, fields)
    assert (result["ref"], result["digits"]) == ("AB123456", 123456)


def test_a_pattern_that_does_not_match_is_missing(tmp_path: Path) -> None:
    fields = {"ref": {"label": "Reference", "pattern": r"\d{6}", "required": True}}
    with pytest.raises(Failure, match=r"which does not match \\d\{6\}"):
        extract(tmp_path, word(p("Reference: none")), fields)


def test_a_pattern_that_explodes_is_stopped(tmp_path: Path) -> None:
    fields = {"ref": {"label": "Reference", "pattern": r"(.*a){22}$"}}
    with pytest.raises(Failure, match="took more than half a second") as raised:
        extract(tmp_path, word(p("Reference: " + "a" * 60 + "!" + "a" * 300 + "!")), fields)
    assert raised.value.code == "invalid_input"


@given(st.text(max_size=60), st.sampled_from(["phone", "date", "number", "money", "email", "list"]))
def test_no_text_breaks_a_type(text: str, kind: str) -> None:
    fieldtypes, fields = module("fieldtypes"), module("fields")
    setting = module("setting").setting({"country": "GB", "locale": "en-GB"}, 2026)
    (declared,) = fields.declare({"x": {"type": kind}})
    told = "read"
    try:
        fieldtypes.convert(fieldtypes.Written(text), declared, setting)
    except ValueError as error:
        told = str(error)
    assert told
