"""Files are what their bytes are."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.journal.mediatypes import DOCX, EDGE, recognise


def zipped(*names: str, large: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, bytes(200_000) if large else b"<xml/>")
    return out.getvalue()


def stored(media_type: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", media_type)
        archive.writestr("content.xml", "<xml/>")
    return out.getvalue()


CASES = {
    "docx": (zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"), DOCX),
    "docx, word first": (zipped("word/document.xml", "[Content_Types].xml"), DOCX),
    "docx, word far inside": (zipped("a", "word/document.xml", "b", large=True), DOCX),
    "docm": (
        zipped("word/document.xml", "word/vbaProject.bin"),
        "application/vnd.ms-word.document.macroenabled.12",
    ),
    "xlsx": (
        zipped("[Content_Types].xml", "xl/workbook.xml"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    "odt": (
        stored("application/vnd.oasis.opendocument.text"),
        "application/vnd.oasis.opendocument.text",
    ),
    "zip": (zipped("photo.jpg", "words/a.txt"), "application/zip"),
    "empty zip": (zipped(), "application/zip"),
    "cut zip": (zipped("word/document.xml")[:20], "application/zip"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
    "old doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50), "application/x-ole-storage"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00", "image/png"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
    "webp": (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    "mp4": (b"\x00\x00\x00\x18ftypisom\x00", "video/mp4"),
    "heic": (b"\x00\x00\x00\x18ftypheic\x00", "image/heic"),
    "bmp": (b"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00", "image/bmp"),
    "rtf": (b"{\\rtf1\\ansi", "application/rtf"),
    "text": (b"BM is short for Bethnal Memorial\n", "text/plain"),
    "text, utf-8": ("Žofie · 名前：".encode(), "text/plain"),
    "text, utf-8 cut at the edge": (("x" + "é" * EDGE).encode()[:EDGE], "text/plain"),
    "text, utf-16": ("Name: x".encode("utf-16"), "text/plain"),
    "text, windows-1252": ("Née: Zoë, café".encode("cp1252"), "text/plain"),
    "xml": (b'\xef\xbb\xbf<?xml version="1.0"?><a/>', "application/xml"),
    "html": (b"\n <!DOCTYPE html><p>", "text/html"),
    "nothing": (b"", "text/plain"),
    "noise": (bytes(range(256)), "application/octet-stream"),
    "noise without zeros": (b"\xfa\x01\x02\xf1\x03" * 9, "application/octet-stream"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_bytes_are(name: str) -> None:
    content, media_type = CASES[name]
    assert recognise(content[:EDGE], content[-EDGE:]) == media_type


@given(st.binary(), st.binary())
def test_any_bytes_are_something(head: bytes, tail: bytes) -> None:
    for start in (b"", b"PK\x03\x04", b"RIFF"):
        assert "/" in recognise(start + head, tail)
