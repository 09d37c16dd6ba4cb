"""Hostile and odd documents: each is refused with its sentence, or read, in bounded time and memory."""

from __future__ import annotations

import io
import random
import struct
import time
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.connectors.document.builders import (
    MAIN_TYPE,
    TYPES,
    cell,
    document_xml,
    drawing_box,
    p,
    pack,
    parts,
    pdf,
    pdf_objects,
    relations,
    row,
    run,
    sdt,
    table,
    word,
)
from tests.connectors.document.modules import Given, extract, module

from ringback.problems import Failure

MAX_SECONDS = 5.0
MAX_MEMORY = 150 * 1024 * 1024


class Case(NamedTuple):
    """A document and the whole sentence that it is refused with; "" for one that is read all the same."""

    name: str
    make: Callable[[], bytes]
    sentence: str = ""


def main_part(xml: str | bytes, **more: str | bytes) -> bytes:
    return pack({**parts(), "word/document.xml": xml, **more})


def doctype(subset: str, text: str = "Name: &a;") -> bytes:
    xml = document_xml(p("@")).replace("@", text)
    return main_part(xml.replace("?>", f"?><!DOCTYPE w:document [{subset}]>", 1))


def typed(kind: str) -> bytes:
    return pack({**parts(p("x")), "[Content_Types].xml": TYPES.format(kind=kind)})


def office(target: str, tag: str) -> bytes:
    return pack(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relations(("rId1", "officeDocument", target, False)),
            target: f"<{tag}/>",
        }
    )


def ole(*names: str) -> bytes:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    return head + b"\0".join(name.encode("utf-16-le") for name in names) + b"\0" * 600


def duplicate(second: str = "word/document.xml") -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")
        for name, content in {**parts(p("Name: Ann"))}.items():
            archive.writestr(name, content)
        archive.writestr(second, document_xml(p("Name: Jo")))
    return out.getvalue()


def flagged(bit: int) -> bytes:
    """Every entry's general purpose flags with one more bit, in both places where a zip keeps them."""
    content = bytearray(word(p("Name: Jo")))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            flags = struct.unpack_from("<H", content, at + offset)[0] | bit
            struct.pack_into("<H", content, at + offset, flags)
            at = content.find(signature, at + 4)
    return bytes(content)


def lying_size() -> bytes:
    """The main part says that it is 100 bytes long, in both places."""
    content = bytearray(word(p("Name: Jo " * 50)))
    for signature, name, size in ((b"PK\x03\x04", 30, 22), (b"PK\x01\x02", 46, 24)):
        at = content.find(signature)
        while at >= 0:
            if content[at + name :].startswith(b"word/document.xml"):
                struct.pack_into("<L", content, at + size, 100)
            at = content.find(signature, at + 4)
    return bytes(content)


def flipped() -> bytes:
    content = bytearray(word(p("Name: Jo " * 200)))
    at = content.find(b"word/document.xml") + 60
    content[at] ^= 0xFF
    return bytes(content)


def big(length: int, open_tag: str = "", close: str = "") -> bytes:
    """A main part with a very long stretch of equal bytes in it."""
    head, tail = document_xml("@").encode().split(b"@")
    unit = (open_tag + "a" + close).encode()
    return main_part(head + unit * (length // len(unit)) + tail)


def bomb(size: int) -> bytes:
    """A part of `size` zero bytes behind the main one: nothing asks for it."""
    return pack({**parts(p("Name: Jo")), "word/media/image1.png": b"\0" * size})


def many(count: int, lie: bool = False) -> bytes:
    content = bytearray(pack({**parts(p("x")), **{f"x/{n}": "" for n in range(count)}}))
    if lie:
        at = content.rfind(b"PK\x05\x06")
        struct.pack_into("<HH", content, at + 8, 4, 4)
    return bytes(content)


def lzma_packed() -> bytes:
    return pack(parts(p("Name: Jo")), zipfile.ZIP_LZMA)


def pdf_bomb() -> bytes:
    packed = zlib.compress(b"0 " * (60 * 1024 * 1024), 9)
    return pdf_objects(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> >>",
            f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode()
            + packed
            + b"\nendstream",
        ]
    )


def many_pages() -> bytes:
    kids = " ".join(f"{n} 0 R" for n in range(3, 303))
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"
    return pdf_objects(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids [{kids}] /Count 300 >>",
            *[page] * 300,
        ]
    )


