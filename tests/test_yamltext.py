from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ringback import yamltext
from ringback.problems import Span
from ringback.yamltext import scalars

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("yamltext_cases.yaml").read_text("utf-8")
)


def sentences(document: yamltext.Document) -> list[str]:
    return [
        f"{problem.where.removeprefix('f.yaml:')} {problem.message} {problem.next}".strip()
        for problem in document.problems
    ]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_is_read_and_said(case: dict[str, Any]) -> None:
    document = yamltext.read(case["text"], "f.yaml")
    assert sentences(document) == case.get("says", [])
    assert document.data == case["data"]
    assert document.broken == case.get("broken", False)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("+3", "+3"),
        ("007", "007"),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("1_000", "1_000"),
        ("2026-09-01", "2026-09-01"),
        ("12:30:45", "12:30:45"),
        ("9" * 5000, "9" * 5000),
        ("٣", "٣"),
    ],
)
def test_what_an_unquoted_word_means(word: str, value: object) -> None:
    found = scalars.resolve(word)
    assert found == value
    assert type(found) is type(value)


def test_a_place_for_every_key_and_value() -> None:
    text = 'name: Tom\nsteps:\n  - id: a\n    with: { to: "+44" }\n'
    document = yamltext.read(text, "f.yaml")
    assert document.span(("name",)) == Span(1, 7, 1, 10)
    assert document.span(("name",), "key") == Span(1, 1, 1, 5)
    assert document.span(("steps", 0, "with", "to")) == Span(4, 17, 4, 22)
    assert document.span(("steps", 0, "uses")) == Span(3, 5, 3, 7)
    assert document.span(("nowhere", "at", "all")) == Span(1, 1, 1, 5)


@pytest.mark.parametrize(
    ("text", "fragment", "times", "place"),
    [
        ("a: 'x {{ b.c }}'\n", "b.c", 1, (1, 10)),
        ('a: "tab\\t {{ b }} {{ b }}"\n', "b", 3, (1, 22)),
        ("a: |\n  Hi\n  {{ b.c }} there\n", "b.c", 1, (3, 6)),
        ("a: >-\n  Hi {{ x }}\n  {{ b.c }}\n", "b.c", 1, (3, 6)),
        ("a: {{ b.c }}\n", "b.c", 1, (1, 7)),
    ],
)
def test_a_place_inside_a_text(
    text: str, fragment: str, times: int, place: tuple[int, int]
) -> None:
    document = yamltext.read(text, "f.yaml")
    value: str = document.data["a"]
    at = -1
    for _ in range(times):
        at = value.index(fragment, at + 1)
    span = document.inside(("a",), at, at + len(fragment))
    assert (span.line, span.column) == place
    assert span.end_column - span.column == len(fragment)


def test_aliases_that_explode_are_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    document = yamltext.read("\n".join(lines), "f.yaml")
    assert [problem.code for problem in document.problems] == ["too_large"]
    assert document.broken


def test_nesting_is_bounded() -> None:
    document = yamltext.read("[" * 100_000, "f.yaml")
    assert [problem.code for problem in document.problems] == ["too_deep"]


def test_size_is_bounded() -> None:
    document = yamltext.read("a: " + "x" * yamltext.MAX_SIZE, "f.yaml")
    assert [problem.code for problem in document.problems] == ["too_large"]


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_bytes(b"name: x\nb: caf\xe9\n")
    document = yamltext.read_file(path, "w.yaml")
    assert [(p.code, p.where) for p in document.problems] == [("not_utf8", "w.yaml:2:1")]
    missing = yamltext.read_file(tmp_path / "none.yaml", "none.yaml")
    assert [problem.code for problem in missing.problems] == ["unreadable"]


PIECES = st.sampled_from(
    [
        *"abc:-{}[]'\"#|>&*!%@`?,\\ \t\n",
        ": ",
        "- ",
        "\n  ",
        "\n    ",
        "{{ a }}",
        "a: ",
        "\u2028",
        "é",
        "\x00",
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_reading_never_fails_and_every_place_exists(text: str) -> None:
    document = yamltext.read(text, "f.yaml")
    json.dumps(document.data)
    for problem in document.problems:
        assert problem.span is not None
        assert 1 <= problem.span.line <= max(len(document.lines), 1)
        assert 1 <= problem.span.column <= len(problem.text) + 2
        assert str(problem)


LETTERS = st.text("abz é語😀'\"\\:{}[]#-,?*&!%@", max_size=12)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), LETTERS),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
        max_leaves=10,
    )
)
def test_json_is_read_as_it_is(value: object) -> None:
    document = yamltext.read(json.dumps(value, ensure_ascii=False), "f.yaml")
    if not any(problem.code == "duplicate_key" for problem in document.problems):
        assert document.data == value
