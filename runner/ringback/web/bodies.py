"""What a webhook was sent: JSON, form, multipart, XML, text, or bytes, told apart by type and by content.

Small kinds are parsed in memory under the request's cap; files, whether parts of a form or the whole body,
are streamed to the file store. `curl --data-binary @x.docx` and `curl -d '{"a": 1}'` both claim to be a
form; what the bytes are decides.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from werkzeug.http import parse_options_header

from ringback.sdk import File
from ringback.web.errors import Refusal
from ringback.web.multipart import read_parts
from ringback.web.streams import CHUNK, Rejoined, read_all
from ringback.web.xmlbody import read_xml

MAX_FIELDS = 1000
_FORM = "application/x-www-form-urlencoded"
_MAGIC = (
    b"PK\x03\x04", b"PK\x05\x06", b"%PDF-", b"\xd0\xcf\x11\xe0", b"\x89PNG", b"\xff\xd8\xff", b"GIF8",
    b"\x1f\x8b", b"{\\rtf", b"II*\x00", b"MM\x00*", b"RIFF",
)  # fmt: skip
_NAME_LENGTH = 200

Store = Callable[[str, str, io.RawIOBase], File | None]
"""`(input name, file name, bytes) -> the stored file`, None where it was refused and noted; an empty input
name is the whole body."""


@dataclass(slots=True)
class Body:
    """A body, read. `content` is JSON, a form's dict, XML as a dict, text, or None where the body is a file.

    `files` are a form's files by field name (a list where a name came more than once); `file` is the whole
    body where that is a file; `stored` are all of them.
    """

    content: Any = None
    form: dict[str, Any] = field(default_factory=dict)
    files: dict[str, File | list[File]] = field(default_factory=dict)
    file: File | None = None
    stored: list[File] = field(default_factory=list)


def read_body(stream: io.RawIOBase, content_type: str, store: Store, name: str, where: str) -> Body:
    """Read a request's body to its end.

    `name` is what a whole body that turns out to be a file is called. Raises `Refusal` 400 where the body is
    not what its type says, 413 where it is too large; what `store` and `stream` raise goes through.
    """
    kind, _, _ = content_type.partition(";")
    kind = kind.strip().lower()
    if kind == "multipart/form-data":
        return _read_multipart(stream, content_type, store, where)
    head = stream.read(CHUNK) or b""
    if not head:
        return Body()
    is_json = kind == "application/json" or kind.endswith("+json")
    if is_json or _is_xml(kind):
        if head.startswith(_MAGIC):
            return _read_file(head, stream, store, name)
        raw = head + read_all(stream)
        return Body(read_json(raw, where) if is_json else read_xml(raw, where))
    if kind in ("", _FORM) or kind.startswith("text/"):
        charset = _charset(content_type)
        if _looks_binary(head, charset):
            return _read_file(head, stream, store, name)
        return _read_by_look(head + read_all(stream), kind, charset, where)
    return _read_file(head, stream, store, name)


def read_json(raw: bytes, where: str) -> Any:
    """A JSON document; None where there is none. Raises `Refusal` 400 with the line and column."""
    if not raw:
        return None
    try:
        text = raw.decode(json.detect_encoding(raw))
        value = _JSON.decode(text)
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        _refuse_json(f"{error.msg} in line {error.lineno}, column {error.colno}", where)
    except UnicodeDecodeError:
        _refuse_json("it is not UTF-8 text", where)
    except UnicodeEncodeError:
        _refuse_json("it holds half of a \\u pair, which is not a character", where)
    except RecursionError:
        _refuse_json("it is nested too deeply", where)
    except ValueError as error:
        _refuse_json(str(error), where)
    return value


def pairs(found: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Name and value pairs as a dict; a name that comes more than once has a list."""
    made: dict[str, Any] = {}
    for name, value in found:
        if name not in made:
            made[name] = value
        elif isinstance(made[name], list):
            made[name].append(value)
        else:
            made[name] = [made[name], value]
    return made


def read_query(text: str, where: str) -> dict[str, Any]:
    """A query or a urlencoded form as a dict. Raises `Refusal` 400 when it has more than 1,000 fields."""
    if not text:
        return {}
    try:
        found = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Refusal(
            400,
            "too_many_fields",
            f"There are more than {MAX_FIELDS} fields.",
            "Send fewer, or send JSON.",
            where,
        ) from None
    return pairs(found)


def file_name(headers: Mapping[str, str], query: Mapping[str, Any]) -> str:
    """What the sender calls a body that is one file: Content-Disposition, X-Filename or `?filename=`."""
    if not ("content-disposition" in headers or "x-filename" in headers or "filename" in query):
        return ""
    _, options = parse_options_header(headers.get("content-disposition", ""))
    said = options.get("filename") or headers.get("x-filename") or query.get("filename") or ""
    return clean_name(str(said))


def clean_name(name: str) -> str:
    """The last part of a file name as any system writes paths, without control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(character for character in last if character.isprintable()).strip(" .")
    return kept[-_NAME_LENGTH:]


def _read_multipart(stream: io.RawIOBase, content_type: str, store: Store, where: str) -> Body:
    _, options = parse_options_header(content_type)

    def keep(field_name: str, said: str, part: io.RawIOBase) -> File | None:
        return store(field_name, clean_name(said) or field_name, part)

    parts = read_parts(stream, options.get("boundary", ""), keep, where)
    form = pairs(parts.fields)
    return Body(
        content=form,
        form=form,
        files=pairs(parts.files),
        stored=[stored for _, stored in parts.files],
    )


def _read_by_look(raw: bytes, kind: str, charset: str, where: str) -> Body:
    if kind.startswith("text/") and kind != "text/json":
        return Body(_text(raw, charset))
    start = raw.lstrip()[:1]
    try:
        if start in (b"{", b"[") or kind == "text/json":
            return Body(read_json(raw, where))
        if start == b"<":
            return Body(read_xml(raw, where))
    except Refusal:
        if kind != _FORM or b"=" not in raw:
            raise
    text = _text(raw, charset)
    if kind == _FORM:
        form = read_query(text, where)
        return Body(form, form)
    return Body(text)


def _read_file(head: bytes, stream: io.RawIOBase, store: Store, name: str) -> Body:
    stored = store("", name, Rejoined(head, stream))
    if stored is None:
        return Body()
    return Body(file=stored, stored=[stored])


def _looks_binary(head: bytes, charset: str) -> bool:
    if head.startswith(_MAGIC) or b"\0" in head:
        return not charset.startswith("utf-16")
    if charset not in ("utf-8", "us-ascii"):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start < len(head) - 4  # the chunk may end inside a character
    return False


def _charset(content_type: str) -> str:
    if "charset" not in content_type.lower():
        return "utf-8"
    _, options = parse_options_header(content_type)
    return options.get("charset", "utf-8").lower()


def _text(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, "replace").removeprefix("\ufeff")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _is_xml(kind: str) -> bool:
    return kind in ("application/xml", "text/xml") or kind.endswith("+xml")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def _refuse_json(why: str, where: str) -> NoReturn:
    raise Refusal(
        400, "invalid_json", f"The body is not JSON: {why}.", "Send one JSON document.", where
    )
