"""`ringback read`: exactly values, found and problems; a refused file is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringback.cli import commands
from ringback.paths import shelf

SAMPLE = shelf("workflows") / "samples" / "enrolment.docx"
FIELDS = """\
name: { label: [Student name, Full name], required: true }
phone: { label: Phone, type: phone }
fax: { label: Fax number, required: true }
"""


def read(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["read", *arguments])


def test_every_label_as_json() -> None:
    shown = read(str(SAMPLE), "--json")
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert list(told) == ["values", "found", "problems"]
    assert told["values"]["Student name"] == "Amina Yusuf"
    assert set(told["found"]) == set(told["values"])


@pytest.mark.parametrize("text", [FIELDS, f"fields:\n{FIELDS}".replace("\n", "\n  ").rstrip(" ")])
def test_the_fields_asked_for(tmp_path: Path, text: str) -> None:
    (tmp_path / "fields.yaml").write_text(text)
    shown = read(str(SAMPLE), "--fields", str(tmp_path / "fields.yaml"), "--json")
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert list(told) == ["values", "found", "problems"]
    assert told["values"] == {"name": "Amina Yusuf", "phone": "+447700900077", "fax": None}
    assert [problem["field"] for problem in told["problems"]] == ["fax"]


def test_the_table_for_people() -> None:
    shown = read(str(SAMPLE))
    assert "Student name" in shown.output
    assert "Amina Yusuf" in shown.output
    assert "table 1, row 1" in shown.output


def test_the_country_is_that_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Phone: 030 123456\n")
    (tmp_path / "fields.yaml").write_text("phone: { label: Phone, type: phone }")
    shown = read(
        str(tmp_path / "letter.txt"),
        "--fields",
        str(tmp_path / "fields.yaml"),
        "--country",
        "DE",
        "--json",
    )
    assert json.loads(shown.stdout)["values"] == {"phone": "+4930123456"}


REFUSED = {
    "cut off": b"PK\x03\x04zzzz",
    "no document": b"\x7fELF\x00\x01\x02",
    "old Word": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_file_is_one_sentence_or_two(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.docx").write_bytes(REFUSED[kind])
    shown = read(str(tmp_path / "a.docx"))
    assert shown.exit_code == 1
    assert len(shown.output.strip().splitlines()) == 1
    assert shown.output.strip().endswith(".")


NO_FIELDS = {"empty": "", "a list": "[name]", "bad yaml": "name: { label: [x"}


@pytest.mark.parametrize("kind", NO_FIELDS)
def test_fields_that_are_none(tmp_path: Path, kind: str) -> None:
    (tmp_path / "fields.yaml").write_text(NO_FIELDS[kind])
    shown = read(str(SAMPLE), "--fields", str(tmp_path / "fields.yaml"))
    assert shown.exit_code == 1
    assert "fields.yaml" in shown.output
