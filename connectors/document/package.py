"""The guard in front of .docx files: a zip is measured before it is read, and read before it is trusted.

The limits stand beside the largest seen in 1,877 real Word files. Nothing is ever extracted to disk, no
address in a document is ever fetched, and every refusal is a `Failure("document_refused")` with one sentence.
"""

from __future__ import annotations

import io
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from ringback.sdk import Failure

MAX_FILE = 20 * 1024 * 1024  # largest real: 4.1 MB
MAX_PART = 24 * 1024 * 1024  # one XML part; largest real: 12.6 MB
MAX_TOTAL = 60 * 1024 * 1024  # all parts read; largest real: 16.6 MB
MAX_ENTRIES = 2_000  # largest real: 291
MAX_DIRECTORY = (
    1024 * 1024
)  # bytes of the zip's list of entries; its count can lie, its size cannot
MAX_TAGS = 2_000_000
MAX_RATIO = 250  # expanded to packed, of a part over RATIO_FROM
RATIO_FROM = 2 * 1024 * 1024

_SAVE = "Open it in Word and save it again as a Word document (.docx)."
_AGAIN = "Ask the sender for the file again, or open it in Word and save a copy."

REFUSALS: dict[str, tuple[str, str]] = {
    "empty": ("The file is empty.", "Ask the sender for the file again."),
    "too_large": ("The file is {size}; the most that is read is 20 MB.", "Remove large pictures and save it again."),
    "old_doc": ("This is a Word 97-2003 document (.doc), not a .docx.", _SAVE),
    "old_office": ("This is an old Office file (Word, Excel or another 97-2003 program), not a .docx.", _SAVE),
    "password": ("The document is protected with a password.", "Remove the password in Word (File, Info, Protect Document) and save it again."),
    "macros": ("This is a Word document with macros (.docm).", "Save it as a Word document without macros (.docx)."),
    "template": ("This is a Word template (.dotx or .dotm), not a document.", "Open it in Word, fill it in and save it as a Word document (.docx)."),
    "rtf": ("This is a rich text file (.rtf), not a .docx.", _SAVE),
    "html": ("This is a web page (HTML), not a document.", _SAVE),
    "xml": ("This is an XML file, not a document.", _SAVE),
    "pdf": ("This is a PDF, and a Word document (.docx) is needed here.", "Give a .docx file."),
    "text": ("This is a text file, and a Word document (.docx) is needed here.", "Give a .docx file."),
    "excel": ("This is an Excel workbook (.xlsx), not a document.", "Give a .docx, .pdf or .txt file."),
    "powerpoint": ("This is a PowerPoint presentation (.pptx), not a document.", "Give a .docx, .pdf or .txt file."),
    "opendocument": ("This is an OpenDocument file (.odt or similar), not a .docx.", "Save it as a Word document (.docx)."),
    "picture": ("This is a picture, and pictures of text are not read.", "Ask for the document itself."),
    "zip": ("This is a zip file with no Word document in it.", "Give the document itself, not a folder of files."),
    "unknown": ("This is not a document that can be read here.", "Give a .docx, .pdf or .txt file."),
    "not_docx": ("The file is a package of another kind, not a Word document.", _SAVE),
    "damaged": ("The document is damaged or cut off.", _AGAIN),
    "bad_xml": ("The document is damaged: {part} is not well-formed XML.", _AGAIN),
    "encrypted_entry": ("The document is a zip file with a password on it.", "Ask for the document without the password."),
    "entries": ("The document is packed from more than 2,000 parts.", _AGAIN),
    "duplicate": ("The document holds two parts named {part}, so its content is uncertain.", _AGAIN),
    "entry_name": ("The document holds a part named {part}, which points outside the document.", "Do not trust this file; ask the sender how it was made."),
    "compression": ("The document is packed in a way that Word does not use.", _AGAIN),
    "expands": ("The document would unpack to far more than it should ({part}).", "Do not trust this file; ask the sender how it was made."),
    "tags": ("The document holds more than 2,000,000 XML tags.", "Split it into smaller documents."),
    "depth": ("The document is nested too deeply to be a real one.", "Do not trust this file; ask the sender how it was made."),
    "dtd": ("The document declares XML entities, which Word never writes.", "Do not trust this file; ask the sender how it was made."),
    "encoding": ("The document is written in an XML encoding that Word does not use.", _AGAIN),
    "scan": ("The PDF holds no text; it is probably a scan.", "Ask for the document itself, or run it through text recognition first."),
    "pdf_password": ("The PDF is protected with a password.", "Ask for a copy without the password."),
    "pdf_damaged": ("The PDF is damaged or cut off.", "Ask the sender for the file again."),
    "pdf_pages": ("The PDF has {pages} pages; the most that is read is 200.", "Split it into smaller documents."),
    "pdf_slow": ("The PDF took more than {seconds} seconds to read.", "Print it to a new PDF, or ask for the document itself."),
    "text_encoding": ("The text file is in an encoding that is neither UTF-8, UTF-16 nor Windows-1252.", "Save it as UTF-8."),
    "text_large": ("The text file is {size}; the most that is read is 5 MB.", "Split it into smaller files."),
}  # fmt: skip
"""Reason -> (message, next). The reason travels in `Failure.detail`."""


