"""Damaged bytes of any kind: read, or refused; never another exception."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.connectors.document.builders import p, pack, parts, pdf, table, word
from tests.connectors.document.modules import module

from ringback.problems import Failure

WORD = word(p("Name: Jo"), table(["Phone", "07700 900123"]), header=p("School"))
PDF = pdf((50, 700, "Name: Jo"), (50, 680, "Phone: 07700 900123"))
XML = parts(p("Name: Jo") + table(["Phone", "07700 900123"]))["word/document.xml"]
CHANGES = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), min_size=1, max_size=12)
HOW = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def changed(content: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    made = bytearray(content)
    for at, byte in changes:
        made[at % len(made)] = byte
    return bytes(made[: len(made) - cut % len(made)])


def outcome(folder: Path, content: bytes) -> str:
    (folder / "document").write_bytes(content)
    try:
        module("survey").survey_file(folder / "document", comments=True)
    except Failure as failure:
        return failure.code
    return "document_refused"


@pytest.mark.parametrize("content", [WORD, PDF], ids=["word", "pdf"])
@HOW
@given(changes=CHANGES, cut=st.integers(0, 40))
def test_changed_bytes(
    tmp_path: Path, content: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    assert outcome(tmp_path, changed(content, changes, cut)) == "document_refused"


@HOW
@given(changes=CHANGES)
def test_changed_xml(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    content = pack({**parts(), "word/document.xml": changed(XML.encode(), changes, 0)})
    assert outcome(tmp_path, content) == "document_refused"


@HOW
@given(content=st.binary(max_size=300))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    assert outcome(tmp_path, content) == "document_refused"


LINES = st.text(alphabet="Name: \t_.;|[]()☐☒Phone0123：\u3000\u200b-*…x", max_size=80)


@HOW
@given(lines=st.lists(LINES, max_size=6))
def test_any_lines(tmp_path: Path, lines: list[str]) -> None:
    assert outcome(tmp_path, word(*(p(" " + line) for line in lines))) == "document_refused"
    assert outcome(tmp_path, "\n".join(lines).encode()) == "document_refused"
