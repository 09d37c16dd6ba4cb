"""What a body is told to be, from its type and from its bytes."""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.sdk import File
from ringback.web.bodies import Body, clean_name, read_body, read_json, read_query
from ringback.web.errors import Refusal
from ringback.web.streams import CappedStream

DOCX = b"PK\x03\x04" + b"\x14\x00\x06\x00" + bytes(range(256)) * 20
FORM = "application/x-www-form-urlencoded"


def keep(name: str, file_name: str, stream: io.RawIOBase) -> File:
    content = stream.read(-1) or b""
    digest = hashlib.sha256(content).hexdigest()
    return File(name=file_name, size=len(content), media_type=name or "whole", sha256=digest)


def read(raw: bytes, content_type: str, limit: int = 1_000_000) -> Body:
    stream = CappedStream(io.BytesIO(raw).read, len(raw), limit, "/hooks/x")
    return read_body(stream, content_type, keep, "said.bin", "/hooks/x")


TEXTS: list[tuple[str, bytes, Any]] = [
    ("application/json", b'{"a": [1, "\xc3\xa9"]}', {"a": [1, "é"]}),
    ("application/json; charset=utf-8", b"\xef\xbb\xbf[1]", [1]),
    ("application/json", '{"a": 1}'.encode("utf-16"), {"a": 1}),
    ("application/vnd.api+json", b"7", 7),
    ("application/json", b"", None),
    ("", b'{"a": 1}', {"a": 1}),
    (FORM, b"a=1&b=%2B44+7&a=2&c=", {"a": ["1", "2"], "b": "+44 7", "c": ""}),
    (FORM, b'{"name": "curl -d"}', {"name": "curl -d"}),
    (FORM, b"[0]=a&<b=c", {"[0]": "a", "<b": "c"}),
    (FORM, b"<order id='7'><sku>A</sku></order>", {"order": {"@id": "7", "sku": "A"}}),
    ("application/xml", b"<a>1</a>", {"a": "1"}),
    ("text/xml", b"<a/>", {"a": None}),
    ("application/soap+xml", b"<s:a xmlns:s='u'><s:b>x</s:b></s:a>", {"a": {"b": "x"}}),
    ("text/plain", b"hello", "hello"),
    ("text/plain; charset=iso-8859-1", b"caf\xe9", "café"),
    ("text/plain; charset=nonsense", b"hi", "hi"),
    ("", b"just words", "just words"),
]


@pytest.mark.parametrize(("content_type", "raw", "content"), TEXTS)
def test_small_kinds_are_parsed(content_type: str, raw: bytes, content: Any) -> None:
    body = read(raw, content_type)
    assert body.content == content
    assert body.file is None


@pytest.mark.parametrize(
    "content_type",
    [
        FORM,
        "",
        "application/octet-stream",
        "application/json",
        "text/plain",
        "application/xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "image/png",
    ],
)
def test_a_document_is_a_file_whatever_it_claims_to_be(content_type: str) -> None:
    body = read(DOCX, content_type)
    assert body.content is None
    assert body.file is not None
    assert body.file["sha256"] == hashlib.sha256(DOCX).hexdigest()
    assert body.file["name"] == "said.bin"
    assert body.stored == [body.file]


BROKEN = [
    ("application/json", b'{"a": }', "invalid_json", "line 1, column 7"),
    ("application/json", b'{"a": NaN}', "invalid_json", "NaN"),
    ("application/json", b'"\\ud800"', "invalid_json", "pair"),
    ("application/json", b"\xff\xfe\xfa", "invalid_json", ""),
    ("application/json", b"[" * 200_000, "invalid_json", "nested"),
    ("application/json", b"9" * 5000, "invalid_json", "digit"),
    ("application/xml", b"<a><b></a>", "invalid_xml", ""),
    ("application/xml", b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "invalid_xml", "DOCTYPE"),
    ("application/xml", b"<a>" * 150 + b"</a>" * 150, "invalid_xml", "nested"),
    ("multipart/form-data", b"x", "invalid_multipart", "boundary"),
    ("multipart/form-data; boundary=B", b"no parts here", "invalid_multipart", ""),
    (FORM, b"&".join(b"a%d=1" % n for n in range(1500)), "too_many_fields", "1000"),
]


@pytest.mark.parametrize(("content_type", "raw", "code", "says"), BROKEN)
def test_what_cannot_be_read_is_one_sentence(
    content_type: str, raw: bytes, code: str, says: str
) -> None:
    with pytest.raises(Refusal) as caught:
        read(raw, content_type)
    assert caught.value.status == 400
    assert caught.value.code == code
    assert says in caught.value.message
    assert caught.value.next


