"""Everything that a document says, with nothing asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.connectors.document.builders import p, row, run, sdt, table, word
from tests.connectors.document.modules import SAMPLES, Given, module

CASES: list[tuple[str, bytes, dict[str, Any]]] = [
    (
        "lines",
        word(p("Name: Jo Park"), p("Town ____Bath____")),
        {"Name": "Jo Park", "Town": "Bath"},
    ),
    ("a blank", word(p("Name: ______")), {"Name": ""}),
    ("prose has none", word(p("We met at 10:30 and read http://example.org together.")), {}),
    ("two columns", word(table(["Name", "Jo"], ["Town", "Bath"])), {"Name": "Jo", "Town": "Bath"}),
    (
        "four columns",
        word(table(["Name:", "Jo", "Town:", "Bath"], ["Age:", "31", "Job:", "Cook"])),
        {"Name": "Jo", "Town": "Bath", "Age": "31", "Job": "Cook"},
    ),
    (
        "a grid",
        word(table(row("Course", "Fee", properties="<w:tblHeader/>"), ["Maths", "480"])),
        {"table 1": [{"Course": "Maths", "Fee": "480"}]},
    ),
    (
        "a grid by its look",
        word(table(["Course", "Starts", "Fee"], ["Maths", "7/9/2026", "480"])),
        {"table 1": [{"Course": "Maths", "Starts": "7/9/2026", "Fee": "480"}]},
    ),
    ("ticks", word(p("☒ I agree"), p("☐ Send news")), {"I agree": True, "Send news": False}),
    ("a control", word(p(sdt(run("Jo"), '<w:alias w:val="Student"/>'))), {"Student": "Jo"}),
    ("twice", word(p("Name: Jo"), p("Name: Ann")), {"Name": "Jo", "Name (2)": "Ann"}),
    ("twice the same", word(p("Name: Jo"), p("Name: Jo")), {"Name": "Jo"}),
    ("text", b"Name: Jo\nTown: Bath\n", {"Name": "Jo", "Town": "Bath"}),
]


@pytest.mark.parametrize(
    ("content", "values"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_survey(content: bytes, values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "document").write_bytes(content)
    result = module("survey").survey({"file": {"name": "document"}}, Given(tmp_path))
    assert result["values"] == values
    assert set(result["found"]) == set(values)
    assert result["problems"] == []


def test_the_sample() -> None:
    result = module("survey").survey_file(SAMPLES / "enrolment.docx")
    assert result["values"]["Student name"] == "Amina Yusuf"
    assert result["values"]["I agree to receive text messages about my classes"] is True
    assert [line["Course"] for line in result["values"]["table 2"]] == [
        "English for work",
        "Exam preparation",
        "Total",
    ]
    assert result["found"]["Phone"]["where"] == "table 1, row 3"


def test_text(tmp_path: Path) -> None:
    document = word(p("Dear Jo,"), table(["a", "b"]), header=p("School"), footer=p("page 1"))
    (tmp_path / "document").write_bytes(document)
    result = module("text").text({"file": {"name": "document"}}, Given(tmp_path))
    assert result == {"text": "School\nDear Jo,\na\nb\npage 1", "words": 7, "pages": None}