def refuse(reason: str, **facts: Any) -> Failure:
    """The failure for a document that is not read; `facts` fill the sentence."""
    message, following = REFUSALS[reason]
    return Failure(
        "document_refused", message.format(**facts), following, detail={"reason": reason, **facts}
    )


@dataclass(slots=True)
class Package:
    """An open, measured zip package. `parts` maps a folded name to its entry."""

    archive: zipfile.ZipFile
    parts: dict[str, zipfile.ZipInfo]
    spent: int = field(default=0)

    def has(self, name: str) -> bool:
        return name.lower() in self.parts

    def read(self, name: str) -> bytes:
        """A part's bytes. Raises `document_refused` past a limit or where it cannot be unpacked."""
        entry = self.parts[name.lower()]
        if entry.file_size > MAX_PART or self.spent + entry.file_size > MAX_TOTAL:
            raise refuse("expands", part=name)
        if entry.file_size > RATIO_FROM and entry.file_size > MAX_RATIO * entry.compress_size:
            raise refuse("expands", part=name)
        try:
            with self.archive.open(entry) as stream:
                content = stream.read(MAX_PART + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            RuntimeError,
        ) as error:
            raise refuse("damaged") from error
        if len(content) > MAX_PART:
            raise refuse("expands", part=name)
        self.spent += len(content)
        return content

    def xml(self, name: str) -> etree._Element:
        """A part as an element tree, with no entities, no network and bounded depth."""
        return parse_xml(self.read(name), name)

    def relations(self, name: str) -> list[Relation]:
        """The relationships of a part (of the package itself for the name "")."""
        folder, base = posixpath.split(name)
        source = posixpath.join(folder, "_rels", base + ".rels")
        if not self.has(source):
            return []
        found = []
        for element in self.xml(source):
            if not isinstance(element.tag, str) or not element.tag.endswith("}Relationship"):
                continue
            target = element.get("Target", "")
            external = element.get("TargetMode", "").lower() == "external"
            found.append(
                Relation(
                    element.get("Id", ""),
                    element.get("Type", "").rsplit("/", 1)[-1],
                    target if external else _resolve(folder, target),
                    external,
                )
            )
        return found


@dataclass(frozen=True, slots=True)
class Relation:
    """`kind` is the last word of the relationship's type, the same in strict and transitional files."""

    id: str
    kind: str
    target: str
    external: bool


def _resolve(folder: str, target: str) -> str:
    if target.startswith("/"):
        return posixpath.normpath(target.lstrip("/"))
    return posixpath.normpath(posixpath.join(folder, target))


_DOCTYPES = tuple("<!DOCTYPE".encode(code) for code in ("ascii", "utf-16-le", "utf-16-be"))
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")


