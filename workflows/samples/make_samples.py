"""Makes the sample documents of the recipes. Equal runs make equal bytes: `python workflows/samples/make_samples.py`."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.text import WD_BREAK, WD_TAB_ALIGNMENT, WD_TAB_LEADER
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

HERE = Path(__file__).resolve().parent
MADE = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)

STUDENT = (
    ("Student name", "Amina Yusuf"),
    ("Date of birth", "14 March 1998"),
    ("Phone", "07700 900077"),
    ("Email", "amina.yusuf@example.org"),
    ("Address", "12 Quayside Court\nHarbour Road\nBristol BS1 4ZZ"),
    ("Nationality", "Kenyan"),
)
COURSES = (
    ("Course", "Level", "Starts", "Lessons", "Fee"),
    ("English for work", "Intermediate", "07/09/2026", "24", "£480.00"),
    ("Exam preparation", "Intermediate", "14/09/2026", "12", "£265.50"),
    ("Total", "", "", "36", "£745.50"),
)
TERMS = (
    "Fees are due before the first class. The school holds the place for seven days after this agreement is signed.",
    "A student who withdraws in writing fourteen days before the first class is refunded in full.",
    "After that, lessons not yet given are refunded less an administration charge of 40 pounds.",
    "The school may move a class to another room, time or teacher. It tells students as early as it can.",
    "Students attend at least four lessons in five. Absence through illness is reported before the lesson begins.",
    "The school keeps the details on this form for as long as the law asks, and shares them with nobody else.",
    "A student who is not content speaks to the head of studies first, and to the principal after that.",
)


def field(paragraph: Any, code: str, shown: str) -> None:
    """A Word field (`PAGE`) with the result that Word would show."""
    for kind, text in (
        ("begin", None),
        (None, code),
        ("separate", None),
        ("shown", shown),
        ("end", None),
    ):
        run = paragraph.add_run(text if kind == "shown" else "")
        if kind in {"begin", "separate", "end"}:
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
        elif kind is None:
            mark = OxmlElement("w:instrText")
            mark.text = code
        else:
            continue
        run.element.append(mark)


def edges(document: Any) -> None:
    """The letterhead and the foot of each page."""
    section = document.sections[0]
    section.page_height, section.page_width = Cm(29.7), Cm(21.0)
    section.left_margin = section.right_margin = Cm(2.2)
    head = section.header.paragraphs[0]
    head.add_run("Harbour School of English").bold = True
    section.header.add_paragraph(
        "4 Wharf Lane, Bristol BS1 6QA\tPhone: 0117 496 0200\tAgreement 2026/0147"
    )
    foot = section.footer.paragraphs[0]
    foot.add_run("Enrolment agreement, page ")
    field(foot, "PAGE", "1")
    foot.add_run(" of ")
    field(foot, "NUMPAGES", "2")


def first_page(document: Any) -> None:
    document.add_heading("Enrolment agreement", level=1)
    document.add_paragraph(
        "between Harbour School of English (the school) and the student named below. "
        "Please keep a copy; the school keeps the signed one."
    )
    document.add_heading("The student", level=2)
    table = document.add_table(rows=0, cols=2, style="Table Grid")
    for label, value in STUDENT:
        cells = table.add_row().cells
        cells[0].paragraphs[0].add_run(label).bold = True
        cells[1].text = value
    document.add_heading("The courses", level=2)
    table = document.add_table(rows=0, cols=len(COURSES[0]), style="Table Grid")
    for number, row in enumerate(COURSES):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.paragraphs[0].add_run(text).bold = number == 0
    document.add_heading("In case of emergency", level=2)
    for label, value in (
        ("Emergency contact", "Hassan Yusuf (brother)"),
        ("Emergency phone", "07700 900145"),
    ):
        line = document.add_paragraph()
        line.add_run(label).bold = True
        line.add_run(": ____")
        line.add_run(value).underline = True
        line.add_run("____")
    document.add_heading("Please tick", level=2)
    document.add_paragraph("☒ I agree to receive text messages about my classes")
    document.add_paragraph("☐ I would like news of other courses")
    document.add_paragraph("How did you hear of us?\t☐ Online   ☒ A friend   ☐ Other")


def second_page(document: Any) -> None:
    heading = document.add_heading("Terms", level=2)
    heading.paragraph_format.page_break_before = True
    for term in TERMS:
        document.add_paragraph(term, style="List Number")
    document.add_heading("Signatures", level=2)
    document.add_paragraph("I have read this agreement and accept it.")
    for signed, when in (
        ("Amina Yusuf", "22/06/2026"),
        ("R. Okafor, for the school", "23/06/2026"),
    ):
        line = document.add_paragraph()
        line.paragraph_format.space_before = Pt(24)
        line.paragraph_format.tab_stops.add_tab_stop(
            Cm(11), WD_TAB_ALIGNMENT.LEFT, WD_TAB_LEADER.SPACES
        )
        line.add_run("Signature: " if signed == "Amina Yusuf" else "Countersigned: ")
        line.add_run(signed).italic = True
        line.add_run("\tSigned on: " if signed == "Amina Yusuf" else "\tCountersigned on: ")
        line.add_run(when)
    document.add_paragraph().add_run().add_break(WD_BREAK.LINE)


def enrolment() -> bytes:
    """The signed enrolment agreement of Amina Yusuf, two pages."""
    document = Document()
    document.styles["Normal"].font.name = "Calibri"
    document.styles["Normal"].font.size = Pt(11)
    properties = document.core_properties
    properties.title, properties.author = "Enrolment agreement", "Harbour School of English"
    properties.created = properties.modified = properties.last_printed = MADE
    properties.last_modified_by, properties.revision = "Harbour School of English", 1
    edges(document)
    first_page(document)
    second_page(document)
    raw = io.BytesIO()
    document.save(raw)
    return still(raw.getvalue())


def still(content: bytes) -> bytes:
    """The same package without the time of its making."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.infolist():
            made = zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0))
            made.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(made, source.read(entry))
    return out.getvalue()


SAMPLES = {"enrolment.docx": enrolment}

if __name__ == "__main__":
    for name, make in SAMPLES.items():
        (HERE / name).write_bytes(make())
