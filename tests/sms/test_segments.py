"""Segments, against published vectors.

`RINGBACK_SEGMENT_VECTORS` names one more file of the same shape as segment_vectors.json.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.sms.segments import BASIC, EXTENDED, Segments, pieces, plain_quotes, segments

_FILES = [Path(__file__).parent / "segment_vectors.json"]
if os.environ.get("RINGBACK_SEGMENT_VECTORS"):
    _FILES.append(Path(os.environ["RINGBACK_SEGMENT_VECTORS"]))

VECTORS = [
    pytest.param(vector, id=vector["name"])
    for file in _FILES
    for vector in json.loads(file.read_text(encoding="utf-8"))["vectors"]
]

EDGES = {
    "empty": ("", Segments("GSM-7", 0, 1, ())),
    "160": ("a" * 160, Segments("GSM-7", 160, 1, ())),
    "161": ("a" * 161, Segments("GSM-7", 161, 2, ())),
    "two full parts": ("a" * 306, Segments("GSM-7", 306, 2, ())),
    "one over two parts": ("a" * 307, Segments("GSM-7", 307, 3, ())),
    "an escape is not cut from its septet": (
        "a" * 152 + "€" + "a" * 152,
        Segments("GSM-7", 306, 3, ()),
    ),
    "UCS-2, 70": ("’" + "a" * 69, Segments("UCS-2", 70, 1, ("’",))),
    "UCS-2, 71": ("’" + "a" * 70, Segments("UCS-2", 71, 2, ("’",))),
    "UCS-2, two full parts": ("ж" * 134, Segments("UCS-2", 134, 2, ("ж",))),
    "a pair is not cut in half": ("ж" * 66 + "😀" + "ж" * 66, Segments("UCS-2", 134, 3, ("ж", "😀"))),
    "offenders, once and in order": ("“Olá” ‘á’", Segments("UCS-2", 9, 1, ("“", "á", "”", "‘", "’"))),
    "extended ones count once in UCS-2": ("€ж", Segments("UCS-2", 2, 1, ("ж",))),
    "c cedilla small is foreign, capital is not": ("Çç", Segments("UCS-2", 2, 1, ("ç",))),
    "tab is foreign": ("a\tb", Segments("UCS-2", 3, 1, ("\t",))),
    "grave accent is foreign": ("`", Segments("UCS-2", 1, 1, ("`",))),
    "line break": ("a\r\nb", Segments("GSM-7", 4, 1, ())),
}  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS)
def test_published_vectors(vector: dict[str, Any]) -> None:
    measured = segments(vector["text"])
    assert (measured.encoding, measured.count) == (vector["encoding"], vector["segments"])


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    text, wanted = EDGES[name]
    assert segments(text) == wanted


def test_the_alphabet_is_whole() -> None:
    assert len(set(BASIC)) == len(BASIC) == 127
    assert len(set(EXTENDED)) == len(EXTENDED) == 10
    assert segments(BASIC[:100]).encoding == segments(EXTENDED).encoding == "GSM-7"


@given(st.text(max_size=400))
def test_units_and_segments_agree(text: str) -> None:
    measured = segments(text)
    whole, part = (160, 153) if measured.encoding == "GSM-7" else (70, 67)
    if measured.encoding == "UCS-2":
        assert measured.units == len(text.encode("utf-16-le", "surrogatepass")) // 2
    assert (measured.encoding == "GSM-7") == (not measured.offenders)
    if measured.units <= whole:
        assert measured.count == 1
    else:
        assert -(-measured.units // part) <= measured.count <= -(-measured.units // (part - 1))


def test_what_a_curly_quote_costs() -> None:
    text = "We’ve got your form – thank you…" + " See you on Monday." * 5
    assert segments(text).count == 2
    assert segments(plain_quotes(text)) == Segments("GSM-7", len(text) + 2, 1, ())


@given(st.text(st.sampled_from(BASIC + EXTENDED), max_size=700) | st.text(max_size=400))
def test_a_text_is_cut_into_its_segments(text: str) -> None:
    cut = pieces(text)
    assert "".join(cut) == text
    assert len(cut) == segments(text).count
    encoding = segments(text).encoding
    assert len(cut) == 1 or all(0 < _units(one, encoding) <= {"GSM-7": 153, "UCS-2": 67}[encoding] for one in cut)  # fmt: skip


def _units(piece: str, encoding: str) -> int:
    if encoding == "UCS-2":
        return len(piece.encode("utf-16-be", "surrogatepass")) // 2
    return sum(2 if one in EXTENDED else 1 for one in piece)
