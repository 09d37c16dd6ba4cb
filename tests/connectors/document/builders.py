"""Small Word packages made from XML, for documents that no word processor would write, or not so shortly."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMES = (
    f'xmlns:w="{W}" xmlns:r="{R}" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
MAIN_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
OFFICE = f"{R}/officeDocument"
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/word/document.xml" ContentType="{kind}"/></Types>'
)


def run(text: str, properties: str = "") -> str:
    marks = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{marks}<w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def p(*content: str) -> str:
    """A paragraph; what does not begin with `<` is text."""
    return "<w:p>" + "".join(one if one.startswith("<") else run(one) for one in content) + "</w:p>"


def cell(content: str, properties: str = "") -> str:
    inner = content if content.startswith("<") else p(content)
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{inner}</w:tc>"


def row(*cells: str, properties: str = "") -> str:
    marks = f"<w:trPr>{properties}</w:trPr>" if properties else ""
    return (
        f"<w:tr>{marks}"
        + "".join(one if one.startswith(("<w:tc", "<w:sdt")) else cell(one) for one in cells)
        + "</w:tr>"
    )


def table(*rows: Any) -> str:
    made = (one if isinstance(one, str) else row(*one) for one in rows)
    return "<w:tbl><w:tblPr/><w:tblGrid/>" + "".join(made) + "</w:tbl><w:p/>"


def sdt(content: str, properties: str = "") -> str:
    return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def legacy(data: str, result: str | None = None, code: str = "FORMTEXT") -> str:
    shown = (
        "" if result is None else f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{run(result)}'
    )
    return (
        f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{data}</w:ffData></w:fldChar></w:r>'
        f"<w:r><w:instrText> {code} </w:instrText></w:r>{shown}"
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def drawing_box(*paragraphs: str) -> str:
    """A text box as Word writes it: DrawingML, and the same again in VML for older programs."""
    inner = f"<w:txbxContent>{''.join(paragraphs)}</w:txbxContent>"
    return (
        f'<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:wsp><wps:txbx>{inner}</wps:txbx></wps:wsp>'
        f"</w:drawing></mc:Choice><mc:Fallback><w:pict><v:shape><v:textbox>{inner}</v:textbox></v:shape></w:pict>"
        "</mc:Fallback></mc:AlternateContent></w:r>"
    )


def vml_box(*paragraphs: str) -> str:
    inner = "".join(paragraphs)
    return f"<w:r><w:pict><v:shape><v:textbox><w:txbxContent>{inner}</w:txbxContent></v:textbox></v:shape></w:pict></w:r>"


def document_xml(body: str, section: str = "", strict: bool = False) -> str:
    text = f'<?xml version="1.0" encoding="UTF-8"?><w:document {NAMES}><w:body>{body}<w:sectPr>{section}</w:sectPr></w:body></w:document>'
    return text.replace(W, STRICT) if strict else text


def relations(*entries: tuple[str, str, str, bool]) -> str:
    """(id, type's last word, target, external) as a relationship part."""
    made = "".join(
        f'<Relationship Id="{key}" Type="{R}/{kind}" Target="{escape(target)}"{" TargetMode=" + chr(34) + "External" + chr(34) if outside else ""}/>'
        for key, kind, target, outside in entries
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{made}</Relationships>'


SIDES = {"header": "hdr", "footer": "ftr"}


def parts(
    body: str = "",
    *,
    strict: bool = False,
    external: tuple[tuple[str, str, str, bool], ...] = (),
    **sides: str,
) -> dict[str, str]:
    """The parts of a package. `sides` are parts by name: header, footer, first_header, footnotes, endnotes, comments."""
    linked = list(external)
    section = ""
    extra: dict[str, str] = {}
    for number, (name, content) in enumerate(sides.items(), start=1):
        which, _, kind = name.rpartition("_")
        tag = SIDES.get(kind, kind)
        linked.append((f"rId{number}", kind, f"{name}.xml", False))
        extra[f"word/{name}.xml"] = f"<w:{tag} {NAMES}>{content}</w:{tag}>"
        if kind in SIDES:
            section += f'<w:{kind}Reference w:type="{which or "default"}" r:id="rId{number}"/>'
    kinds = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{MAIN_TYPE.replace("document.main", name.rpartition("_")[2])}"/>'
        for name in sides
    )
    kept = {
        "[Content_Types].xml": TYPES.format(kind=MAIN_TYPE).replace("</Types>", f"{kinds}</Types>"),
        "_rels/.rels": relations(("rId1", "officeDocument", "word/document.xml", False)),
        "word/document.xml": document_xml(body, section, strict),
        **extra,
    }
    if linked:
        kept["word/_rels/document.xml.rels"] = relations(*linked)
    return kept


def pack(entries: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def word(*body: str, **more: Any) -> bytes:
    """A whole .docx around some body XML."""
    return pack(parts("".join(body), **more))


CANVAS = "/MediaBox [0 0 595 842]"
FONT = "/Resources << /Font << /F1 4 0 R >> >>"


def pdf(
    *lines: tuple[float, float, str],
    fields: str = "",
    annotations: str = "",
    trailer: str = "",
    drawing: str = "",
) -> bytes:
    """A one-page PDF with Helvetica text at (x, y); `fields` are further objects from number 6 on."""
    text = (
        "BT /F1 11 Tf "
        + " ".join(f"1 0 0 1 {x} {y} Tm ({said}) Tj" for x, y, said in lines)
        + f" ET {drawing}"
    )
    return pdf_objects(
        [
            f"<< /Type /Catalog /Pages 2 0 R {'/AcroForm << /Fields [' + annotations + '] >>' if annotations else ''} >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R {CANVAS} /Contents 5 0 R {FONT} /Annots [{annotations}] >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
            *([one for one in fields.split("\n") if one]),
        ],
        trailer,
    )


def pdf_objects(objects: list[str | bytes], trailer: str = "") -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        body = content if isinstance(content, bytes) else content.encode("latin-1")
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    at = len(out)
    out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
    for place in places:
        out += f"{place:010d} 00000 n \n".encode()
    out += f"trailer << /Size {len(places) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{at}\n%%EOF\n".encode()
    return bytes(out)
