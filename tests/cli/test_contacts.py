"""`ringback contacts`: from a spreadsheet, to a spreadsheet, and by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringback.cli import commands

FILE = """\
number,name,tags,class,opted_out_at,note
07700 900077,Amina Yusuf,parents;year 3,3B,,=1+1
+447700900078,Bo Lee,parents,,2026-06-28T14:30:00Z,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ringback.yaml").write_text("project: { name: Harbour School, country: GB }\n")
    (tmp_path / "in.csv").write_text(FILE)
    return tmp_path


def contacts(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(commands, ["contacts", *arguments, "--project", str(folder)])


def known(folder: Path, number: str = "+447700900077") -> dict[str, object]:
    found: dict[str, object] = json.loads(contacts(folder, "show", number, "--json").stdout)
    return found


def test_a_file_comes_in_and_goes_out(folder: Path) -> None:
    assert contacts(folder).output.strip() == "No contact yet."
    assert "2 contacts" in contacts(folder, "import", str(folder / "in.csv")).output
    first = known(folder)
    assert (first["name"], first["tags"]) == ("Amina Yusuf", ["parents", "year 3"])
    assert first["attributes"] == {"class": "3B", "note": "=1+1"}
    assert "+447700900078" in contacts(folder, "--opted-out").output
    assert "+447700900077" not in contacts(folder, "--opted-out").output
    assert "+447700900077" in contacts(folder, "--tag", "year 3").output
    out = folder / "out.csv"
    assert contacts(folder, "export", str(out)).exit_code == 0
    rows = list(csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["number"] for row in rows] == ["+447700900077", "+447700900078"]
    assert rows[0]["note"] == "'=1+1"
    before = contacts(folder, "--json").stdout
    assert contacts(folder, "import", str(out)).exit_code == 0
    after = contacts(folder, "--json").stdout
    for one, other in zip(json.loads(before), json.loads(after), strict=True):
        assert one | {"updated_at": 0} == other | {"updated_at": 0}


def test_by_hand_and_no_file_opts_anybody_in(folder: Path) -> None:
    assert "gets no more texts" in contacts(folder, "opt-out", "07700 900077").output
    contacts(folder, "import", str(folder / "in.csv"))
    assert known(folder)["opted_out_source"] == "by hand"
    assert "texts: no" in contacts(folder, "show", "+447700900077").output
    assert contacts(folder, "opt-in", "+447700900077").exit_code == 0
    assert known(folder)["opted_out_at"] is None
    assert "as before" in contacts(folder, "valid", "+447700900077").output


def test_every_bad_line_is_named_and_nothing_is_taken(folder: Path) -> None:
    (folder / "bad.csv").write_text("number,opted_out_at\n12,\n+447700900077,\n+447700900078,soon\n")  # fmt: skip
    shown = contacts(folder, "import", str(folder / "bad.csv"))
    assert shown.exit_code != 0
    said = shown.output
    assert "bad.csv:2:1" in said
    assert "bad.csv:4:1" in said
    assert contacts(folder).output.strip() == "No contact yet."
    (folder / "none.csv").write_text("phone\n1\n")
    assert "no column `number`" in contacts(folder, "import", str(folder / "none.csv")).output
