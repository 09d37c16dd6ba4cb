"""Every place where Word keeps text, one document each, and what is read from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.connectors.document.builders import (
    cell,
    document_xml,
    drawing_box,
    legacy,
    p,
    pack,
    parts,
    row,
    run,
    sdt,
    table,
    vml_box,
    word,
)
from tests.connectors.document.modules import extract


class Case(NamedTuple):
    """A document, the fields asked of it, and their values; `where` is the place of the first."""

    name: str
    document: bytes
    fields: dict[str, Any]
    values: dict[str, Any]
    where: str = ""


NAME = {"name": "Name"}
PHONE = {"phone": {"label": "Phone", "type": "phone"}}
AGREE = {"agree": {"label": "I agree", "type": "checkbox"}}
JO = {"name": "Jo Park"}
MARIE = {"name": "Marie"}
TAB = "<w:r><w:tab/></w:r>"
BREAK = "<w:r><w:br/></w:r>"
TAG = '<w:tag w:val="{0}"/>'
PLACEHOLDER = "<w:showingPlcHdr/>"
CHECKED = '<w14:checkbox><w14:checked w14:val="{0}"/></w14:checkbox>'
DATE = '<w:date w:fullDate="2026-09-07T00:00:00Z"><w:dateFormat w:val="d MMM"/></w:date>'
DROP = '<w:dropDownList><w:listItem w:displayText="Beginner" w:value="L1"/><w:listItem w:displayText="Advanced" w:value="L2"/></w:dropDownList>'
INS = '<w:ins w:id="1" w:author="a">{0}</w:ins>'
DEL = '<w:del w:id="1" w:author="a"><w:r><w:delText>{0}</w:delText></w:r></w:del>'

CASES = [
    # lines
    Case("colon", word(p("Name: Jo Park")), NAME, JO, "paragraph 1"),
    Case("colon, no space", word(p("Name:Jo Park")), NAME, JO),
    Case("space before colon", word(p("Name : Jo Park")), NAME, JO),
    Case("star", word(p("Name *: Jo Park")), NAME, JO),
    Case("required in brackets", word(p("Name (required): Jo Park")), NAME, JO),
    Case("remark in brackets", word(p("Name (as in passport): Jo Park")), NAME, JO),
    Case("numbered", word(p("1. Name: Jo Park")), NAME, JO),
    Case("bullet", word(p("• Name: Jo Park")), NAME, JO),
    Case("underscores", word(p("Name ____Jo Park____")), NAME, JO),
    Case("underscores after colon", word(p("Name: ____Jo Park____")), NAME, JO),
    Case("dots", word(p("Name ........ Jo Park ........")), NAME, JO),
    Case("only a blank", word(p("Name: ______________"), p("Date: 1 May 2026")), NAME, {"name": None}),
    Case("tab", word(p("Name", TAB, "Jo Park")), NAME, JO),
    Case("colon and tab", word(p("Name:", TAB, "Jo Park")), NAME, JO),
    Case("several spaces", word(p("Name    Jo Park")), NAME, JO),
    Case("dash", word(p("Name – Jo Park")), NAME, JO),
    Case("two on a line, tab", word(p("Name: Jo Park", TAB, "Phone: 07700 900123")), {**NAME, **PHONE}, {**JO, "phone": "+447700900123"}),
    Case("two on a line, spaces", word(p("Name: Jo Park   Phone: 07700 900123")), {**NAME, **PHONE}, {**JO, "phone": "+447700900123"}),
    Case("two on a line, one space", word(p("Name: Jo Park Phone: 07700 900123")), {**NAME, **PHONE}, {**JO, "phone": "+447700900123"}),
    Case("two blanks on a line", word(p("Name ____Jo Park____ Phone ____07700 900123____")), {**NAME, **PHONE}, {**JO, "phone": "+447700900123"}),
    Case("value stops at an unknown label", word(p("Name: Jo Park   Age: 31")), NAME, JO),
    Case("semicolon", word(p("Ref: A1; Name: Jo Park")), NAME, JO),
    Case("a label must start a segment", word(p("Parent name: Ann Park"), p("Name: Jo Park")), NAME, JO),
    Case("no label inside another", word(p("Parent name: Ann Park")), NAME, {"name": None}),
    Case("a longer word is no label", word(p("Names: Ann and Jo")), NAME, {"name": None}),
    Case("a sentence is no label", word(p("Name your reasons in full.")), NAME, {"name": None}),
    Case("a value that is a label's word", word(p("Contact by: Email"), p("Email: jo@example.org")), {"by": "Contact by", "email": {"label": "Email", "type": "email"}}, {"by": "Email", "email": "jo@example.org"}),
    Case("label with a stop", word(p("Ref. no.: 123")), {"ref": "Ref. no."}, {"ref": "123"}),
    Case("label with a second word", word(p("Name / Nom: Jo Park")), NAME, JO),
    Case("two labels in columns", word(p("Name", TAB, "Town")), {**NAME, "town": "Town"}, {"name": None, "town": None}),
    Case("a label opens the sentence beside a box", word(p("☒ I agree to everything in these terms.")), {"agree": {"label": "I agree to everything", "type": "checkbox"}}, {"agree": True}),
    Case("the same in capitals", word(p("Name: Jo Park"), p("Name: JO PARK")), NAME, JO),
    Case("line below", word(p("Name"), p("Jo Park")), NAME, JO, "paragraph 2"),
    Case("line below, colon", word(p("Name:"), p("Jo Park")), NAME, JO),
    Case("line below, one empty between", word(p("Name:"), p(), p("Jo Park")), NAME, JO),
    Case("line below is a label", word(p("Name:"), p("Phone: 07700 900123")), NAME, {"name": None}),
    Case("line break", word(p("Name", BREAK, "Jo Park")), NAME, JO),
    Case("synonyms", word(p("Full name: Jo Park")), {"name": ["Student name", "Full name"]}, JO),
    Case("split over runs", word(p("Na", "me: J", "o Park")), NAME, JO),
    Case("label bold, value not", word(p(run("Name: ", "<w:b/>"), "Jo Park")), NAME, JO),
    # characters
    Case("non-breaking spaces", word(p("Full\u00a0name:\u00a0Jo\u00a0Park")), {"name": "Full name"}, JO),
    Case("full-width colon", word(p("姓名：王小明")), {"name": "姓名"}, {"name": "王小明"}),
    Case("small colon", word(p("Name﹕ Jo Park")), NAME, JO),
    Case("vertical colon", word(p("姓名︰王小明")), {"name": "姓名"}, {"name": "王小明"}),
    Case("ideographic space", word(p("姓名：王小明　電話：07700 900123")), {"name": "姓名", "phone": {"label": "電話", "type": "phone"}}, {"name": "王小明", "phone": "+447700900123"}),
    Case("full-width letters", word(p("Ｎａｍｅ：Jo Park")), NAME, JO),
    Case("Arabic", word(p("الاسم: أمينة يوسف")), {"name": "الاسم"}, {"name": "أمينة يوسف"}),
    Case("Arabic stretched, with marks", word(p("\u200fالاســم\u200f: أمينة")), {"name": "الاسم"}, {"name": "أمينة"}),
    Case("Hebrew in bidi runs", word(p("<w:pPr><w:bidi/></w:pPr>", run("שם: ", "<w:rtl/>"), run("דנה", "<w:rtl/>"))), {"name": "שם"}, {"name": "דנה"}),
    Case("w:dir round it", word(p('<w:dir w:val="rtl">' + run("Name: Jo Park") + "</w:dir>")), NAME, JO),
    Case("decomposed accents", word(p("Pre\u0301nom: Marie")), {"name": "Prénom"}, MARIE),
    Case("zero width", word(p("Na\u200bme: Jo Park")), NAME, JO),
    Case("soft hyphen", word(p("Na\u00adme: Jo Park")), NAME, JO),
    Case("capitals", word(p("NAME: Jo Park")), {"name": "name"}, JO),
    Case("non-breaking hyphen", word(p("<w:r><w:t>E</w:t><w:noBreakHyphen/><w:t>mail: jo@example.org</w:t></w:r>")), {"e": "E-mail"}, {"e": "jo@example.org"}),
    Case("typographic apostrophe", word(p("Student’s name: Jo Park")), {"name": "Student's name"}, JO),
    # tables
    Case("cell to the right", word(table(["Name", "Jo Park"])), NAME, JO, "table 1, row 1"),
    Case("cell to the right, colon", word(table(["Name:", "Jo Park"])), NAME, JO),
    Case("cell below", word(table(["Name", "Phone"], ["Jo Park", "07700 900123"])), {**NAME, **PHONE}, {**JO, "phone": "+447700900123"}, "table 1, row 2"),
    Case("four columns", word(table(["Name", "Jo Park", "Phone", "07700 900123"], ["Age", "31", "Town", "Bath"])), {**NAME, **PHONE, "town": "Town"}, {**JO, "phone": "+447700900123", "town": "Bath"}),
    Case("empty cell", word(table(["Name", ""], ["Town", "Bath"])), {**NAME, "town": "Town"}, {"name": None, "town": "Bath"}),
    Case("label and value in one cell", word(table([cell(p("Name: Jo Park")), "x"])), NAME, JO),
    Case("label over value in one cell", word(table([cell(p("Name") + p("Jo Park")), "x"])), NAME, JO),
    Case("value of several lines", word(table(["Address", cell(p("1 High St") + p("Bath"))])), {"a": "Address"}, {"a": "1 High St\nBath"}),
    Case("nested table", word(table([cell(table(["Name", "Jo Park"])), "x"])), NAME, JO, "table 2, row 1"),
    Case("merged cells", word(table(row(cell("Details", '<w:gridSpan w:val="2"/>')), ["Name", "Jo Park"])), NAME, JO),
    Case("a value is known by a heading row", word(table(row("Name", "Town", properties="<w:tblHeader/>"), ["Jo Park", "Bath"])), NAME, JO),
    Case("deleted row", word(table(row("Name", "Old", properties='<w:del w:id="1"/>'), ["Name", "Jo Park"])), NAME, JO),
    Case("column heads", word(table(["Name", "Starts", "Fee"], ["Jo Park", "7/9/2026", "480"])), NAME, JO, "table 1, row 2"),
    Case("a number before the label", word(table(["1", "Name", "Jo Park"], ["2", "Town", "Bath"])), {**NAME, "town": "Town"}, {**JO, "town": "Bath"}),
    Case("a colon in a cell of its own", word(table(["Name", ":", "Jo Park"], ["Town", ":", "Bath"])), NAME, JO),
    Case("an empty column between", word(table(["Name", "", "Jo Park"], ["Town", "", "Bath"])), NAME, JO),
    # controls
    Case("control, block, tag", word(sdt(p("Jo Park"), TAG.format("name"))), NAME, JO),
    Case("control, inline, title", word(p("Whom: ", sdt(run("Jo Park"), '<w:alias w:val="Student name"/>'))), {"name": "Student name"}, JO),
    Case("control, beside its label", word(p("Name ", sdt(run("Jo Park")))), NAME, JO),
    Case("control in a line", word(p("Name: ", sdt(run("Jo Park")), " Age: 3")), NAME, JO),
    Case("control, cell", word(table(["Name", sdt(cell("Jo Park"))])), NAME, JO),
    Case("control, row", word("<w:tbl>" + sdt(row("Name", "Jo Park")) + "</w:tbl>"), NAME, JO),
    Case("control in a cell", word(table(["Name", cell(p(sdt(run("Jo Park"))))])), NAME, JO),
    Case("control round a table", word(sdt(table(["Name", "Jo Park"]))), NAME, JO),
    Case("controls in controls", word(sdt(sdt(p("Name: ", sdt(run("Jo Park")))))), NAME, JO),
    Case("tag in another spelling", word(p(sdt(run("Jo Park"), TAG.format("StudentName")))), {"name": "Student name"}, JO),
    Case("placeholder is empty", word(p("Name: ", sdt(run("Click to enter text"), PLACEHOLDER + TAG.format("name")))), NAME, {"name": None}),
    Case("placeholder in a cell is empty", word(table(["Name", cell(p(sdt(run("Click to enter"), PLACEHOLDER)))])), NAME, {"name": None}),
    Case("placeholder does not take the next line", word(p("Name: ", sdt(run("Click"), PLACEHOLDER)), p("Please sign below.")), NAME, {"name": None}),
    Case("tick box, ticked", word(p(sdt(run("☒"), CHECKED.format(1)), " I agree")), AGREE, {"agree": True}),
    Case("tick box, not ticked", word(p(sdt(run("☐"), CHECKED.format(0)), " I agree")), AGREE, {"agree": False}),
    Case("tick box, the state counts", word(p(sdt(run("☐"), CHECKED.format("true") + TAG.format("agree")))), AGREE, {"agree": True}),
    Case("tick box after the label", word(p("I agree ", sdt(run("☒"), CHECKED.format(1)))), AGREE, {"agree": True}),
    Case("tick box in the cell beside", word(table(["I agree", cell(p(sdt(run("☒"), CHECKED.format(1))))])), AGREE, {"agree": True}),
    Case("tick box in the cell before", word(table([cell(p(sdt(run("☒"), CHECKED.format(1)))), "I agree"])), AGREE, {"agree": True}),
    Case("date control", word(p("Starts: ", sdt(run("7 Sept"), DATE))), {"d": {"label": "Starts", "type": "date"}}, {"d": "2026-09-07"}),
    Case("date control in a cell", word(table(["Starts", cell(p(sdt(run("7 Sept"), DATE)))])), {"d": {"label": "Starts", "type": "date"}}, {"d": "2026-09-07"}),
    Case("drop-down, shown", word(p("Level: ", sdt(run("Advanced"), DROP))), {"l": "Level"}, {"l": "Advanced"}),
    Case("drop-down, value behind", word(p("Level: ", sdt(run("Advanced"), DROP))), {"l": {"label": "Level", "choices": ["L1", "L2"]}}, {"l": "L2"}),
    # form fields
    Case("FORMTEXT", word(p("Name: ", legacy('<w:name w:val="Text1"/><w:textInput/>', "Jo Park"))), NAME, JO),
    Case("FORMTEXT by its name", word(p(legacy('<w:name w:val="student_name"/><w:textInput/>', "Jo Park"))), {"name": "Student name"}, JO),
    Case("FORMTEXT of five EN SPACEs", word(p("Name: ", legacy('<w:name w:val="Text1"/>', "\u2002" * 5))), NAME, {"name": None}),
    Case("FORMCHECKBOX", word(p(legacy('<w:name w:val="C1"/><w:checkBox><w:default w:val="0"/><w:checked/></w:checkBox>', code="FORMCHECKBOX"), " I agree")), AGREE, {"agree": True}),
    Case("FORMCHECKBOX, default", word(p(legacy('<w:checkBox><w:default w:val="0"/></w:checkBox>', code="FORMCHECKBOX"), " I agree")), AGREE, {"agree": False}),
    Case("FORMDROPDOWN", word(p("Level: ", legacy('<w:ddList><w:result w:val="1"/><w:listEntry w:val="Beginner"/><w:listEntry w:val="Advanced"/></w:ddList>', code="FORMDROPDOWN"))), {"l": "Level"}, {"l": "Advanced"}),
    Case("bookmark", word(p("I, ", '<w:bookmarkStart w:id="1" w:name="student_name"/>', "Jo Park", '<w:bookmarkEnd w:id="1"/>', ", agree.")), {"name": "Student name"}, JO),
    Case("MERGEFIELD, simple", word(p("Name: ", '<w:fldSimple w:instr=" MERGEFIELD name ">' + run("Jo Park") + "</w:fldSimple>")), NAME, JO),
    Case("field code is no text", word(p("Name: ", '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>MERGEFIELD x</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>', "Jo Park", '<w:r><w:fldChar w:fldCharType="end"/></w:r>')), NAME, JO),
    # other places
    Case("text box", word(p("Above", drawing_box(p("Name: Jo Park")))), NAME, JO, "text box"),
    Case("text box, VML", word(p("Above", vml_box(p("Name: Jo Park")))), NAME, JO, "text box"),
    Case("text box in a cell", word(table([cell(p("x", drawing_box(p("Name: Jo Park")))), "y"])), NAME, JO, "table 1, row 1, text box"),
    Case("text box is not the next line", word(p("Name:", drawing_box(p("Draft"))), p("Jo Park")), NAME, JO),
    Case("header", word(p("x"), header=p("Name: Jo Park")), NAME, JO, "header"),
    Case("first-page header", word(p("x"), first_header=p("Name: Jo Park")), NAME, JO, "first-page header"),
    Case("footer", word(p("x"), footer=p("Name: Jo Park")), NAME, JO, "footer"),
    Case("header table", word(p("x"), header=table(["Name", "Jo Park"])), NAME, JO, "header, table 1, row 1"),
    Case("header text box", word(p("x"), header=p("y", drawing_box(p("Name: Jo Park")))), NAME, JO, "header, text box"),
    Case("the letterhead's phone is not the student's", word(p("Phone: 07700 900123"), header=p("Phone: 0117 496 0200")), PHONE, {"phone": "+447700900123"}),
    Case("footnote", word(p("x"), footnotes='<w:footnote w:id="2">' + p("Name: Jo Park") + "</w:footnote>"), NAME, JO, "footnote 1"),
    Case("footnote is no next line", word(p("Name:"), footnotes='<w:footnote w:id="2">' + p("See over") + "</w:footnote>"), NAME, {"name": None}),
    Case("endnote", word(p("x"), endnotes='<w:endnote w:id="2">' + p("Name: Jo Park") + "</w:endnote>"), NAME, JO, "endnote 1"),
    Case("comments only on request", word(p("x"), comments='<w:comment w:id="1">' + p("Name: Jo Park") + "</w:comment>"), NAME, {"name": None}),
    Case("hyperlink", word(p("Email: ", '<w:hyperlink r:id="rId9">' + run("jo@example.org") + "</w:hyperlink>")), {"e": {"label": "Email", "type": "email"}}, {"e": "jo@example.org"}),
    # tracked changes and odd wrappers
    Case("inserted", word(p("Name: ", INS.format(run("Jo Park")))), NAME, JO),
    Case("deleted", word(p("Name: ", DEL.format("Ann "), "Jo Park")), NAME, JO),
    Case("moved here", word(p("Name: ", '<w:moveTo w:id="1">' + run("Jo Park") + "</w:moveTo>")), NAME, JO),
    Case("moved away", word(p("Name: ", '<w:moveFrom w:id="1">' + run("Ann ") + "</w:moveFrom>", "Jo Park")), NAME, JO),
    Case("deleted paragraph mark", word("<w:p><w:pPr><w:rPr><w:del w:id='1'/></w:rPr></w:pPr>" + run("Name: ") + "</w:p>" + p("Jo Park")), NAME, JO),
    Case("smart tag", word(p("Name: ", "<w:smartTag>" + run("Jo Park") + "</w:smartTag>")), NAME, JO),
    Case("custom XML", word("<w:customXml>" + p("Name: Jo Park") + "</w:customXml>"), NAME, JO),
    Case("an unknown element is entered", word("<w:future><w:new>" + p("Name: Jo Park") + "</w:new></w:future>"), NAME, JO),
    Case("hidden text", word(p("Name: ", run("Ann ", "<w:vanish/>"), "Jo Park")), NAME, JO),
    Case("hidden switched off", word(p("Name: ", run("Jo Park", '<w:vanish w:val="0"/>'))), NAME, JO),
    Case("symbol tick", word(p('<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>', " I agree")), AGREE, {"agree": True}),
    Case("symbol box", word(p('<w:r><w:sym w:font="Wingdings" w:char="F0A8"/></w:r>', " I agree")), AGREE, {"agree": False}),
    Case("ruby", word(p("Name: ", "<w:r><w:ruby><w:rt>" + run("とう") + "</w:rt><w:rubyBase>" + run("東") + "</w:rubyBase></w:ruby></w:r>")), NAME, {"name": "東"}),
    Case("formula", word(p("Name: ", "<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>")), NAME, {"name": "x=1"}),
    Case("strict", word(p("Name: Jo Park"), strict=True), NAME, JO),
    Case("fallback alone", word(p("<w:r><mc:AlternateContent><mc:Fallback><w:t>Name: Jo Park</w:t></mc:Fallback></mc:AlternateContent></w:r>")), NAME, JO),
    Case("no relationship part of its own", pack({k: v for k, v in parts(p("Name: Jo Park")).items() if "document.xml.rels" not in k}), NAME, JO),
    Case("main part elsewhere", pack({**{k: v.replace("word/document.xml", "x/y.xml") for k, v in parts().items() if k != "word/document.xml"}, "x/y.xml": document_xml(p("Name: Jo Park"))}), NAME, JO),
    Case("UTF-16", pack({**parts(), "word/document.xml": document_xml(p("Name: Jo Park")).replace("UTF-8", "UTF-16").encode("utf-16")}), NAME, JO),
    # ticks as text
    Case("ticked by letter", word(p("[x] I agree")), AGREE, {"agree": True}),
    Case("bracket box, empty", word(p("[ ] I agree")), AGREE, {"agree": False}),
    Case("boxes before", word(p("☐ I agree ☒ I do not")), AGREE, {"agree": False}),
    Case("boxes after", word(p("I agree ☒  I do not ☐")), AGREE, {"agree": True}),
    Case("yes in words", word(p("I agree: Yes")), AGREE, {"agree": True}),
    Case("yes and no boxes", word(p("I agree: ☐ Yes ☒ No")), AGREE, {"agree": False}),
    Case("options on a line", word(p("Level: ☐ Beginner ☒ Advanced")), {"l": {"label": "Level", "type": "choice", "choices": ["Beginner", "Advanced"]}}, {"l": "Advanced"}),
    Case("options below", word(p("Level"), p("☐ Beginner"), p("☒ Advanced")), {"l": {"label": "Level", "choices": ["Beginner", "Advanced"]}}, {"l": "Advanced"}),
    Case("options in a cell", word(table(["Days", cell(p("☒ Monday") + p("☐ Tuesday") + p("☒ Friday"))])), {"d": {"label": "Days", "type": "list"}}, {"d": ["Monday", "Friday"]}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_construct(case: Case, tmp_path: Path) -> None:
    result = extract(tmp_path, case.document, case.fields)
    assert {name: result[name] for name in case.fields} == case.values
    assert result["problems"] == []
    if case.where:
        assert result["found"][next(iter(case.fields))]["where"] == case.where


def test_comments_on_request(tmp_path: Path) -> None:
    document = word(p("x"), comments='<w:comment w:id="1">' + p("Name: Jo Park") + "</w:comment>")
    result = extract(tmp_path, document, NAME, comments=True)
    assert result["name"] == "Jo Park"
    assert result["found"]["name"]["where"] == "comment 1"