def test_an_entity_is_never_fetched_or_expanded() -> None:
    bomb = b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"
    with pytest.raises(Refusal, match="document type"):
        read(bomb, "application/xml")


def multipart(*parts: tuple[str, bytes]) -> bytes:
    made = b"".join(
        b"--B\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + body + b"\r\n"
        for head, body in parts
    )
    return made + b"--B--\r\n"


MULTIPART = "multipart/form-data; boundary=B"


def test_multipart_gives_fields_and_files() -> None:
    raw = multipart(
        ('name="who"', "Zoë".encode()),
        ('name="tag"', b"a"),
        ('name="tag"', b"b"),
        ('name="agreement"; filename="../docs/signed.docx"', DOCX),
        ('name="left"; filename=""', b""),
        ('name="page"; filename="1.png"', b"\x89PNG1"),
        ('name="page"; filename="2.png"', b"\x89PNG2"),
    )
    body = read(raw, MULTIPART)
    assert body.content == body.form == {"who": "Zoë", "tag": ["a", "b"]}
    agreement = cast("File", body.files["agreement"])
    assert agreement["name"] == "signed.docx"
    assert agreement["sha256"] == hashlib.sha256(DOCX).hexdigest()
    assert [page["size"] for page in cast("list[File]", body.files["page"])] == [5, 5]
    assert "left" not in body.files
    assert len(body.stored) == 3


def test_a_file_that_is_not_taken_does_not_disturb_the_next_part() -> None:
    def refuse(name: str, file_name: str, stream: io.RawIOBase) -> File | None:
        stream.read(10)
        return None if name == "a" else keep(name, file_name, stream)

    raw = multipart(
        ('name="a"; filename="a"', DOCX * 50), ('name="b"; filename="b"', b"hi"), ('name="c"', b"1")
    )
    stream = CappedStream(io.BytesIO(raw).read, len(raw), 10_000_000, "/x")
    body = read_body(stream, MULTIPART, refuse, "", "/x")
    assert list(body.files) == ["b"]
    assert body.form == {"c": "1"}


def test_too_many_parts_and_too_large_fields_are_refused() -> None:
    many = multipart(*[('name="a"', b"1")] * 1001)
    with pytest.raises(Refusal) as caught:
        read(many, MULTIPART)
    assert caught.value.status == 413
    large = multipart(('name="a"', b"x" * 2_100_000))
    with pytest.raises(Refusal) as caught:
        read(large, MULTIPART, 5_000_000)
    assert caught.value.status == 413


def test_the_cap_holds_while_a_chunked_body_arrives() -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1, /) -> bytes:
            self.taken += size
            return b"x" * size

    source = Endless()
    stream = CappedStream(source.read, None, 300_000, "/hooks/x")
    with pytest.raises(Refusal) as caught:
        read_body(stream, "text/plain", keep, "", "/hooks/x")
    assert caught.value.status == 413
    assert source.taken < 500_000


def test_a_sender_who_hangs_up_is_told_so() -> None:
    stream = CappedStream(io.BytesIO(b'{"a": 1}').read, 100, 1000, "/x")
    with pytest.raises(Refusal) as caught:
        read_body(stream, "application/json", keep, "", "/x")
    assert caught.value.code == "cut_short"


NAMES = [
    ("../../etc/passwd", "passwd"),
    ("C:\\Users\\a\\x.docx", "x.docx"),
    ("a\x00b\r\n.pdf", "ab.pdf"),
    ("..", ""),
    ("x" * 300 + ".docx", "x" * 195 + ".docx"),
]


@pytest.mark.parametrize(("said", "kept"), NAMES)
def test_file_names_are_cleaned(said: str, kept: str) -> None:
    assert clean_name(said) == kept


@given(
    st.binary(max_size=300),
    st.sampled_from([FORM, "", "text/plain", "application/json", "application/xml", MULTIPART]),
)
def test_any_bytes_give_a_body_or_a_refusal(raw: bytes, content_type: str) -> None:
    with suppress(Refusal):
        read(raw, content_type)


@given(st.text())
def test_any_query_is_read(text: str) -> None:
    assert isinstance(read_query(text, "/x"), dict)


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), st.lists, max_leaves=8))
def test_json_comes_back_as_it_was(value: Any) -> None:
    assert (
        read_json(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"), "/x")
        is not None
        or value is None
    )