def parse_xml(content: bytes, part: str) -> etree._Element:
    """Parse one part. Raises `document_refused` for a DTD, too many tags, too deep, or not well-formed."""
    if any(mark in content for mark in _DOCTYPES):
        raise refuse("dtd")
    head = content[:200].lower()
    if b"encoding=" in head and not content.startswith(_WIDE):
        declared = head.split(b"encoding=", 1)[1][1:20].split(head.split(b"encoding=", 1)[1][:1])[0]
        if declared not in (
            b"utf-8",
            b"utf8",
            b"us-ascii",
            b"ascii",
            b"iso-8859-1",
            b"windows-1252",
        ):
            raise refuse("encoding")
    if content.count(b"<") > MAX_TAGS:
        raise refuse("tags")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        if "depth" in str(error).lower():
            raise refuse("depth") from error
        raise refuse("bad_xml", part=part) from error
    except ValueError as error:
        raise refuse("bad_xml", part=part) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise refuse("dtd")
    return root


def _measure_directory(stream: BinaryIO, size: int) -> None:
    """Look at the end record before anything builds a list from it."""
    stream.seek(max(0, size - 65_557))
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise refuse("damaged")
    entries, length = struct.unpack("<HL", tail[at + 10 : at + 16])
    if entries > MAX_ENTRIES or length > MAX_DIRECTORY:
        raise refuse("entries")


def _check_entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise refuse("entries")
    parts: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        raw = entry.orig_filename
        name = raw.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or ":" in name[:3] or "\0" in raw:
            raise refuse("entry_name", part=raw.replace("\0", "")[:80])
        if name.endswith("/"):
            continue
        if entry.flag_bits & 0x1:
            raise refuse("encrypted_entry")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refuse("compression")
        if name.lower() in parts:
            raise refuse("duplicate", part=name[:80])
        parts[name.lower()] = entry
    return parts


@contextmanager
def open_package(path: Path) -> Iterator[Package]:
    """Open a zip package behind the limits above.

    Raises:
        Failure: `document_refused`, for a file that is not a zip, is damaged, or looks like an attack.
    """
    size = path.stat().st_size
    if size == 0:
        raise refuse("empty")
    if size > MAX_FILE:
        raise refuse("too_large", size=f"{size / 1024 / 1024:.0f} MB")
    with path.open("rb") as stream:
        reason = other_kind(stream.read(4096), size)
        if reason is not None:
            raise refuse(reason if reason != "ole" else ole_reason(path))
        _measure_directory(stream, size)
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise refuse("damaged") from error
        with archive:
            yield Package(archive, _check_entries(archive))


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"{\\rtf", "rtf"),
    (b"%PDF-", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"GIF87a", "picture"),
    (b"GIF89a", "picture"),
    (b"II*\x00", "picture"),
    (b"MM\x00*", "picture"),
    (b"BM", "picture"),
)
_PAGES = (b"<!doctype html", b"<html", b"mime-version:")


def other_kind(head: bytes, size: int) -> str | None:
    """What a file's first bytes say that it is, or None for a zip.

    One of `ole`, `pdf`, `rtf`, `html`, `xml`, `picture`, `text`, `unknown`, `empty`.
    """
    if size == 0:
        return "empty"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return None
    for magic, kind in _MAGIC:
        # BM alone is also how a text may begin
        if head.startswith(magic) and not (magic == b"BM" and b"\0" not in head):
            return kind
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.lower().startswith(_PAGES):
        return "html"
    if start.startswith(b"<?xml"):
        return "html" if b"<html" in head.lower() else "xml"
    # a PDF may carry up to a kilobyte of other bytes before its header (ISO 32000-1, Annex H)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text"
    odd = sum(byte < 9 or 13 < byte < 27 for byte in head)
    return "unknown" if b"\0" in head or odd * 50 > len(head) else "text"


def ole_reason(path: Path) -> str:
    """Which old Office file: a password around a .docx, a .doc, or something else."""
    content = path.read_bytes()[:MAX_FILE]
    for name, reason in (("EncryptedPackage", "password"), ("WordDocument", "old_doc")):
        if name.encode("utf-16-le") in content:
            return reason
    return "old_office"


def repack(content: bytes) -> bytes:
    """The same package with every time stamp at the zip format's first day, so that equal parts give equal bytes."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.infolist():
            made = zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0))
            made.compress_type = zipfile.ZIP_DEFLATED
            made.external_attr = 0o600 << 16
            target.writestr(made, source.read(entry))
    return out.getvalue()
