"""Templates filled in: what the document that comes out says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.connectors.document.builders import cell, drawing_box, p, row, run, sdt, table, word
from tests.connectors.document.modules import Given, module

from ringback.problems import Failure

VALUES: dict[str, Any] = {
    "name": "Amina Yusuf",
    "starts": "2026-09-07",
    "fee": {"amount": 1480, "currency": "GBP"},
    "paid": False,
    "tags": ["new", "adult"],
    "student": {"town": "Bristol", "items": "two"},
    "courses": [{"title": "Maths", "fee": 480}, {"title": "Art", "fee": 265.5}],
    "rooms": [],
    "empty": None,
    "lines": "1 High St\nBath",
    "sly": "{{ name }} & <b>\x07",
}


def filled(folder: Path, template: bytes, values: dict[str, Any] | None = None) -> bytes:
    (folder / "template").write_bytes(template)
    given = Given(folder)
    inputs = {"template": {"name": "template"}, "values": VALUES if values is None else values}
    file = module("fill").fill(inputs, given)["file"]
    assert file["name"] == "document.docx"
    return given.saved["document.docx"]


def said(folder: Path, content: bytes) -> str:
    (folder / "made").write_bytes(content)
    text: str = module("text").text({"file": {"name": "made"}}, Given(folder))["text"]
    return text


CASES: list[tuple[str, bytes, str]] = [
    ("plain", word(p("Dear {{ name }},")), "Dear Amina Yusuf,"),
    ("no spaces", word(p("Dear {{name}},")), "Dear Amina Yusuf,"),
    ("split over runs", word(p("Dear {", "{ na", "me }", "}, hello")), "Dear Amina Yusuf, hello"),
    ("two in one run", word(p("{{ name }}/{{ name }}")), "Amina Yusuf/Amina Yusuf"),
    ("split, two", word(p("{{ na", "me }}/{{ st", "arts }}.")), "Amina Yusuf/2026-09-07."),
    ("cell", word(table(["Name", "{{ name }}"])), "Name\nAmina Yusuf"),
    ("nested table", word(table([cell(table(["{{ name }}"]))])), "Amina Yusuf"),
    ("header", word(p("x"), header=p("{{ name }}")), "Amina Yusuf\nx"),
    ("footer", word(p("x"), footer=p("{{ name }}")), "x\nAmina Yusuf"),
    ("text box", word(p("x", drawing_box(p("{{ name }}")))), "x\nAmina Yusuf"),
    ("hyperlink", word(p("<w:hyperlink>" + run("{{ name }}") + "</w:hyperlink>")), "Amina Yusuf"),
    ("content control", word(p(sdt(run("{{ name }}"), "<w:showingPlcHdr/>"))), "Amina Yusuf"),
    ("part", word(p("{{ student.town }}")), "Bristol"),
    ("part named like a method", word(p("{{ student.items }}")), "two"),
    ("date", word(p("{{ starts | date('%d/%m/%Y') }}")), "07/09/2026"),
    ("typographic quotes", word(p("{{ starts | date(“%d/%m/%Y”) }}")), "07/09/2026"),
    ("money", word(p("{{ fee | money }} {{ fee }}")), "1,480.00 GBP 1,480.00 GBP"),
    ("tick", word(p("{{ paid }} Paid")), "☐ Paid"),
    ("list of words", word(p("{{ tags }}")), "new, adult"),
    ("condition", word(p("{{ 'paid' if paid else 'due' }}")), "due"),
    ("default", word(p("{{ nickname | default('friend') }}")), "friend"),
    ("none", word(p("x{{ empty }}x")), "xx"),
    ("lines", word(p("{{ lines }}!")), "1 High St\nBath!"),
    ("a value is no template", word(p("{{ sly }}")), "{{ name }} & <b>"),
    ("count", word(p("{{ courses | length }}")), "2"),
    (
        "rows",
        word(table(["Course", "Fee"], ["{{ courses.title }}", "{{ courses.fee | money }}"])),
        "Course\nFee\nMaths\n480.00\nArt\n265.50",
    ),
    (
        "rows with a count and a value from outside",
        word(table(["{{ courses.number }}. {{ courses.title }} for {{ name }}"])),
        "1. Maths for Amina Yusuf\n2. Art for Amina Yusuf",
    ),
    ("split in a row", word(table(row(cell(p("{{ courses", ".title }}"))))), "Maths\nArt"),
    ("no rows", word(table(["Course"], ["{{ rooms.title }}"])), "Course"),
    ("no rows, no table", word(table(["{{ rooms.title }}"]), p("x")), "x"),
    ("nothing to fill", word(p("Dear {name}")), "Dear {name}"),
]


@pytest.mark.parametrize(
    ("template", "text"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_fill(template: bytes, text: str, tmp_path: Path) -> None:
    assert said(tmp_path, filled(tmp_path, template)) == text


def test_formatting_stays(tmp_path: Path) -> None:
    content = filled(
        tmp_path, word(p(run("Dear "), run("{{ na", "<w:b/>"), run("me }}"), run("!")))
    )
    (tmp_path / "made").write_bytes(content)
    package = module("package")
    with package.open_package(tmp_path / "made") as opened:
        xml = opened.read("word/document.xml").decode()
    assert '<w:rPr><w:b/></w:rPr><w:t xml:space="preserve">Amina Yusuf</w:t>' in xml


def test_equal_values_make_equal_bytes(tmp_path: Path) -> None:
    template = word(p("{{ name }}"))
    assert filled(tmp_path, template) == filled(tmp_path, template)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    template = word(
        p("{{ nam }}"),
        p("{{ student.twon }}"),
        p("{{ name | uper }}"),
        p("{{ name + }}"),
        p("{{ courses.title }}"),
        p("{{ name.upper() }}"),
        p("{{ 'a' * 999999999 }}"),
        p("{{ never closed"),
        table(["{{ courses.title }}{{ rooms.title }}"]),
    )
    with pytest.raises(Failure) as raised:
        filled(tmp_path, template)
    assert raised.value.code == "template"
    told = raised.value.detail["mistakes"]
    assert told == [
        "one table row names several lists: courses, rooms",
        "{{ nam }}: `values` has no nam; did you mean name?",
        "{{ student.twon }}: there is no twon in it; did you mean town?",
        "{{ name | uper }}: there is no filter uper; did you mean upper?",
        "{{ name + }}: unexpected 'end of print statement'",
        "{{ courses.title }}: it is a list: put it in a table row, which is then repeated",
        "{{ name.upper() }}: call is not allowed in a document",
        "{{ 'a' * 999999999 }}: mul is not allowed in a document",
        "“{{ never closed” opens {{ without closing it",
        "{{ rooms.title }}: it is a list: put it in a table row, which is then repeated",
    ]


@pytest.mark.parametrize(
    ("name", "saved"),
    [("Letter", "Letter.docx"), ("a/b\\c.docx", "a-b-c.docx"), ("", "document.docx")],
)
def test_names(name: str, saved: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(word(p("x")))
    inputs = {"template": {"name": "t"}, "values": {}, "name": name}
    assert module("fill").fill(inputs, Given(tmp_path))["file"]["name"] == saved


def test_what_is_filled_can_be_read(tmp_path: Path) -> None:
    """A document made here goes through the reader like any other."""
    content = filled(tmp_path, word(table(["Student name", "{{ name }}"])))
    (tmp_path / "made").write_bytes(content)
    survey = module("survey").survey_file(tmp_path / "made")
    assert survey["values"] == {"Student name": "Amina Yusuf"}
