"""What a step gets: values, where they were found, and what is said when they are not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.connectors.document.builders import cell, p, pdf, row, table, word
from tests.connectors.document.modules import SAMPLES, Given, extract, module

from ringback.problems import Failure

REQUIRED = {"required": True}
COURSES = {
    "courses": {
        "table": {
            "name": ["Course", "Subject"],
            "starts": {"label": "Starts", "type": "date"},
            "fee": {"label": "Fee", "type": "money", "optional": True},
        }
    }
}


def failure(folder: Path, content: bytes, fields: Any) -> Failure:
    with pytest.raises(Failure) as raised:
        extract(folder, content, fields)
    return raised.value


def test_the_sample(tmp_path: Path) -> None:
    content = (SAMPLES / "enrolment.docx").read_bytes()
    fields = {
        "name": {"label": ["Student name", "Full name"], "required": True},
        "phone": {"label": ["Phone", "Mobile"], "type": "phone", "required": True},
        "email": "Email",
        "born": {"label": "Date of birth", "type": "date"},
        "texts": {
            "label": "I agree to receive text messages about my classes",
            "type": "checkbox",
        },
        "heard": {"label": "How did you hear of us", "choices": ["Online", "A friend", "Other"]},
        "signed": {"label": "Signed on", "type": "date"},
        "contact": "Emergency contact",
        **COURSES,
    }
    result = extract(tmp_path, content, fields)
    assert {name: result[name] for name in fields} == {
        "name": "Amina Yusuf",
        "phone": "+447700900077",
        "email": "amina.yusuf@example.org",
        "born": "1998-03-14",
        "texts": True,
        "heard": "A friend",
        "signed": "2026-06-22",
        "contact": "Hassan Yusuf (brother)",
        "courses": [
            {
                "name": "English for work",
                "starts": "2026-09-07",
                "fee": {"amount": 480, "currency": "GBP"},
            },
            {
                "name": "Exam preparation",
                "starts": "2026-09-14",
                "fee": {"amount": 265.5, "currency": "GBP"},
            },
        ],
    }
    assert result["problems"] == []
    assert result["found"]["name"] == {
        "value": "Amina Yusuf",
        "how": "cell to the right",
        "where": "table 1, row 1",
        "label": "Student name",
        "score": 0.9,
    }


def test_the_sample_is_what_its_script_makes(tmp_path: Path) -> None:
    scope: dict[str, Any] = {"__name__": "samples", "__file__": str(SAMPLES / "make_samples.py")}
    source = (SAMPLES / "make_samples.py").read_text("utf-8")
    exec(compile(source, "make_samples.py", "exec"), scope)
    assert scope["enrolment"]() == scope["enrolment"]()
    said = module("text").text
    made = tmp_path / "made"
    made.write_bytes(scope["enrolment"]())
    (tmp_path / "kept").write_bytes((SAMPLES / "enrolment.docx").read_bytes())
    # the bytes depend on the zlib at hand; the text does not
    assert said({"file": {"name": "made"}}, Given(tmp_path)) == said(
        {"file": {"name": "kept"}}, Given(tmp_path)
    )


def test_a_missing_field_names_the_labels_there_are_nearest_first(tmp_path: Path) -> None:
    document = word(p("Town: Bath"), p("Pupil name: Jo Park"), table(["Telephone", "07700 900123"]))
    raised = failure(
        tmp_path, document, {"name": {"label": ["Student name", "Full name"], **REQUIRED}}
    )
    assert raised.code == "field_missing"
    assert raised.message == (
        "The document has no Student name or Full name (`name`). "
        "It has these labels: Pupil name, Telephone, Town."
    )
    assert "`label`" in raised.next
    assert raised.detail["fields"] == {"name": ["Student name", "Full name"]}


def test_several_missing_fields_are_one_failure(tmp_path: Path) -> None:
    document = word(p("Town: Bath"), p("Email: ____"), p("Age: old"))
    fields = {
        "name": {"label": "Name", **REQUIRED},
        "email": {"label": "Email", **REQUIRED},
        "age": {"label": "Age", "type": "number", **REQUIRED},
        "fax": "Fax",
    }
    assert failure(tmp_path, document, fields).message == (
        "3 fields are missing. The document has no Name (`name`). "
        "Email (`email`) is there (paragraph 2), but nothing is filled in. "
        "Age (`age`) is “old” (paragraph 3), which holds no number. "
        "It has these labels: Age, Town, Email."
    )


def test_a_document_without_labels_says_so(tmp_path: Path) -> None:
    raised = failure(tmp_path, word(p("Dear all")), {"name": REQUIRED})
    assert raised.message == (
        "The document has no name (`name`). It has no labels that can be read at all."
    )


def test_continue_gives_none_and_problems(tmp_path: Path) -> None:
    fields = {"name": REQUIRED, "level": {"default": "Beginner", **REQUIRED}, "town": "Town"}
    result = extract(tmp_path, word(p("Town: Bath")), fields, when_missing="continue")
    assert (result["name"], result["level"], result["town"]) == (None, "Beginner", "Bath")
    assert [(one["code"], one["field"]) for one in result["problems"]] == [("missing", "name")]


def test_two_different_values_are_a_problem_not_a_choice(tmp_path: Path) -> None:
    document = word(p("Phone: 07700 900123"), table(["Phone", "07700 900456"]))
    raised = failure(tmp_path, document, {"phone": {"type": "phone", **REQUIRED}})
    assert raised.message == (
        "Phone (`phone`) is there twice: “07700 900456” (table 1, row 1) and "
        "“07700 900123” (paragraph 1)."
    )
    result = extract(tmp_path, document, {"phone": {"type": "phone"}})
    assert result["phone"] is None
    assert result["problems"][0]["code"] == "ambiguous"


@pytest.mark.parametrize(
    "document",
    [
        word(p("Phone: 07700 900123"), table(["Phone", "+44 7700 900123"])),
        word(p("Phone: ________"), table(["Phone", "07700 900123"])),
        word(p("Phone: see below"), table(["Phone", "07700 900123"])),
    ],
    ids=["the same twice", "one is blank", "one is no phone"],
)
def test_no_problem_where_one_value_stands_out(document: bytes, tmp_path: Path) -> None:
    result = extract(tmp_path, document, {"phone": {"type": "phone", **REQUIRED}})
    assert result["phone"] == "+447700900123"
    assert result["problems"] == []


HEAD = row("Course", "Starts", "Fee (£)", properties="<w:tblHeader/>")


def test_table_rows(tmp_path: Path) -> None:
    document = word(
        table(["Name", "Jo Park"]),
        table(HEAD, ["Maths", "7/9/2026", "480"], ["", "", ""], ["Art", "8/9/2026", ""]),
        table(HEAD, ["Music", "9/9/2026", "100"], ["Total", "", "580"]),
    )
    result = extract(tmp_path, document, COURSES)
    assert result["courses"] == [
        {"name": "Maths", "starts": "2026-09-07", "fee": {"amount": 480, "currency": "GBP"}},
        {"name": "Art", "starts": "2026-09-08", "fee": None},
        {"name": "Music", "starts": "2026-09-09", "fee": {"amount": 100, "currency": "GBP"}},
    ]
    assert result["problems"] == []
    assert result["found"]["courses"]["where"] == "table 2"


def test_table_rows_merged_downwards(tmp_path: Path) -> None:
    merged = '<w:vMerge w:val="{0}"/>'
    document = word(
        table(
            ["Subject", "Starts"],
            row(cell("Maths", merged.format("restart")), "7/9/2026"),
            row(cell("", "<w:vMerge/>"), "8/9/2026"),
        )
    )
    result = extract(tmp_path, document, COURSES)
    assert [(one["name"], one["starts"]) for one in result["courses"]] == [
        ("Maths", "2026-09-07"),
        ("Maths", "2026-09-08"),
    ]


def test_a_row_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    document = word(table(["Course", "Starts"], ["Maths", "soon"], ["Art", "8/9/2026"]))
    result = extract(tmp_path, document, COURSES)
    assert len(result["courses"]) == 1
    assert result["problems"][0]["message"] == (
        "Starts in table 1, row 2 is “soon”, which is not a date, so the row is left out."
    )


def test_a_missing_table(tmp_path: Path) -> None:
    fields = {"courses": {**COURSES["courses"], **REQUIRED}}
    raised = failure(tmp_path, word(p("Name: Jo")), fields)
    assert raised.message.startswith(
        "The document has no table with the columns Course, Starts (`courses`)."
    )


MISTAKES: list[tuple[Any, str]] = [
    ({}, "`fields` names no field."),
    ({"a": {"lable": "A"}}, "`fields.a` has no `lable`. Did you mean `label`?"),
    ({"a": {"type": "phon"}}, "`fields.a.type` is `phon`, which is no type. Did you mean `phone`?"),
    ({"a": 5}, "`fields.a` is neither a label, a list of labels nor a declaration."),
    ({"a": {"pattern": "("}}, "`fields.a.pattern` is not a regular expression: "),
    ({"a": {"choices": "B"}}, "`fields.a.choices` is not a list."),
    ({"a": {"label": {}}}, "`fields.a.label` is neither a text nor a list of texts."),
    ({"a": {"type": "table"}}, "`fields.a` is a table without `table:`, which names its columns."),
    ({"a": {"table": []}}, "`fields.a.table` is not a set of columns, each a name and its label."),
    ({"found": "Found"}, "`found` is taken by the step's own output."),
    ({"a": {"x": 1}, "b": {"y": 1}}, "`fields.b` has no `y`."),
]


@pytest.mark.parametrize(("fields", "sentence"), MISTAKES)
def test_wrong_declarations(fields: Any, sentence: str, tmp_path: Path) -> None:
    raised = failure(tmp_path, word(p("A: 1")), fields)
    assert raised.code == "invalid_input"
    assert sentence in raised.message


FORM = pdf(
    (50, 780, "Enrolment"),
    (50, 740, "Student name: Amina Yusuf"),
    (50, 720, "Phone"),
    (200, 720, "07700 900077"),
    (50, 700, "Email:"),
    (50, 680, "I agree"),
    fields="\n".join(
        [
            "<< /Type /Annot /Subtype /Widget /FT /Tx /T (Text1) /V (amina@example.org) /Rect [120 695 300 712] >>",
            "<< /Type /Annot /Subtype /Widget /FT /Btn /T (Check1) /V /Yes /AS /Yes /Rect [120 676 132 688] >>",
            "<< /Type /Annot /Subtype /Widget /FT /Tx /T (ref_no) /TU (Reference) /V (AB12) /Rect [400 500 500 515] >>",
        ]
    ),
    annotations="6 0 R 7 0 R 8 0 R",
)


def test_pdf(tmp_path: Path) -> None:
    fields = {
        "name": "Student name",
        "phone": {"label": "Phone", "type": "phone"},
        "email": {"label": "Email", "type": "email"},
        "agree": {"label": "I agree", "type": "checkbox"},
        "ref": "Reference",
        "ref_no": {"label": "something else"},
    }
    result = extract(tmp_path, FORM, fields)
    assert {name: result[name] for name in fields} == {
        "name": "Amina Yusuf",
        "phone": "+447700900077",
        "email": "amina@example.org",
        "agree": True,
        "ref": "AB12",
        "ref_no": "AB12",
    }
    assert result["found"]["name"]["where"] == "page 1, line 2"


def test_a_ruled_table_of_a_pdf(tmp_path: Path) -> None:
    rows = [("Course", "Starts", "Fee"), ("Maths", "7/9/2026", "480"), ("Art", "8/9/2026", "")]
    words = [
        (55 + 150 * column, 605 - 20 * line, text)
        for line, texts in enumerate(rows)
        for column, text in enumerate(texts)
    ]
    boxes = " ".join(
        f"{50 + 150 * column} {600 - 20 * line} 150 20 re S"
        for line in range(3)
        for column in range(3)
    )
    document = pdf((50, 700, "Student name: Jo Park"), *words, drawing=boxes)
    result = extract(tmp_path, document, {"name": "Student name", **COURSES})
    assert result["name"] == "Jo Park"
    assert result["courses"] == [
        {"name": "Maths", "starts": "2026-09-07", "fee": {"amount": 480, "currency": "GBP"}},
        {"name": "Art", "starts": "2026-09-08", "fee": None},
    ]
    assert result["found"]["courses"]["where"] == "page 1, table 1"


TEXTS = [
    "Student name: Amina Yusuf\nPhone: 07700 900077\n",
    "\ufeffStudent name: Amina Yusuf\r\nPhone: 07700 900077\r\n",
    "Student name\nAmina Yusuf\n\nPhone\n07700 900077\n",
    "Student name,Amina Yusuf\nPhone,07700 900077\n",
    "Student name,Phone,Town\nAmina Yusuf,07700 900077,Bath\n",
    'Student name;Phone;Town\n"Amina Yusuf";07700 900077;Bath\n',
    "Student name\tPhone\tTown\nAmina Yusuf\t07700 900077\tBath\n",
    "Student name ....... Amina Yusuf\nPhone ............. 07700 900077",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text(text: str, tmp_path: Path) -> None:
    fields = {"name": "Student name", "phone": {"label": "Phone", "type": "phone"}}
    result = extract(tmp_path, text.encode("utf-8"), fields)
    assert (result["name"], result["phone"]) == ("Amina Yusuf", "+447700900077")


def test_csv_rows(tmp_path: Path) -> None:
    text = "Course,Starts,Fee\nMaths,7/9/2026,480\nArt,8/9/2026,\n"
    result = extract(tmp_path, text.encode(), COURSES)
    assert [one["name"] for one in result["courses"]] == ["Maths", "Art"]


def test_the_same_name_every_time(tmp_path: Path) -> None:
    """The kind is in the bytes: one name, three formats."""
    fields = {"name": "Student name"}
    for content in (FORM, word(p("Student name: Amina Yusuf")), TEXTS[0].encode()):
        assert extract(tmp_path, content, fields)["name"] == "Amina Yusuf"