def locked_pdf() -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf((50, 700, "Name: Jo")))))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


DAMAGED = "The document is damaged or cut off."
KIND = "application/vnd.ms-word.{0}.main+xml"
DTD = "The document declares XML entities, which Word never writes."
DEEP = "The document is nested too deeply to be a real one."
OUTSIDE = "The document holds a part named {0}, which points outside the document."
EXPANDS = "The document would unpack to far more than it should (word/document.xml)."
TEMPLATE = "This is a Word template (.dotx or .dotm), not a document."
MACROS = "This is a Word document with macros (.docm)."
WML = "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml"
DOCUMENT = "word/document.xml"

CASES = [
    # not a document, or not this one
    Case("empty", lambda: b"", "The file is empty."),
    Case("over 20 MB", lambda: b"PK\x03\x04" + b"\0" * (21 * 1024 * 1024), "The file is 21 MB; the most that is read is 20 MB."),
    Case("a .doc", lambda: ole("WordDocument"), "This is a Word 97-2003 document (.doc), not a .docx."),
    Case("an old workbook", lambda: ole("Workbook"), "This is an old Office file (Word, Excel or another 97-2003 program), not a .docx."),
    Case("password", lambda: ole("EncryptionInfo", "EncryptedPackage"), "The document is protected with a password."),
    Case("macros", lambda: typed(KIND.format("document.macroEnabled")), MACROS),
    Case("a hidden macro project", lambda: main_part(document_xml(p("x")), **{"word/vbaProject.bin": b"\xd0\xcf"}), MACROS),
    Case("a template", lambda: typed(WML), TEMPLATE),
    Case("a template with macros", lambda: typed("application/vnd.ms-word.template.macroEnabledTemplate.main+xml"), TEMPLATE),
    Case("rich text", lambda: b"{\\rtf1\\ansi Name: Jo}", "This is a rich text file (.rtf), not a .docx."),
    Case("a web page", lambda: b"<!DOCTYPE html><html>Name: Jo</html>", "This is a web page (HTML), not a document."),
    Case("a web page, no doctype", lambda: b"\xef\xbb\xbf \n<HTML><body>Name: Jo", "This is a web page (HTML), not a document."),
    Case("a saved web archive", lambda: b"MIME-Version: 1.0\r\nContent-Type: multipart/related", "This is a web page (HTML), not a document."),
    Case("flat XML", lambda: b'<?xml version="1.0"?><pkg:package/>', "This is an XML file, not a document."),
    Case("a workbook", lambda: office("xl/workbook.xml", "workbook"), "This is an Excel workbook (.xlsx), not a document."),
    Case("a presentation", lambda: office("ppt/presentation.xml", "presentation"), "This is a PowerPoint presentation (.pptx), not a document."),
    Case("OpenDocument", lambda: pack({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x/>"}), "This is an OpenDocument file (.odt or similar), not a .docx."),
    Case("a picture", lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "This is a picture, and pictures of text are not read."),
    Case("a photo", lambda: b"\xff\xd8\xff\xe0" + b"\0" * 50, "This is a picture, and pictures of text are not read."),
    Case("some zip", lambda: pack({"a.txt": "Name: Jo"}), "This is a zip file with no Word document in it."),
    Case("an empty zip", lambda: pack({}), "This is a zip file with no Word document in it."),
    Case("another package", lambda: pack({"[Content_Types].xml": "<Types/>", "a.xml": "<a/>"}), "The file is a package of another kind, not a Word document."),
    Case("another root element", lambda: main_part("<html/>"), "The file is a package of another kind, not a Word document."),
    Case("binary", lambda: bytes(range(256)) * 20, "This is not a document that can be read here."),
    Case("a program", lambda: b"\x7fELF\x02\x01\x01" + b"\0" * 200, "This is not a document that can be read here."),
    # damaged
    Case("truncated", lambda: word(p("Name: Jo"))[:-60], DAMAGED),
    Case("half", lambda: (lambda made: made[: len(made) // 2])(word(p("Name: Jo " * 999))), DAMAGED),
    Case("only a signature", lambda: b"PK\x03\x04", DAMAGED),
    Case("a flipped bit", flipped, DAMAGED),
    Case("a lying size", lying_size, DAMAGED),
    Case("the list of entries is somewhere else", lambda: word(p("x")) + b"PK\x05\x06" + b"\0" * 4 + struct.pack("<HHLLH", 3, 3, 900, 5, 0), DAMAGED),
    Case("XML cut off", lambda: main_part(document_xml(p("x"))[:-30]), "The document is damaged: word/document.xml is not well-formed XML."),
    Case("no XML at all", lambda: main_part(b"\0\1\2"), "The document is damaged: word/document.xml is not well-formed XML."),
    Case("an empty main part", lambda: main_part(""), "The document is damaged: word/document.xml is not well-formed XML."),
    Case("an unknown entity", lambda: main_part(document_xml(p("@")).replace("@", "&nbsp;")), "The document is damaged: word/document.xml is not well-formed XML."),
    Case("invalid characters", lambda: main_part(document_xml(p("@")).replace("@", "&#0;")), "The document is damaged: word/document.xml is not well-formed XML."),
    Case("broken relationships", lambda: pack({**parts(p("x")), "_rels/.rels": "<Relationships"}), "The document is damaged: _rels/.rels is not well-formed XML."),
    # attacks on the zip
    Case("bomb by size", lambda: big(157 * 1024 * 1024, "<w:p>", "</w:p>"), EXPANDS),
    Case("bomb by ratio", lambda: big(20 * 1024 * 1024), EXPANDS),
    Case("a bomb nobody opens", lambda: bomb(100 * 1024 * 1024)),
    Case("2,500 entries", lambda: many(2_500), "The document is packed from more than 2,000 parts."),
    Case("60,000 entries", lambda: many(60_000), "The document is packed from more than 2,000 parts."),
    Case("60,000 entries that say they are four", lambda: many(60_000, lie=True), "The document is packed from more than 2,000 parts."),
    Case("two main parts", duplicate, "The document holds two parts named word/document.xml, so its content is uncertain."),
    Case("two main parts by case", lambda: duplicate("Word/Document.xml"), "The document holds two parts named Word/Document.xml, so its content is uncertain."),
    Case("a zip password", lambda: flagged(1), "The document is a zip file with a password on it."),
    Case("a patched entry", lambda: flagged(0x20), DAMAGED),
    Case("LZMA", lzma_packed, "The document is packed in a way that Word does not use."),
    Case("bzip2", lambda: pack(parts(p("x")), zipfile.ZIP_BZIP2), "The document is packed in a way that Word does not use."),
    Case("a name that climbs", lambda: main_part(document_xml(p("x")), **{"../../etc/cron.d/x": "x"}), OUTSIDE.format("../../etc/cron.d/x")),
    Case("a name that climbs, backslashes", lambda: main_part(document_xml(p("x")), **{"..\\..\\x": "x"}), OUTSIDE.format("..\\..\\x")),
    Case("an absolute name", lambda: main_part(document_xml(p("x")), **{"/etc/passwd": "x"}), OUTSIDE.format("/etc/passwd")),
    Case("a drive's name", lambda: main_part(document_xml(p("x")), **{"C:/x": "x"}), OUTSIDE.format("C:/x")),
    Case("bytes before the zip", lambda: b"#!/bin/sh\n" + word(p("Name: Jo")), "This is not a document that can be read here."),
    # attacks on the XML
    Case("a thousand laughs", lambda: doctype("".join(f'<!ENTITY {a} "{f"&{b};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)) + '<!ENTITY i "ha">'), DTD),
    Case("quadratic blow-up", lambda: doctype(f'<!ENTITY a "{"x" * 50_000}">', "&a;" * 5_000), DTD),
    Case("a file as an entity", lambda: doctype('<!ENTITY a SYSTEM "file:///etc/passwd">'), DTD),
    Case("an address as an entity", lambda: doctype('<!ENTITY a SYSTEM "http://127.0.0.1:9/x">'), DTD),
    Case("an external DTD", lambda: main_part(document_xml(p("x")).replace("?>", '?><!DOCTYPE w:document SYSTEM "http://127.0.0.1:9/x.dtd">', 1)), DTD),
    Case("a DTD in UTF-16", lambda: main_part(document_xml(p("x")).replace("UTF-8", "UTF-16").replace("?>", '?><!DOCTYPE a [<!ENTITY b "c">]>', 1).encode("utf-16")), DTD),
    Case("a DTD in a header", lambda: pack({**parts(p("x"), header=p("y")), "word/header.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), DTD),
    Case("an odd encoding", lambda: main_part('<?xml version="1.0" encoding="UTF-7"?><w:document/>'), "The document is written in an XML encoding that Word does not use."),
    Case("100,000 elements deep", lambda: main_part(document_xml("<w:x>" * 100_000 + "</w:x>" * 100_000)), DEEP),
    Case("240 content controls deep", lambda: word("<w:sdt><w:sdtContent>" * 110 + p("Name: Jo") + "</w:sdtContent></w:sdt>" * 110)),
    Case("41 tables in tables", lambda: word("<w:tbl><w:tr><w:tc>" * 41 + "</w:tc></w:tr></w:tbl>" * 41), DEEP),
    Case("over 2,000,000 tags", lambda: main_part(document_xml("".join(random.Random(0).choices([f"<{c}/>" for c in "abcdefghijkl"], k=2_000_001)))), "The document holds more than 2,000,000 XML tags."),
    # odd, and read all the same
    Case("a million paragraphs and one label", lambda: word("".join(f"<w:p w:n='{n}'/>" for n in range(300_000)), p("Name: Jo"))),
    Case("a relationship that climbs", lambda: pack({**parts(p("Name: Jo")), "word/_rels/document.xml.rels": relations(("rId1", "header", "../../../etc/passwd", False))})),
    Case("a header that is not there", lambda: pack({k: v for k, v in parts(p("Name: Jo"), header=p("x")).items() if k != "word/header.xml"})),
    Case("a linked image", lambda: word(p("Name: Jo"), external=(("rId9", "image", "http://127.0.0.1:9/x.png", True),))),
    Case("no content types", lambda: pack({k: v for k, v in parts(p("Name: Jo")).items() if "Content" not in k})),
    Case("a field that never ends", lambda: word(p("Name: Jo"), p('<w:r><w:fldChar w:fldCharType="begin"/></w:r>'))),
    Case("a field that only ends", lambda: word(p('<w:r><w:fldChar w:fldCharType="end"/></w:r>', "Name: Jo"))),
    Case("a bookmark that never ends", lambda: word(p('<w:bookmarkStart w:id="1" w:name="name"/>', "Name: Jo"))),
    Case("a cell outside a table", lambda: word("<w:tc>" + p("Name: Jo") + "</w:tc>")),
    Case("text outside a paragraph", lambda: word(run("Name: Jo"))),
    Case("spans beyond reason", lambda: word(table([f'<w:tc><w:tcPr><w:gridSpan w:val="999999999"/></w:tcPr>{p("Name")}</w:tc>', "Jo"]))),
    Case("text boxes in text boxes", lambda: word(p(drawing_box(p(drawing_box(p("Name: Jo"))))))),
    Case("2,000 labels on one line", lambda: word(p("   ".join(f"Label{n}: v" for n in range(2_000)), "   Name: Jo"))),
    Case("a line of a million letters", lambda: word(p("ab" * 40_000 + "é"), p("Name: Jo"))),
    Case("a line of underscores", lambda: word(p("_ " * 30_000 + "\t" * 3_000 + "." * 30_000), p("Name: Jo"))),
    Case("a line of open brackets", lambda: word(p("Name (" * 10_000), p("Name: Jo"))),
    Case("one label 20,000 times, two spaces", lambda: word(p("Name: Jo  " * 20_000))),
    Case("one label 20,000 times, one space", lambda: word(p("Name: Jo " * 20_000))),
    Case("5,000 controls in one paragraph", lambda: word(p("Name: Jo   ", *[part for n in range(5_000) for part in (f"L{n}: ", sdt(run("v")))]))),
    Case("one long run of spaces", lambda: word(p("Name: Jo", " " * 200_000, "x", " " * 200_000))),
    Case("5,000 cells merged downwards", lambda: word(table(*[row(cell("x", "<w:vMerge/>"), "y")] * 5_000), p("Name: Jo"))),
    # PDFs and text
    Case("text, 500,000 times the same", lambda: b"Name: Jo\n" * 500_000),
    Case("text, a cell that csv does not take", lambda: b"Name: Jo;\n".replace(b";", b"") + b"a,b\n" + b"x" * 200_000 + b",y"),
    Case("PDF, cut off", lambda: pdf((50, 700, "Name: Jo"))[:200], "The PDF is damaged or cut off."),
    Case("PDF, nothing but a header", lambda: b"%PDF-1.7\n", "The PDF is damaged or cut off."),
    Case("PDF, a scan", lambda: pdf(), "The PDF holds no text; it is probably a scan."),
    Case("PDF, password", locked_pdf, "The PDF is protected with a password."),
    Case("PDF, 300 pages", many_pages, "The PDF has 300 pages; the most that is read is 200."),
    Case("PDF, a bomb", pdf_bomb, "The document would unpack to far more than it should (a stream of the PDF)."),
    Case("PDF, its pages in a circle", lambda: pdf_objects(["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]), "The PDF is damaged or cut off."),
    Case("PDF behind other bytes", lambda: b"\n" * 100 + pdf((50, 700, "Name: Jo"))),
    Case("text, Windows-1252", lambda: "Town: Besançon\nName: Jo".encode("cp1252")),
    Case("text, UTF-16", lambda: "Name: Jo".encode("utf-16")),
    Case("text, unknown encoding", lambda: b"Name: \x81\x8d\x8f\x90 Jo", "The text file is in an encoding that is neither UTF-8, UTF-16 nor Windows-1252."),
    Case("text, 6 MB", lambda: b"Name: Jo\n" * 700_000, "The text file is 6 MB; the most that is read is 5 MB."),
]  # fmt: skip


def test_there_are_enough() -> None:
    assert len([case for case in CASES if case.sentence]) >= 50


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hostile(case: Case, tmp_path: Path) -> None:
    content = case.make()
    # tracing allocations slows the reading itself down, so time is taken in a run of its own
    outcome, seconds = _timed(tmp_path, content)
    assert outcome == (case.sentence or {"name": "Jo"})
    assert seconds < MAX_SECONDS
    if seconds < 0.5:
        tracemalloc.start()
        try:
            _timed(tmp_path, content)
            assert tracemalloc.get_traced_memory()[1] < MAX_MEMORY
        finally:
            tracemalloc.stop()


def _timed(folder: Path, content: bytes) -> tuple[Any, float]:
    """What came of reading, and the seconds of processor time it took (a busy machine is no fault of a document's)."""
    raised: Failure | None = None
    started = time.thread_time()
    try:
        result = extract(folder, content, {"name": {"label": "Name", "required": True}})
    except Failure as failure:
        raised = failure
    seconds = time.thread_time() - started
    if raised is None:
        return {"name": result["name"]}, seconds
    assert raised.code == "document_refused", raised
    assert raised.next
    return raised.message, seconds


def test_what_is_not_fetched_is_said(tmp_path: Path) -> None:
    linked = (("rId9", "attachedTemplate", "http://127.0.0.1:9/x.dotm", True),)
    result = extract(tmp_path, word(p("Name: Jo"), external=linked), {"name": "Name"})
    assert [problem["message"] for problem in result["problems"]] == [
        "The document points to http://127.0.0.1:9/x.dotm (attachedTemplate), which is not fetched."
    ]


def test_an_embedded_file_is_said(tmp_path: Path) -> None:
    result = extract(tmp_path, word(p("Name: Jo"), '<w:altChunk r:id="rId9"/>'), {"name": "Name"})
    assert result["problems"][0]["code"] == "embedded_file"


def test_labels_past_the_limit_are_said_to_be_unread(tmp_path: Path) -> None:
    result = extract(tmp_path, b"Name: Jo\n" * 20_002, {"name": "Name"})
    assert result["name"] == "Jo"
    assert [problem["message"] for problem in result["problems"]] == [
        "The labels stand in this document more than 20,000 times; from line 20001 on they were not read."
    ]


def test_lines_past_the_limit_are_said_to_be_unread(tmp_path: Path) -> None:
    result = extract(tmp_path, b"Name: Jo\n" + b"\n" * 200_000, {"name": "Name"})
    assert [problem["message"] for problem in result["problems"]] == [
        "The text has 200,002 lines; the first 200,000 were read."
    ]


def test_nothing_but_a_docx_is_a_template(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(pdf((50, 700, "{{ name }}")))
    with pytest.raises(Failure) as raised:
        module("fill").fill({"template": {"name": "t"}, "values": {}}, Given(tmp_path))
    assert raised.value.message == "This is a PDF, and a Word document (.docx) is needed here."


def test_the_main_type_is_the_usual_one() -> None:
    assert typed(MAIN_TYPE) == pack(parts(p("x")))
