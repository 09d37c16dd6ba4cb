"""What bytes are, told from the bytes and never from a sender's word."""

from __future__ import annotations

import re

EDGE = 64 * 1024
"""How much of either end of a file is looked at."""

_OOXML = "application/vnd.openxmlformats-officedocument."
DOCX = _OOXML + "wordprocessingml.document"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"heic": "image/heic", b"mif1": "image/heic", b"avif": "image/avif",
           b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"3gp4": "video/3gpp",
           b"3gp5": "video/3gpp"}  # fmt: skip
_ZIPPED: tuple[tuple[bytes, str], ...] = (
    (b"word/vbaProject.bin", "application/vnd.ms-word.document.macroenabled.12"),
    (b"word/", DOCX),
    (b"xl/", _OOXML + "spreadsheetml.sheet"),
    (b"ppt/", _OOXML + "presentationml.presentation"),
)
# The name in a local file header lies 30 bytes from its start, in the central directory's 46
# (PKWARE APPNOTE 4.3.7 and 4.3.12).
_LOCAL = re.compile(rb"PK\x03\x04.{22}(..)..", re.DOTALL)
_CENTRAL = re.compile(rb"PK\x01\x02.{24}(..).{16}", re.DOTALL)
_STORED_TYPE = re.compile(rb"PK\x03\x04.{26}mimetype(application/[a-z0-9.+-]+)", re.DOTALL)
_MARKUP = ((b"<?xml", "application/xml"), (b"<!doctype html", "text/html"), (b"<html", "text/html"))


def recognise(head: bytes, tail: bytes) -> str:
    """The media type of a file with this first and last `EDGE` bytes (or all of it, twice, when it is shorter)."""
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(head, tail)
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], "application/octet-stream")
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "image/bmp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return _text(head)


def _zipped(head: bytes, tail: bytes) -> str:
    stored = _STORED_TYPE.match(head)
    if stored:
        return stored[1].decode()
    names = [
        edge[found.end() : found.end() + int.from_bytes(found[1], "little")]
        for edge, header in ((tail, _CENTRAL), (head, _LOCAL))
        for found in header.finditer(edge)
    ]
    for start, media_type in _ZIPPED:
        if any(name.startswith(start) for name in names):
            return media_type
    return "application/zip"


def _text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text/plain"
    if b"\x00" in head:
        return "application/octet-stream"
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 and not _latin(head):
            return "application/octet-stream"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    for opening, media_type in _MARKUP:
        if start.startswith(opening):
            return media_type
    return "text/plain"


def _latin(head: bytes) -> bool:
    """Whether it reads as text in one of the 8-bit code pages: no control bytes but white space."""
    return not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", head)
